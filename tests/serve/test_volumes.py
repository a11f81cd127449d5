"""POST /integrate of a model of volumes: an answer of volumes, and what is refused with the names that were sent."""

import io
import re

import numpy as np
import pytest
import tifffile
from starlette.testclient import TestClient

from icell_tf import networks
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.inference.backends import Networks
from icell_tf.inference.integrator import Integrator
from icell_tf.serve.app import create_app
from icell_tf.serve.settings import Settings

from ..bad_volumes import FAULTS, MASKS, NAMES, SCALE, SHAPE, SPEC, make_cell, write
from .conftest import URL
from .test_tf_serving import PREDICT

TINY = {"latent_dim": 4, "width": 1 / 64, "architecture": "paper"}
INDICES = {"channels": "membrane:0,nucleus:1,structure:2", "segmentation_channels": "cell:0,nucleus:1"}


@pytest.fixture(scope="module")
def volumes():
    """A client of a server of tiny networks for `SPEC`."""
    count = len(SPEC.structures)
    encoder = networks.build_conditional_encoder(SPEC.shape, 3, count, **TINY)
    decoder = networks.build_conditional_decoder(SPEC.shape, 3, count, **TINY)
    reference = networks.build_reference_encoder(SPEC.shape, 2, **TINY)
    with TestClient(create_app(Integrator(Networks(SPEC, reference, encoder, decoder)), Settings()), URL) as client:
        yield client


def send(client, stack, masks, **fields):
    files = {"stack": (stack.name, stack.read_bytes()), "segmentation": (masks.name, masks.read_bytes())}
    return client.post("/integrate", files=files, data=fields)


def test_a_stack_is_answered_as_a_volume(volumes, tmp_path):
    channels, masks = make_cell()
    files = write(tmp_path / "a.ome.tif", channels, NAMES), write(tmp_path / "m.ome.tif", masks, MASKS)
    found = send(volumes, *files).json()
    expected = preprocess(channels, *masks, SCALE, Frame(SPEC.shape, SPEC.pixel_size)).image
    np.testing.assert_allclose(found["image"], expected / np.float32(255), atol=1e-6)
    assert np.shape(found["structures"]) == (*SPEC.shape, len(SPEC.structures))
    answer = send(volumes, *files, format="tiff", original_frame="true")
    with tifffile.TiffFile(io.BytesIO(answer.content)) as tiff:
        depth, *plane = SHAPE
        assert tiff.series[0].shape == (depth, 2 + len(SPEC.structures) + 1, *plane)
        assert 'PhysicalSizeZ="0.5"' in tiff.ome_metadata


@pytest.mark.parametrize("name", FAULTS)
def test_bad_stacks_are_refused_with_the_names_that_were_sent(volumes, tmp_path, name):
    fault = FAULTS[name]
    stack, masks = fault.write(tmp_path, *make_cell())
    given = {"axes": fault.axes, "pixel_size": fault.pixel_size and ",".join(map(str, fault.pixel_size))}
    answer = send(volumes, stack, masks, **INDICES, **{field: text for field, text in given.items() if text})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error.startswith(f"{stack.name}: ") and str(tmp_path) not in error
    assert re.search(fault.message, error) and "--" not in error.replace("--config", "")


@pytest.mark.parametrize("sizes", ["0,0.4,0.4", "nan,0.4,0.4", "-0.5,0.4,0.4", "0.4,0.4"])
def test_pixel_sizes_that_are_none_are_refused_by_the_field(volumes, tmp_path, sizes):
    files = (write(tmp_path / "a.ome.tif", make_cell()[0], NAMES), write(tmp_path / "m.ome.tif", make_cell()[1], MASKS))
    answer = send(volumes, *files, pixel_size=sizes)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(
        f"`pixel_size` is '{sizes}', but must be µm per pixel, as 0.2, or as z,y,x"
    )


def test_pictures_are_refused_by_their_shape(volumes):
    x_r = np.zeros((1, *SPEC.plane_shape, 2)).tolist()
    answer = volumes.post(PREDICT, json={"inputs": {"x_r": x_r}})
    assert answer.status_code == 400
    assert "x_r has shape (1, 32, 32, 2), but must be (B, 16, 32, 32, 2)" in answer.json()["error"]
