"""TIFF: axes, channel names and pixel size as OME-TIFF, ImageJ and plain TIFF have them; damaged files."""

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.read import read_stack


@pytest.mark.parametrize("axes", ["CZYX", "ZCYX", "TCZYX"])
def test_ome_axes_channels_and_pixel_size(tmp_path, pixels, write_ome, axes):
    data = pixels(2, 3, 4, 5)
    stored = np.moveaxis(data, 0, 1) if axes == "ZCYX" else data[None] if "T" in axes else data
    names = {"Channel": {"Name": ["membrane", "dna"]}}
    stack = read_stack(write_ome(tmp_path / "a.ome.tif", stored, axes, **names))
    np.testing.assert_array_equal(stack.data, data)
    assert stack.data.dtype == np.uint16
    assert stack.channels == ("membrane", "dna")
    assert stack.scale == (0.5, 0.3, 0.2)
    np.testing.assert_array_equal(stack.channel("dna"), data[1])
    np.testing.assert_array_equal(stack.channel(0), data[0])
    np.testing.assert_array_equal(stack.channel(1), data[1])


def test_ome_units(tmp_path, pixels, write_ome):
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    sizes = {"PhysicalSizeX": 200, "PhysicalSizeY": 300, "PhysicalSizeZ": 500}
    stack = read_stack(write_ome(tmp_path / "a.ome.tif", pixels(3, 4, 5), "ZYX", sizes, **units))
    assert stack.scale == pytest.approx((0.5, 0.3, 0.2))


def test_single_plane_is_a_stack_of_one(tmp_path, pixels, write_ome):
    data = pixels(4, 5)
    stack = read_stack(write_ome(tmp_path / "a.ome.tif", data, "YX", {"PhysicalSizeX": 0.2, "PhysicalSizeY": 0.3}))
    np.testing.assert_array_equal(stack.data, data[None, None])
    assert stack.channels == ("",)
    assert stack.scale[1:] == (0.3, 0.2) and np.isnan(stack.scale[0])


def test_imagej_hyperstack(tmp_path, pixels):
    data = pixels(3, 2, 4, 5)  # ImageJ's order is ZCYX
    path = tmp_path / "a.tif"
    labels = ["membrane", "dna"] * 3
    metadata = {"axes": "ZCYX", "spacing": 0.5, "unit": "micron", "Labels": labels}
    tifffile.imwrite(path, data, imagej=True, resolution=(5, 4), metadata=metadata)
    stack = read_stack(path)
    np.testing.assert_array_equal(stack.data, np.moveaxis(data, 1, 0))
    assert stack.channels == ("membrane", "dna")
    assert stack.scale == pytest.approx((0.5, 0.25, 0.2))


def test_imagej_without_unit_has_no_pixel_size(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", pixels(4, 5), imagej=True)
    with pytest.raises(ValueError, match=r"a\.tif: .*no pixel size.*--pixel_size.*scale_micron"):
        read_stack(tmp_path / "a.tif")


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
@pytest.mark.parametrize("planes", [1, 3])
def test_rgb_samples_are_channels(tmp_path, pixels, planes, options):
    data = pixels(planes, 4, 5, 3, dtype=np.uint8)
    stored, axes = (data, "ZYXS") if planes > 1 else (data[0], "YXS")
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", metadata={"axes": axes}, **options)
    stack = read_stack(tmp_path / "a.tif", scale=1)
    np.testing.assert_array_equal(stack.data, np.moveaxis(data, -1, 0))
    np.testing.assert_array_equal(stack.channel(2), data[..., 2])
    assert stack.channels == ("", "", "")


def test_explicit_values_go_before_the_metadata(tmp_path, pixels, write_ome):
    path = write_ome(tmp_path / "a.ome.tif", pixels(2, 3, 4, 5), "CZYX")
    stack = read_stack(path, axes="ZCYX", channels=["a", "b", "c"], scale=(1, 2, 3))
    assert stack.data.shape == (3, 2, 4, 5)
    assert stack.channels == ("a", "b", "c")
    assert stack.scale == (1, 2, 3)


def test_big_endian_becomes_native(tmp_path, pixels):
    data = pixels(4, 5)
    tifffile.imwrite(tmp_path / "a.tif", data, byteorder=">")
    stack = read_stack(tmp_path / "a.tif", scale=1)
    assert stack.data.dtype.isnative
    np.testing.assert_array_equal(stack.data[0, 0], data)


def test_nothing_is_read_before_it_is_needed(tmp_path, pixels, write_ome, monkeypatch):
    data = pixels(3, 4, 50, 60)
    path = write_ome(tmp_path / "a.ome.tif", data, "CZYX", compression="zlib")
    read_pages = []
    asarray = tifffile.TiffFile.asarray
    monkeypatch.setattr(
        tifffile.TiffFile, "asarray", lambda self, key=None, **k: read_pages.append(key) or asarray(self, key, **k)
    )
    stack = read_stack(path)
    assert (stack.shape, stack.dtype, stack.guesses) == ((3, 4, 50, 60), np.uint16, ())
    assert all(len(pages) == 1 for pages in read_pages)  # single ones, to check the axes
    read_pages.clear()
    np.testing.assert_array_equal(stack.channel(1), data[1])
    assert read_pages == [[4, 5, 6, 7]]  # the pages of the one channel


def test_uncompressed_voxels_are_the_file_itself(tmp_path, pixels, write_ome):
    data = pixels(3, 4, 5, 6)
    channel = read_stack(write_ome(tmp_path / "a.ome.tif", data, "CZYX")).channel(2)
    assert not channel.flags.owndata and not channel.flags.writeable
    np.testing.assert_array_equal(channel, data[2])


@pytest.mark.parametrize(
    "options", [{"tile": (16, 32)}, {"compression": "zlib", "rowsperstrip": 8}, {"compression": "zlib", "predictor": 2}]
)
@pytest.mark.parametrize("axes", ["CZYX", "ZCYX"])
def test_pages_in_pieces(tmp_path, pixels, axes, options):
    data = pixels(2, 3, 40, 50)
    stored = data if axes == "CZYX" else np.moveaxis(data, 0, 1)
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, stored, ome=True, photometric="minisblack", metadata={"axes": axes}, **options)
    stack = read_stack(path, scale=1)
    np.testing.assert_array_equal(stack.data, data)
    np.testing.assert_array_equal(stack.channel(1), data[1])


def test_pages_with_headers_between_them(tmp_path, pixels):
    data = pixels(6, 40, 50)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for plane in data:
            file.write(plane, contiguous=False, metadata=None)
    stack = read_stack(tmp_path / "a.tif", axes="ZYX", scale=1)
    np.testing.assert_array_equal(stack.data, data[None])


def test_names_of_other_channels_are_not_used_and_this_is_said(tmp_path, pixels, write_ome):
    path = write_ome(tmp_path / "a.ome.tif", pixels(4, 5, 6), "CYX", Channel={"Name": ["a", "b", "c", "d"]})
    with tifffile.TiffFile(path) as tiff:
        xml = tiff.ome_metadata
    fewer = xml.replace(xml[xml.index('<Channel ID="Channel:0:3"') : xml.index("<TiffData")], "")
    tifffile.imwrite(path, pixels(4, 5, 6), description=fewer, metadata=None, photometric="minisblack")
    stack = read_stack(path)
    assert stack.channels == ("", "", "", "")
    assert stack.guesses == ("the file names 3 channels (a, b, c) and has 4: its names are not used.",)


def test_big_tiff(tmp_path, pixels, write_ome):
    data = pixels(2, 3, 4, 5)
    path = write_ome(tmp_path / "größe µ 細胞.ome.tif", data, "CZYX", bigtiff=True)
    assert path.read_bytes()[2] == 43
    np.testing.assert_array_equal(read_stack(path).data, data)


def test_several_series_are_refused_until_one_is_chosen(tmp_path, pixels):
    first, second = pixels(2, 3, 4, 5), pixels(3, 6, 7)
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        for data, axes, name, size in ((first, "CZYX", "one", 0.1), (second, "ZYX", "two", 0.2)):
            sizes = {"PhysicalSizeX": size, "PhysicalSizeY": size}
            file.write(data, photometric="minisblack", metadata={"axes": axes, "Name": name, **sizes})
    with pytest.raises(ValueError, match=r"a\.ome\.tif: holds 2 scenes \(0: one, 1: two\).*scene"):
        read_stack(path)
    for scene in ("two", 1):
        stack = read_stack(path, scene=scene)
        np.testing.assert_array_equal(stack.data, second[None])
        assert stack.scale[1:] == (0.2, 0.2)
    with pytest.raises(ValueError, match=r"'2'.* 0: one, 1: two"):
        read_stack(path, scene=2)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_positions_are_scenes(tmp_path, pixels, compression):
    """Micro-Manager's stacks hold several, along the axis R; without Z they would be taken for planes."""
    data, path = pixels(2, 3, 4, 5), tmp_path / "a.tif"
    tifffile.imwrite(path, data, photometric="minisblack", compression=compression, metadata={"axes": "RCYX"})
    with pytest.raises(ValueError, match=r"a\.tif: holds 2 scenes \(0: position0, 1: position1\)"):
        read_stack(path, scale=1)
    stack = read_stack(path, scale=1, scene="position1")
    np.testing.assert_array_equal(stack.data[:, 0], data[1])
    np.testing.assert_array_equal(stack.channel(2)[0], data[1, 2])


@pytest.mark.parametrize("share", [0.95, 0.5, 0.02, 100, 8, 4], ids=lambda share: f"{share} of the file or bytes")
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"bigtiff": True}, {"imagej": True}, {"ome": False}])
def test_truncated_tiff_is_refused(tmp_path, pixels, options, share):
    path, options = tmp_path / "a.tif", {"ome": "imagej" not in options} | options
    tifffile.imwrite(path, pixels(8, 3, 50, 60), photometric="minisblack", metadata={"axes": "ZCYX"}, **options)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size) if share < 1 else share])
    with pytest.raises(ValueError, match=r"a\.tif: (the file is cut short|can't be read).*again"):
        read_stack(path, scale=1)


def test_damaged_voxels_are_refused(tmp_path, pixels, write_ome):
    path = write_ome(tmp_path / "a.ome.tif", pixels(50, 60), "YX", compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.pages[0].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes(100))
    stack = read_stack(path)
    with pytest.raises(ValueError, match=r"a\.ome\.tif: .*voxels.*again"):
        stack.channel(0)


def test_real_stacks(real_data):
    stack = read_stack(real_data / "hela3d" / "LAM_cell01.ome.tif")
    assert stack.data.shape == (3, 18, 198, 212)
    assert stack.channels == ("membrane", "dna_dye", "structure")
    assert stack.scale == (0.2, 0.196, 0.196)
    with pytest.raises(ValueError, match="--pixel_size"):
        read_stack(real_data / "allen_mitotic" / "ACTB_M1-M2.ome.tif")
