"""OME-TIFFs that are written: types that hold intensities without loss, metadata, and the order of planes."""

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.ome import OmeTiff, ome_metadata, ome_type
from icell_tf.imaging.read import read_stack


@pytest.mark.parametrize(
    ("dtype", "low", "high", "expected"),
    [
        ("uint16", 0, 3, "uint16"),  # OME has it
        (">u2", 0, 3, "uint16"),
        ("float64", 0, 3, "float64"),
        ("bool", 0, 1, "uint8"),
        ("float16", -1, 3, "float32"),
        ("int64", 0, 255, "uint8"),
        ("int64", -1, 127, "int8"),
        ("uint64", 0, 256, "uint16"),
        ("int64", -1, 40000, "int32"),
        ("int64", 0, 2**32 - 1, "uint32"),
        ("int64", -1, 2**32, "float64"),
        ("uint64", 0, 2**53, "float64"),
    ],
)
def test_the_smallest_type_that_holds_all_channels(dtype, low, high, expected):
    channels = [np.array([[low, low]], dtype), np.array([[low, high]], dtype)]
    found = ome_type(channels)
    assert found == np.dtype(expected) and found.isnative
    np.testing.assert_array_equal(channels[1].astype(found), channels[1])


@pytest.mark.parametrize(("dtype", "values"), [("uint64", [0, 2**53 + 1]), ("int64", [-(2**53) - 1, 0])])
def test_integers_that_no_type_holds_are_refused(dtype, values):
    with pytest.raises(ValueError, match=rf"go from {min(values)} to {max(values)}.*32 bits"):
        ome_type([np.array(values, dtype)])


def test_metadata_leave_out_an_unknown_size():
    found = ome_metadata(("a", "b"), (float("nan"), 0.2, 0.3))
    sizes = {"PhysicalSizeY": 0.2, "PhysicalSizeYUnit": "µm", "PhysicalSizeX": 0.3, "PhysicalSizeXUnit": "µm"}
    assert found == {"axes": "ZCYX", "Channel": {"Name": ["a", "b"]}, **sizes}


def test_colours_are_those_of_ome():
    found = ome_metadata(("a", "b"), (0.2, 0.3), colors=[(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)])
    assert found["axes"] == "CYX" and found["Channel"]["Color"] == [-16776961, 65535]  # 0xFF0000FF and 0x0000FFFF


def test_a_volume_is_written_plane_by_plane_with_all_its_channels(tmp_path):
    planes = np.random.default_rng(0).random((3, 4, 5, 6), np.float32)
    with OmeTiff(tmp_path / "a.ome.tif") as tiff:
        for i in range(2):
            tiff.add(planes + i, ["a", "b", "c"], (2.0, 0.5, 0.25), f"image {i}", colors=np.eye(3))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        assert [(series.axes, series.shape) for series in tiff.series] == [("ZCYX", (4, 3, 5, 6))] * 2
        assert [series.name for series in tiff.series] == ["image 0", "image 1"]
        assert 'DimensionOrder="XYCZT"' in tiff.ome_metadata and 'Color="16711935"' in tiff.ome_metadata
        np.testing.assert_array_equal(tiff.pages[1].asarray(), planes[1, 0])
    stack = read_stack(tmp_path / "a.ome.tif", scene=1)
    assert stack.channels == ("a", "b", "c") and stack.scale == (2.0, 0.5, 0.25)
    np.testing.assert_array_equal(stack.data, planes + 1)


def test_more_than_a_tiff_holds_becomes_a_bigtiff(tmp_path):
    for name, size in (("small", 2**31), ("big", 2**32)):
        with OmeTiff(tmp_path / name, size) as tiff:
            tiff.add(np.zeros((2, 4, 4), np.float32), ["a", "b"], (0.5, 0.5))
        with tifffile.TiffFile(tmp_path / name) as tiff:
            assert tiff.is_bigtiff == (name == "big")
