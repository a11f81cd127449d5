"""One's own stack, read by the server."""

import numpy as np
import pytest
import tifffile

from icell_tf.inference import inputs
from icell_tf.simulate import simulate_cell

from ..conftest import SPEC
from .explorers import Explorer


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    """A simulated cell as files: its stack without names of channels, and its masks."""
    made, folder = simulate_cell(seed=1, y=0, pixel_size=1.2), tmp_path_factory.mktemp("cell")
    stack, masks = folder / "mine.tif", folder / "masks.tif"
    tifffile.imwrite(stack, made.channels, metadata={"axes": "CZYX"}, imagej=False)
    tifffile.imwrite(masks, np.stack([made.cell_mask, made.nucleus_mask]).astype(np.uint8), metadata={"axes": "CZYX"})
    return stack, masks, ",".join(f"{size:g}" for size in made.scale)


@pytest.fixture
def explorer(page, make_model, small_cells, answer):
    return Explorer(page, answer(make_model(), "small", small_cells)).open()


def test_a_stack_with_masks_is_shown(explorer, make_model, cell):
    stack, masks, scale = cell
    page, model = explorer.page, make_model()
    page.locator("#own-file").set_input_files(stack)
    page.get_by_label("Pixel size in µm").fill(scale)
    page.get_by_label("Channels", exact=True).fill("membrane:0,nucleus:1,structure:2")
    page.get_by_label("A file of their own").check()
    page.get_by_label("File of masks", exact=True).set_input_files(masks)
    page.get_by_label("Channels of the masks").fill("cell:0,nucleus:1")
    page.get_by_role("button", name="Show this cell").click()
    page.get_by_text("mine.tif is shown.").wait_for()
    assert explorer.settle().state == {"file": "mine"}
    reading = inputs.Reading(
        segmentation=(str(masks),),
        channels={"membrane": 0, "nucleus": 1, "structure": 2},
        segmentation_channels={"cell": 0, "nucleus": 1},
        pixel_size=tuple(map(float, scale.split(","))),
    )
    (found,) = inputs.read_inputs([stack], model, reading)
    image = found.image / np.float32(255)
    explorer.require_pictures(SPEC, image, model.integrate(SPEC.reference(image[None]))["structures"][0])
    assert page.locator("#classes").is_visible()


def test_what_the_server_refuses_is_said_in_its_words(explorer, cell, wrong):
    stack, _, _ = cell
    explorer.page.locator("#own-file").set_input_files(stack)
    explorer.page.get_by_role("button", name="Show this cell").click()
    explorer.page.wait_for_selector("#own-message:not(.good):not([hidden])")
    assert explorer.text("#own-message").startswith("mine.tif: its metadata has no pixel size")
    assert explorer.settle().state == {"cell": "cell+0"}
    assert [text for text in wrong if "400" in text]  # Chromium says it, too
    wrong.clear()
