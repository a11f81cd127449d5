"""The explorer with a model of volumes, which it shows as their maximum along z."""

import numpy as np
import tifffile

from icell_tf.inference.inputs import InputCell
from icell_tf.serve.site import Cells

from ..made_up import VOLUMES
from .explorers import Explorer


def test_volumes_are_shown_and_saved(page, make_model, answer, tmp_path):
    model, rng = make_model(VOLUMES), np.random.default_rng(0)
    cell = InputCell("volume", "made up", rng.integers(0, 256, VOLUMES.image_shape, np.uint8), model.structures[0])
    explorer = Explorer(page, answer(model, "volumes", Cells([cell], []))).open()
    image = cell.image / np.float32(255)
    typical = model.integrate(VOLUMES.reference(image[None]))["structures"][0]
    explorer.require_pictures(VOLUMES, image, typical)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save OME-TIFF").click()
    download.value.save_as(tmp_path / "saved.ome.tif")
    saved = tifffile.imread(tmp_path / "saved.ome.tif")
    expected = np.concatenate([VOLUMES.reference(image), typical, image[..., -1:]], axis=-1)
    np.testing.assert_allclose(saved.reshape(-1, *VOLUMES.shape), np.moveaxis(expected, -1, 0), atol=1e-4)
