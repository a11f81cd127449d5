"""Reading: axes, channel names and pixel size as OME-TIFF, ImageJ and plain TIFF have them."""

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.read import micrometres, read_stack

RNG = np.random.default_rng(0)


def pixels(*shape, dtype=np.uint16):
    return RNG.integers(0, 200, shape).astype(dtype)


def write_ome(path, data, axes, compression=None, **metadata):
    metadata = {"axes": axes, **metadata}
    tifffile.imwrite(path, data, ome=True, metadata=metadata, photometric="minisblack", compression=compression)
    return path


SIZES = {"PhysicalSizeX": 0.2, "PhysicalSizeY": 0.3, "PhysicalSizeZ": 0.5}


@pytest.mark.parametrize("axes", ["CZYX", "ZCYX", "TCZYX"])
def test_ome_axes_channels_and_pixel_size(tmp_path, axes):
    data = pixels(2, 3, 4, 5)
    stored = np.moveaxis(data, 0, 1) if axes == "ZCYX" else data[None] if "T" in axes else data
    names = {"Channel": {"Name": ["membrane", "dna"]}}
    stack = read_stack(write_ome(tmp_path / "a.ome.tif", stored, axes, **SIZES, **names))
    np.testing.assert_array_equal(stack.data, data)
    assert stack.data.dtype == np.uint16
    assert stack.channels == ("membrane", "dna")
    assert stack.scale == (0.5, 0.3, 0.2)
    np.testing.assert_array_equal(stack.channel("dna"), data[1])
    np.testing.assert_array_equal(stack.channel(0), data[0])
    np.testing.assert_array_equal(stack.channel("1"), data[1])
    with pytest.raises(ValueError, match="no channel 'actin'; its channels are 0: membrane, 1: dna"):
        stack.channel("actin")


def test_ome_units(tmp_path):
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    sizes = {name: 1000 * size for name, size in SIZES.items()}
    stack = read_stack(write_ome(tmp_path / "a.ome.tif", pixels(3, 4, 5), "ZYX", **sizes, **units))
    assert stack.scale == pytest.approx((0.5, 0.3, 0.2))


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(2, "µm", 2), ("2", "um", 2), (2, "micron", 2), (2, "\\u00B5m", 2), (2, "mm", 2000), (1, "inch", 25400)],
)
def test_micrometres(value, unit, expected):
    assert micrometres(value, unit) == pytest.approx(expected)


@pytest.mark.parametrize(("value", "unit"), [(None, "µm"), (1, "pixel"), (0, "µm"), (-1, "µm"), ("x", "µm"), (1, "")])
def test_what_is_no_length_is_unknown(value, unit):
    assert np.isnan(micrometres(value, unit))


def test_single_plane_is_a_stack_of_one(tmp_path):
    data = pixels(4, 5)
    stack = read_stack(write_ome(tmp_path / "a.ome.tif", data, "YX", PhysicalSizeX=0.2, PhysicalSizeY=0.3))
    np.testing.assert_array_equal(stack.data, data[None, None])
    assert stack.channels == ("0",)
    assert stack.scale[1:] == (0.3, 0.2) and np.isnan(stack.scale[0])


def test_imagej_hyperstack(tmp_path):
    data = pixels(3, 2, 4, 5)  # ImageJ's order is ZCYX
    path = tmp_path / "a.tif"
    labels = ["membrane", "dna"] * 3
    metadata = {"axes": "ZCYX", "spacing": 0.5, "unit": "micron", "Labels": labels}
    tifffile.imwrite(path, data, imagej=True, resolution=(5, 4), metadata=metadata)
    stack = read_stack(path)
    np.testing.assert_array_equal(stack.data, np.moveaxis(data, 1, 0))
    assert stack.channels == ("membrane", "dna")
    assert stack.scale == pytest.approx((0.5, 0.25, 0.2))


def test_imagej_without_unit_has_no_pixel_size(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pixels(4, 5), imagej=True)
    with pytest.raises(ValueError, match=r"a\.tif: .*no pixel size.*--pixel_size.*scale_micron"):
        read_stack(tmp_path / "a.tif")


def test_rgb_samples_are_channels(tmp_path):
    data = pixels(4, 5, 3, dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb")
    stack = read_stack(tmp_path / "a.tif", scale=0.1)
    np.testing.assert_array_equal(stack.data, np.moveaxis(data, -1, 0)[:, None])
    assert stack.channels == ("0", "1", "2")


def test_explicit_values_go_before_the_metadata(tmp_path):
    path = write_ome(tmp_path / "a.ome.tif", pixels(2, 3, 4, 5), "CZYX", **SIZES)
    stack = read_stack(path, axes="ZCYX", channels=["a", "b", "c"], scale=(1, 2, 3))
    assert stack.data.shape == (3, 2, 4, 5)
    assert stack.channels == ("a", "b", "c")
    assert stack.scale == (1, 2, 3)
    assert read_stack(path, scale=0.7).scale == (0.5, 0.7, 0.7)
    assert read_stack(path, scale=(0.6, 0.7)).scale == (0.5, 0.6, 0.7)


def test_unnamed_axes_are_told_by_the_channels_or_asked_for(tmp_path):
    path = tmp_path / "a.tif"
    data = pixels(2, 7, 4, 5)
    tifffile.imwrite(path, data, metadata=None, photometric="minisblack")
    with pytest.raises(ValueError, match=r"a\.tif: .*axes.*\(14, 4, 5\).*--axes"):
        read_stack(path, scale=1)
    stack = read_stack(path, channels=["mask"], scale=1)
    np.testing.assert_array_equal(stack.data, data.reshape(1, 14, 4, 5))
    tifffile.imwrite(path, data[:, 0], metadata=None, photometric="minisblack")
    np.testing.assert_array_equal(read_stack(path, channels=["a", "b"], scale=1).data, data[:, :1])


def test_big_endian_becomes_native(tmp_path):
    data = pixels(4, 5)
    tifffile.imwrite(tmp_path / "a.tif", data, byteorder=">")
    stack = read_stack(tmp_path / "a.tif", scale=1)
    assert stack.data.dtype.isnative
    np.testing.assert_array_equal(stack.data[0, 0], data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axes": "QZYX"}, "--axes"),
        ({"axes": "ZYX"}, "--axes"),
        ({"axes": "TZYX"}, "2 time points"),
        ({"channels": ["a", "b", "c"]}, r"3 channels are named \(a, b, c\), the file has 2"),
        ({"scale": (1, -1, 1)}, "--pixel_size"),
        ({"scale": float("nan")}, "--pixel_size"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, arguments, message):
    path = write_ome(tmp_path / "a.ome.tif", pixels(2, 3, 4, 5), "CZYX", **SIZES)
    with pytest.raises(ValueError, match=message) as error:
        read_stack(path, **arguments)
    assert "a.ome.tif" in str(error.value)


def test_bad_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="b.tif"):
        read_stack(tmp_path / "b.tif")
    (tmp_path / "c.tif").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"c\.tif: can't be read as a TIFF"):
        read_stack(tmp_path / "c.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("share", [0.95, 0.5, 0.02])
def test_truncated_files_are_refused(tmp_path, compression, share):
    path = write_ome(tmp_path / "a.ome.tif", pixels(3, 8, 50, 60), "CZYX", compression=compression, **SIZES)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=r"a\.ome\.tif: (the file is cut short|can't be read)"):
        read_stack(path, scale=1)


def test_real_stacks(real_data):
    stack = read_stack(real_data / "hela3d" / "LAM_cell01.ome.tif")
    assert stack.data.shape == (3, 18, 198, 212)
    assert stack.channels == ("membrane", "dna_dye", "structure")
    assert stack.scale == (0.2, 0.196, 0.196)
    with pytest.raises(ValueError, match="--pixel_size"):
        read_stack(real_data / "allen_mitotic" / "ACTB_M1-M2.ome.tif")
