// From what a person has chosen to what the model answers: the arrays that are drawn.

import { reference, hasStructure } from "./cellfile.js";
import { decodeInputs, movedCodes, takeApart } from "./codes.js";
import { batch, integers, moments, row } from "./model.js";

const REMEMBERED = 12; // answers that are kept of a cell

/**
 * A cell to be shown: what `cellfile.js` reads, with what the model has answered about it.
 *
 * Args: a Cell; the spec; kind: "cell", "new" or "file".
 */
export function subjectOf(cell, spec, kind) {
    const x_r = reference(cell.image, spec), labelled = hasStructure(cell.image, spec);
    return { ...cell, kind, x_r, labelled, answers: new Map() };
}

/** A new cell. Args: the model; a structure's name; the seed. Returns: a subject. */
export async function sampled(model, name, seed) {
    const { config } = model, { spec } = config.model.description;
    const y = config.structures.findIndex((structure) => structure.name === name);
    const { x_rs } = await model.call("sample", { y: integers([y]), seed: integers([seed]) });
    return subjectOf({ name: `new-${name}-${seed}`, structure: name, image: row(x_rs, 0) }, spec, "new");
}

/** What the model says of the labelled structure: the outputs of `classify`, without the batch axis. */
export function classified(model, subject) {
    return remembered(subject, "classify", async () => {
        const answer = await model.call("classify", { x_rs: batch(subject.image) });
        return Object.fromEntries(Object.entries(answer).map(([name, tensor]) => [name, row(tensor, 0)]));
    });
}

/**
 * Asks the model for what a state shows.
 *
 * Args:
 *   model, subject, state: the model, the cell, and what was chosen.
 *   stale: a function that says whether nobody waits for the answer any more.
 *   progress: a function of the number of draws made, and of all.
 *
 * Returns: {reference (..., R), structures (..., K), z_r (Z), moved: codes or null, shown: "typical", "draw", "spread"
 *   or "moved"}, or null if it was stale.
 */
export async function compute(model, subject, state, { stale, progress }) {
    const { config } = model;
    const typical = await remembered(subject, "integrate", () => model.call("integrate", { x_r: batch(subject.x_r) }));
    const z_r = row(typical.z_r, 0).data;
    const target = config.cells.find((cell) => cell.name === state.to);
    const moved = movedCodes(z_r, state, target ? target.z_r : null);
    if (moved) {
        const { x_rs_hat } = await model.call("decode", decodeInputs(moved, config.structures.length));
        return { ...takeApart(x_rs_hat), z_r, moved, shown: "moved" };
    }
    const scene = { reference: subject.x_r, structures: row(typical.structures, 0), z_r, moved, shown: state.view };
    if (state.view === "draw") {
        scene.structures = await drawn(model, subject, state.seed, state.draw - 1);
    } else if (state.view === "spread") {
        scene.structures = await spread(model, subject, state, { stale, progress });
    }
    return scene.structures && scene;
}

function drawn(model, subject, seed, draw) {
    return remembered(subject, `draw ${seed} ${draw}`, async () => {
        const inputs = { x_r: batch(subject.x_r), seed: integers([seed]), draw: integers([draw]) };
        return row((await model.call("integrate_draw", inputs)).structures, 0);
    });
}

async function spread(model, subject, { seed, draws }, { stale, progress }) {
    const key = `spread ${seed} ${draws}`, all = [];
    for (let i = 0; i < draws && !subject.answers.has(key); i++) {
        progress(i, draws);
        all.push(await drawn(model, subject, seed, i));
        if (stale()) {
            return null;
        }
    }
    progress(draws, draws);
    return remembered(subject, key, async () => moments(all).std);
}

/** An answer about a subject, asked for once; a failed one is asked for again. */
function remembered(subject, key, ask) {
    const { answers } = subject;
    if (!answers.has(key)) {
        const answer = ask();
        answers.set(key, answer);
        answer.catch(() => answers.delete(key));
        const old = [...answers.keys()].find((each) => each.startsWith("draw") || each.startsWith("spread"));
        if (answers.size > REMEMBERED) {
            answers.delete(old);
        }
    }
    return answers.get(key);
}

/** Runs `work(request, stale)` for the newest request only: one at a time, and those between are left out. */
export function newest(work) {
    let running = false, waiting = null;
    return async (request) => {
        waiting = request;
        if (running) {
            return;
        }
        running = true;
        try {
            while (waiting !== null) {
                const now = waiting;
                waiting = null;
                await work(now, () => waiting !== null);
            }
        } finally {
            running = false;
        }
    };
}
