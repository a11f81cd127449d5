"""The explorer with a model of volumes, which it shows as their maximum along z, or plane by plane."""

import numpy as np
import pytest
import tifffile

from icell_tf.inference.inputs import InputCell
from icell_tf.serve.site import Cells, write_site

from ..made_up import VOLUMES
from .explorers import Explorer


@pytest.mark.parametrize("back_end", ["rest", "onnx"])
def test_volumes_are_shown_and_saved(page, make_model, answer, serve, tmp_path, back_end):
    model, rng = make_model(VOLUMES), np.random.default_rng(0)
    cell = InputCell("volume", "made up", rng.integers(0, 256, VOLUMES.image_shape, np.uint8), model.structures[0])
    cells = Cells([cell], [])
    if back_end == "rest":
        url = answer(model, "volumes", cells)
    else:
        url = serve(write_site(model, "volumes", tmp_path / "site", cells))
    explorer = Explorer(page, url).open()
    image = cell.image / np.float32(255)
    typical = model.integrate(VOLUMES.reference(image[None]))["structures"][0]
    explorer.require_pictures(VOLUMES, image, typical)
    assert explorer.text("#z-text") == "The maximum along z is shown."
    explorer.slide("#z", 4)
    assert explorer.state["z"] == "4"
    assert explorer.text("#z-text") == "Plane 4 of 8 is shown, z = -0.5 µm from the middle."
    explorer.require_pictures(VOLUMES, image, typical, z=4)
    explorer.open("z=8").require_pictures(VOLUMES, image, typical, z=8)
    explorer.open("z=9")
    assert "z=9" in explorer.text("#problem")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save OME-TIFF").click()
    download.value.save_as(tmp_path / "saved.ome.tif")
    saved = tifffile.imread(tmp_path / "saved.ome.tif")
    expected = np.concatenate([VOLUMES.reference(image), typical, image[..., -1:]], axis=-1)
    np.testing.assert_allclose(saved, np.moveaxis(expected, -1, 1), atol=1e-4)
