"""OME-Zarrs that are written are those of the specification, version 0.4, and are read back as they were."""

import asyncio
import json
import math
import signal
import threading
import time

import numpy as np
import pytest
from zarr.storage import LocalStore

from icell_tf.files import atomic_folder
from icell_tf.imaging.ome_zarr import OmeZarr
from icell_tf.imaging.read import read_stack
from icell_tf.spec import CellSpec

NAMES = ["membrane", "nucleus", "zo1"]


@pytest.mark.parametrize("scale", [(0.5, 0.25), (2.0, 0.5, 0.25)])
def test_an_image_is_read_back(tmp_path, scale):
    planes = np.random.default_rng(0).random((3, 4, 5, 6)[: 1 + len(scale)], np.float32)
    with OmeZarr(tmp_path / "a.ome.zarr") as zarr:
        zarr.add(planes, NAMES, scale, "a cell")
    stack = read_stack(tmp_path / "a.ome.zarr")
    assert stack.channels == tuple(NAMES) and stack.scale[-len(scale) :] == scale
    np.testing.assert_array_equal(stack.data.reshape(planes.shape), planes)


def attributes(folder):
    return json.loads((folder / ".zattrs").read_text())


def test_metadata_are_those_of_the_specification(tmp_path):
    spec = CellSpec("ZYX", (4, 16, 16), (2.0, 0.5, 0.5), ("zo1",))
    planes = np.zeros((3, *spec.shape), np.float32)
    planes[1, 2, 3, 4] = 0.5
    with OmeZarr(tmp_path) as zarr:
        zarr.add(planes, NAMES, spec.pixel_size, "a cell", spec, colors=[(1, 0, 0.6), (0, 1, 0), (1, 1, 1)])
    found = attributes(tmp_path)
    (image,) = found["multiscales"]
    assert image["version"] == "0.4" and image["name"] == "a cell"
    space = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    assert image["axes"] == [{"name": "c", "type": "channel"}, *space]
    scale = {"type": "scale", "scale": [1.0, 2.0, 0.5, 0.5]}
    assert image["datasets"] == [{"path": "0", "coordinateTransformations": [scale]}]
    channels = found["omero"]["channels"]
    assert [(channel["label"], channel["color"]) for channel in channels] == list(
        zip(NAMES, ("FF0099", "00FF00", "FFFFFF"), strict=True)
    )
    assert [channel["window"]["end"] for channel in channels] == [1, 0.5, 1]
    assert CellSpec.from_dict(found["icell_tf/spec"]) == spec
    array = json.loads((tmp_path / "0" / ".zarray").read_text())
    assert array["zarr_format"] == 2 and array["dimension_separator"] == "/" and array["compressor"]["id"] == "zlib"
    assert array["chunks"] == [1, 4, 16, 16]


def test_several_images_are_numbered_groups(tmp_path):
    planes = np.random.default_rng(0).random((3, 4, 5, 6), np.float32)
    with OmeZarr(tmp_path, several=True) as zarr:
        for i in range(11):
            zarr.add(planes + i, NAMES, (2.0, 0.5, 0.5), f"draw {i}")
    assert attributes(tmp_path) == {"bioformats2raw.layout": 3}
    assert attributes(tmp_path / "OME") == {"series": [str(i) for i in range(11)]}
    np.testing.assert_array_equal(read_stack(tmp_path, scene=10).data, planes + 10)


def test_an_unknown_size_has_no_unit(tmp_path):
    with OmeZarr(tmp_path) as zarr:
        zarr.add(np.zeros((3, 2, 4, 4), np.float32), NAMES, (math.nan, 0.5, 0.5), "a")
    assert "unit" not in attributes(tmp_path)["multiscales"][0]["axes"][1]
    assert math.isnan(read_stack(tmp_path).scale[0])


def test_an_interruption_leaves_no_part_that_zarr_goes_on_writing(tmp_path, monkeypatch):
    planes = np.random.default_rng(0).random((8, 1, 4, 4), np.float32)  # a file for each channel
    write, begun = LocalStore.set, []

    async def interrupted(store, key, value):
        if key.rpartition("/")[2].isdigit():  # a part of the array: the others are descriptions
            if not begun:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            begun.append(key)
            await asyncio.sleep(0.2)
        await write(store, key, value)

    monkeypatch.setattr(LocalStore, "set", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it in the background
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            atomic_folder(tmp_path / "a.ome.zarr") as folder,
            OmeZarr(folder) as zarr,
        ):
            zarr.add(planes, [str(i) for i in range(8)], (2.0, 0.5, 0.5), "a cell")
    finally:
        signal.signal(signal.SIGINT, before)
    time.sleep(0.5)
    assert begun and not list(tmp_path.iterdir())
