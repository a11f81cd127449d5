"""The explorer with a tiny model: each thing that one can do, by each back end."""

import base64
import io
import json

import numpy as np
import pytest
import tifffile

from icell_tf.viz.panels import bar_length

from ..conftest import LATENT, SPEC
from .explorers import composite

K = len(SPEC.structures)


@pytest.fixture
def model(make_model):
    return make_model()


@pytest.fixture
def images(small_cells):
    return [cell.image / np.float32(255) for cell in small_cells.all]


def require_decoded(explorer, image, model, z_r, z_s=(0,) * LATENT):
    """The page shows the cell at codes: the mean of the decoded reference channels, and each structure."""
    codes = (np.tile(np.float32(code), (K, 1)) for code in (z_r, z_s))
    cells = model.decode(np.eye(K, dtype=np.float32), *codes)["x_rs_hat"]
    x_r, predicted = SPEC.reference(cells).mean(axis=0), np.moveaxis(SPEC.structure(cells), 0, -1)
    explorer.require_pictures(SPEC, image, predicted, moved=x_r)


def code_of(model, image):
    return model.encode_reference(SPEC.reference(image[None]))["z_r"][0]


def test_the_first_cell_is_shown(explorer, model, images):
    explorer.open()
    typical = model.integrate(SPEC.reference(images[0][None]))["structures"][0]
    explorer.require_pictures(SPEC, images[0], typical)
    assert explorer.state == {"cell": "cell+0"}
    assert explorer.text("#pictures-heading") == "All structures in cell 0"
    assert explorer.text("#about").startswith("Model small: 3 structures, 32 × 32 px at 1.2 µm.")
    explorer.page.locator("#status").get_by_text("cell 0: typical localization.").wait_for(state="attached")
    length = bar_length(32 * 1.2)
    assert explorer.text(".scale-text") == f"{length} µm"
    share = "(bar) => bar.offsetWidth / document.getElementById('composite').offsetWidth"
    assert explorer.page.locator(".scale-bar").evaluate(share) == pytest.approx(length / (32 * 1.2), abs=0.01)


def test_a_cell_is_chosen_by_its_thumbnail_and_by_keyboard(explorer, model, images):
    explorer.open().choose("radio", "cell 1, TOM20")
    explorer.require_pictures(SPEC, images[1], model.integrate(SPEC.reference(images[1][None]))["structures"][0])
    explorer.page.keyboard.press("ArrowRight")
    explorer.settle()
    assert explorer.state == {"cell": "cell+2"}
    assert explorer.page.locator("#map input:checked").input_value() == "cell 2"
    assert explorer.page.evaluate("document.activeElement.value") == "cell 2"


def test_given_cells_are_on_the_map_and_called_public(explorer):
    explorer.open()
    assert "whoever can open it can copy them" in explorer.text("#public")
    explorer.page.get_by_text("Map of shapes").click()
    dots = explorer.page.locator("#map input")
    places = dots.evaluate_all("(all) => all.map((dot) => [dot.value, parseFloat(dot.style.left)])")
    assert sorted(name for name, _ in places) == [f"cell {i}" for i in range(5)]
    assert [left for _, left in places] == sorted(left for _, left in places)
    dots.nth(3).click()
    explorer.settle()
    assert explorer.state["cell"] == places[3][0].replace(" ", "+")
    explorer.page.keyboard.press("ArrowRight")
    explorer.settle()
    assert explorer.state["cell"] == places[4][0].replace(" ", "+")


def test_draws_are_those_of_the_seed(explorer, model, images):
    explorer.open("cell=cell+1").choose("radio", "One draw")
    x_r = SPEC.reference(images[1][None])
    explorer.page.locator("#draw").fill("3")
    explorer.page.locator("#seed").fill("-7")
    explorer.settle()
    explorer.require_pictures(SPEC, images[1], list(model.draw(x_r, 3, seed=-7))[2][0])
    assert explorer.state == {"cell": "cell+1", "view": "draw", "draw": "3", "seed": "-7"}
    explorer.choose("button", "Next seed")
    explorer.require_pictures(SPEC, images[1], list(model.draw(x_r, 3, seed=-6))[2][0])


def test_the_spread_is_the_standard_deviation_of_draws(explorer, model, images):
    explorer.open("view=spread&draws=4&seed=5&cell=cell+2")
    spread = model.integrate(SPEC.reference(images[2][None]), samples=4, seed=5)["std"][0]
    explorer.require_pictures(SPEC, images[2], spread)
    assert "standard deviation of 4 draws" in explorer.text("#caption")


@pytest.mark.parametrize("contrast", ["none", "max"])
def test_contrast(explorer, model, images, contrast):
    explorer.open()
    explorer.page.get_by_label("Contrast").select_option(contrast)
    explorer.settle()
    typical = model.integrate(SPEC.reference(images[0][None]))["structures"][0]
    explorer.require_pictures(SPEC, images[0], typical, contrast)
    assert explorer.state["contrast"] == contrast


def test_structures_are_left_out_and_faded(explorer, model, images):
    explorer.open("contrast=none")
    typical = model.integrate(SPEC.reference(images[0][None]))["structures"][0]
    x_r = SPEC.reference(images[0])
    explorer.choose("checkbox", "lamin B1")
    explorer.slide("#legend li:nth-child(3) input[type=range]", 40)
    assert explorer.state == {"cell": "cell+0", "contrast": "none", "hide": "lamin-b1", "opacity": "zo1:40"}
    expected = composite(x_r, typical * np.float32([0, 1, 0.4]), SPEC.structures, "none")
    assert explorer.difference("#composite", expected) <= 3
    assert explorer.text("#legend li:nth-child(3) output") == "40 %"
    explorer.choose("button", "None")
    assert explorer.state["hide"] == "lamin-b1,tom20,zo1"
    assert explorer.difference("#composite", composite(x_r, 0 * typical, SPEC.structures, "none")) <= 3
    explorer.choose("button", "All")
    assert "hide" not in explorer.state


def test_codes_are_moved_by_sliders(explorer, model, images):
    explorer.open("cell=cell+1")
    z_r = code_of(model, images[1])
    shown = {code: explorer.page.locator(f"#{code}-2").input_value() for code in ("z_r", "z_s")}
    assert float(shown["z_r"]) == pytest.approx(z_r[1], abs=1e-3) and float(shown["z_s"]) == 0
    explorer.slide("#z_r-2", 1.5)
    z_r[1] = 1.5
    require_decoded(explorer, images[1], model, z_r)
    explorer.page.get_by_text("Change the structures").click()
    explorer.slide("#z_s-1", -2)
    require_decoded(explorer, images[1], model, z_r, [-2, 0, 0, 0])
    assert explorer.state == {"cell": "cell+1", "z_r": "2:1.50", "z_s": "1:-2.00"}
    assert "Decoded" in explorer.text("#caption")
    assert explorer.page.get_by_label("One draw").is_disabled()
    explorer.choose("button", "Back to the cell")
    assert explorer.state == {"cell": "cell+1"}
    explorer.require_pictures(SPEC, images[1], model.integrate(SPEC.reference(images[1][None]))["structures"][0])


def test_sliders_are_moved_by_keyboard(explorer):
    explorer.open().page.get_by_label("z_r 1", exact=True).focus()
    before = float(explorer.page.locator("#z_r-1").input_value())
    explorer.page.keyboard.press("ArrowRight")
    explorer.settle()
    assert float(explorer.state["z_r"].removeprefix("1:")) > before
    assert explorer.text("#z_r-1 + output").replace("−", "-").lstrip("+") == explorer.state["z_r"].removeprefix("1:")


def test_the_walk_between_two_cells(explorer, model, images):
    from icell_tf.inference.latent_space import slerp

    explorer.open().page.get_by_label("Walk to").select_option("cell 3")
    explorer.settle().slide("#share", 30)
    assert explorer.state == {"cell": "cell+0", "to": "cell+3", "share": "30"}
    (z_r,) = slerp(code_of(model, images[0]), code_of(model, images[3]), [0.3])
    require_decoded(explorer, images[0], model, z_r)
    assert explorer.text("#cell-name") == "a cell between cell 0 and cell 3"


def test_new_cells_and_the_locked_seed(explorer, model):
    explorer.open("seed=4").page.get_by_text("A new cell").click()

    def draw(name):
        explorer.page.locator("#new-structure").select_option(name)
        explorer.choose("button", "Draw a cell")
        return explorer.state

    def require(y, seed):
        image = model.sample([y], seed)["x_rs"][0]
        explorer.require_pictures(SPEC, image, model.integrate(SPEC.reference(image[None]))["structures"][0])

    assert draw("tom20") == {"new": "tom20", "seed": "4"}
    require(1, 4)
    assert draw("tom20") == {"new": "tom20", "seed": "5"}
    explorer.page.get_by_label("Lock seed").check()
    assert draw("zo1") == {"new": "zo1", "seed": "5", "lock": "1"}
    require(2, 5)
    assert explorer.page.get_by_role("button", name="Next seed").is_disabled()


STATES = [
    "cell=cell+3&view=draw&draw=2&seed=9&contrast=max&lock=1&hide=tom20&opacity=zo1:35",
    "cell=cell+1&to=cell+2&share=55&z_r=3:-1.25&z_s=2:0.50,4:3.00",
    "new=zo1&view=spread&draws=4&seed=12",
]


@pytest.mark.parametrize("state", STATES)
def test_the_address_restores_what_was_shown(explorer, state):
    explorer.open(state)
    pictures = explorer.page.locator("#composite").evaluate("(canvas) => canvas.toDataURL()")
    assert explorer.state == dict(part.split("=") for part in state.split("&"))
    explorer.open()
    assert explorer.page.locator("#composite").evaluate("(canvas) => canvas.toDataURL()") != pictures
    explorer.page.evaluate("(state) => { location.hash = state; }", state)  # as by the button Back
    explorer.page.wait_for_function(
        "(state) => document.getElementById('composite-figure').dataset.shown === '#' + state", arg=state
    )
    assert explorer.page.locator("#composite").evaluate("(canvas) => canvas.toDataURL()") == pictures


def test_what_an_address_gets_wrong_is_said(explorer):
    explorer.open("cell=nobody&view=draw&draw=0&seed=%E0%A4%A&z_r=9:1&file=mine")
    said = explorer.text("#problem")
    for part in ("cell=nobody", "draw=0", "seed=%E0%A4%A", "z_r=9:1", "a cell from a file, mine"):
        assert part in said
    assert explorer.state == {"cell": "cell+0", "view": "draw"}


def test_classes_are_bars(explorer, model, images):
    explorer.open("cell=cell+1")
    probabilities = model.classify(images[1][None])["probabilities"][0]
    explorer.page.wait_for_selector("#classes:not([hidden])")
    order = explorer.page.locator("#bars li").evaluate_all("(all) => all.map((bar) => bar.dataset.structure)")
    assert order == [SPEC.structures[k] for k in np.argsort(-probabilities)]
    for k, name in enumerate(SPEC.structures):
        bar = explorer.page.locator(f"#bars li[data-structure={name}]")
        assert bar.locator(".number").inner_text() == f"{100 * probabilities[k]:.1f} %"
        width = bar.locator(".bar-length").evaluate("(e) => e.clientWidth / e.parentElement.clientWidth")
        assert width == pytest.approx(probabilities[k], abs=0.03)
    assert "The cell's label says TOM20." in explorer.text("#class-text")
    assert not explorer.page.locator("#unknown").is_visible()


def saved(explorer, button, tmp_path):
    with explorer.page.expect_download() as download:
        explorer.page.get_by_role("button", name=button).click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_picture_is_saved(explorer, tmp_path):
    from PIL import Image

    explorer.open("cell=cell+1&view=draw&draw=2")
    path = saved(explorer, "Save PNG", tmp_path)
    assert path.name == "cell-1_draw-2-seed-0.png"
    url = explorer.page.locator("#composite").evaluate("(canvas) => canvas.toDataURL()")
    canvas = io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))
    picture, shown = (np.asarray(Image.open(file).convert("RGB")).astype(int) for file in (path, canvas))
    left, top = 16, 16 + 24  # of the large picture, 768 px; the scale bar covers its corner
    part = slice(0, 700)
    assert np.abs(picture[top : top + 768, left : left + 768][part] - shown[part]).max() <= 2


def test_numbers_are_saved_and_read_again(explorer, model, images, tmp_path):
    explorer.open("cell=cell+1")
    path = saved(explorer, "Save OME-TIFF", tmp_path)
    assert path.name == "cell-1_typical.ome.tif"
    typical = model.integrate(SPEC.reference(images[1][None]))["structures"][0]
    with tifffile.TiffFile(path) as file:
        planes, metadata = file.asarray(), tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    names = [channel["Name"] for channel in metadata["Channel"]]
    assert names == ["membrane", "nucleus", *SPEC.structures, "observed structure"]
    assert metadata["PhysicalSizeX"] == 1.2
    expected = np.concatenate([SPEC.reference(images[1]), typical, images[1][..., 2:]], axis=-1)
    np.testing.assert_allclose(np.moveaxis(planes, 0, -1), expected, atol=1e-4)

    explorer.open().page.locator("#own-file").set_input_files(path)
    explorer.page.get_by_text("is shown.").wait_for()
    explorer.settle()
    assert explorer.state == {"file": "cell+1"}
    explorer.require_pictures(SPEC, images[1], typical)


def test_a_cell_of_another_model_is_refused_with_what_differs(explorer, images, tmp_path):
    from safetensors.numpy import save

    spec = SPEC.to_dict() | {"pixel_size": [0.6, 0.6]}
    path = tmp_path / "other.safetensors"
    path.write_bytes(save({"image": np.zeros(SPEC.image_shape, np.uint8)}, {"spec": json.dumps(spec)}))
    explorer.open().page.locator("#own-file").set_input_files(path)
    explorer.page.wait_for_selector("#own-message:not([hidden])")
    assert "pixel_size 1.2 x 1.2 in the model, 0.6 x 0.6 in the file" in explorer.text("#own-message")
    assert explorer.settle().state == {"cell": "cell+0"}


def test_a_file_is_dropped_on_the_page(explorer, images, tmp_path):
    from safetensors.numpy import save

    given = save({"image": np.uint8(np.rint(255 * images[2]))}, {"spec": json.dumps(SPEC.to_dict()), "name": "mine"})
    explorer.open().page.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(bytes)], "mine.safetensors"));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        list(given),
    )
    explorer.page.wait_for_function("() => document.getElementById('cell-name').textContent === 'mine'")
    assert explorer.settle().state == {"file": "mine"}


def test_what_the_model_refuses_is_said(explorer):
    explorer.open()
    explorer.page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('no')); }")
    explorer.page.evaluate(
        "() => { Worker.prototype.postMessage = () => { throw new Error('The worker is gone.'); }; }"
    )
    explorer.page.get_by_label("One draw", exact=True).click()
    explorer.page.wait_for_selector("#problem:not([hidden])")
    assert explorer.text("#problem") in (
        "The server does not answer: see whether it still runs.",
        "The worker is gone.",
    )


KNOWN = {
    "threshold": 2.5,
    "accepted": 0.95,
    "rates": {
        "accepted": {"value": 0.948, "interval": [0.92, 0.97], "n": 400},
        "rejected": {"value": 0.625, "interval": [0.51, 0.73], "n": 80, "structures": ["tom20"]},
    },
}


@pytest.mark.parametrize("distance, said", [(2.6, "Unknown:"), (2.4, "The picture is like those")])
def test_unknown_cells_are_called_so_with_the_rates(explorer, distance, said):
    explorer.open().page.evaluate(
        """async ([known, distance]) => {
            const { showClasses } = await import("./legend.js");
            const config = await (await fetch("explorer.json")).json();
            config.model.description.known = known;
            const answer = { probabilities: { data: [0.5, 0.3, 0.2] }, distance: { data: [distance] } };
            showClasses(config, { kind: "cell", structure: null }, answer);
        }""",
        [KNOWN, distance],
    )
    text = explorer.text("#unknown")
    assert text.startswith(said)
    assert "of 400 with known structures the model accepts 94.8 %" in text
    assert "of 80 with structures that it had not learned it calls 62.5 % unknown" in text
