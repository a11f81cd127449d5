"""The explorer with the model that ships: its pictures, by each back end, and how fast they come."""

import numpy as np
import pytest

from .explorers import Explorer

CELL = "tom20-0274"
# Times from moving a slider to the picture, one after the other.
SLIDE = """async (steps) => {
    const figure = document.getElementById("composite-figure"), times = [];
    const slider = document.querySelector("#z_r input");
    for (let i = 0; i < steps; i++) {
        const begin = performance.now();
        slider.value = i / steps - 0.5;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        while (figure.dataset.shown !== figure.dataset.wanted) {
            await new Promise((resolve) => { setTimeout(resolve); });
        }
        times.push(performance.now() - begin);
    }
    return times;
}"""
INTEGRATE = """async (repeats) => {
    const { openModel, batch } = await import("./model.js"), { readExample, reference } = await import("./cellfile.js");
    const config = await (await fetch("explorer.json")).json(), { spec } = config.model.description, times = [];
    const [model, { image }] = [await openModel(config), await readExample(config.cells[0], spec)];
    for (let i = 0; i < repeats; i++) {
        const begin = performance.now();
        await model.call("integrate", { x_r: batch(reference(image, spec)) });
        times.push(performance.now() - begin);
    }
    return times;
}"""


@pytest.fixture(params=["onnx", "rest"])
def explorer(request, page):
    return Explorer(page, request.getfixturevalue(f"shipped_{request.param}"))


def test_pictures_are_the_integrators(explorer, shipped):
    model, cells = shipped
    (image,) = (cell.image / np.float32(255) for cell in cells.all if cell.name == CELL)
    x_r = model.spec.reference(image[None])
    explorer.open(f"cell={CELL}").require_pictures(model.spec, image, model.integrate(x_r)["structures"][0])
    explorer.open(f"cell={CELL}&view=draw&draw=2&seed=3")
    explorer.require_pictures(model.spec, image, list(model.draw(x_r, 2, seed=3))[1][0])
    explorer.open("new=fibrillarin&seed=1")
    new = model.sample([model.structures.index("fibrillarin")], 1)["x_rs"]
    explorer.require_pictures(model.spec, new[0], model.integrate(model.spec.reference(new))["structures"][0])


def test_how_fast_it_is(explorer, request, capsys):
    explorer.open(f"cell={CELL}")
    slides, calls = explorer.page.evaluate(SLIDE, 20), explorer.page.evaluate(INTEGRATE, 8)
    with capsys.disabled():
        print(f"\n{request.node.callspec.id}: from slider to picture {np.median(slides):.0f} ms, ", end="")
        print(f"integrate {np.median(calls[1:]):.0f} ms (medians; {max(slides):.0f} and {max(calls[1:]):.0f} at most)")
