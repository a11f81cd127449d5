"""What is asked of a model while sliders move."""

from .arrays import run


def test_only_the_newest_request_is_answered_next(blank):
    code = """const { newest } = await import("./scene.js"), seen = [], left = [];
        let go;
        const ask = newest(async (request, stale) => {
            seen.push(request);
            if (request === 1) {
                await new Promise((resolve) => { go = resolve; });
                left.push(stale());
            }
        });
        const first = ask(1);
        ask(2);
        ask(3);
        ask(4);
        go();
        await first;
        await ask(5);
        return { seen, left };"""
    assert run(blank, code) == {"seen": [1, 4, 5], "left": [True]}


def test_a_request_that_fails_does_not_stop_the_next(blank):
    code = """const { newest } = await import("./scene.js"), seen = [];
        const ask = newest(async (request) => {
            seen.push(request);
            if (request === 1) {
                throw new Error("no");
            }
        });
        await ask(1).catch(() => {});
        await ask(2);
        return seen;"""
    assert run(blank, code) == [1, 2]
