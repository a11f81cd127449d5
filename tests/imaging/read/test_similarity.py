"""Planes of different focus look alike and channels don't: by this, planes that a file calls channels are noticed."""

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.read import read_stack
from icell_tf.imaging.read.axes import _ALIKE, _CLEAR_DIFFERENCE, similarities
from icell_tf.imaging.read.tiff import open_tiff

NAMED = {"Channel": {"Name": [f"stain {i}" for i in range(12)]}}


def some(cell, planes):
    """Neighbouring planes (3, planes, Y, X) of a cell."""
    return cell[:, 1 : 1 + planes]


@pytest.mark.parametrize("planes", [4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("names", [{}, NAMED], ids=["unnamed", "named"])
def test_planes_that_are_called_channels(tmp_path, cell, write_ome, planes, names):
    stack, path = some(cell, planes), tmp_path / "a.ome.tif"
    exchanged = {"Channel": {"Name": names["Channel"]["Name"][:planes]}} if names else {}
    write_ome(path, np.moveaxis(stack, 0, 1), "CZYX", **exchanged)
    with pytest.raises(ValueError, match=rf"{planes} channels of 3 planes.*C seems to be Z\. Give its axes: ZCYX, or"):
        read_stack(path)
    np.testing.assert_array_equal(read_stack(path, axes="ZCYX").data, stack)
    named = {"Channel": {"Name": names["Channel"]["Name"][:3]}} if names else {}
    np.testing.assert_array_equal(read_stack(write_ome(path, stack, "CZYX", **named)).data, stack)


@pytest.mark.parametrize("channels", [2, 3])
def test_as_many_planes_as_channels(tmp_path, cell, write_ome, channels):
    """The numbers don't tell; neither do the user's names."""
    stack, path = cell[:channels, 5 : 5 + channels], tmp_path / "a.ome.tif"
    names = ["membrane", "dna", "structure"][:channels]
    write_ome(path, np.moveaxis(stack, 0, 1), "CZYX", Channel={"Name": names})
    for given in (None, names):
        with pytest.raises(ValueError, match="C seems to be Z"):
            read_stack(path, channels=given)
    np.testing.assert_array_equal(read_stack(write_ome(path, stack, "CZYX"), channels=names).data, stack)


@pytest.mark.parametrize(("channels", "slices"), [(7, 3), (3, 7)])
def test_an_imagej_header_with_channels_and_slices_exchanged(tmp_path, cell, channels, slices):
    """The pages lie channel by channel, as many programs write them, or plane by plane, as ImageJ does."""
    stack, path = some(cell, 7), tmp_path / "a.tif"
    pages = np.moveaxis(stack, 0, 1) if channels == 3 else stack
    header = f"ImageJ=1.53t\nimages=21\nchannels={channels}\nslices={slices}\nhyperstack=true\nunit=micron\nspacing=1\n"
    options = {"photometric": "minisblack", "metadata": None, "resolution": (5, 5), "contiguous": False}
    with tifffile.TiffWriter(path) as tiff:
        for i, page in enumerate(pages.reshape(21, *stack.shape[2:])):
            tiff.write(page, description=None if i else header, **options)
    if channels == 3:
        np.testing.assert_array_equal(read_stack(path).data, stack)
    else:
        with pytest.raises(ValueError, match="7 channels of 3 planes.*C seems to be Z"):
            read_stack(path)


def test_planes_that_are_saved_as_colours(tmp_path, cell):
    """A stack of three planes is taken for red, green and blue by some programs."""
    stack, path = cell[:, 5:8].astype(np.uint8), tmp_path / "a.tif"
    tifffile.imwrite(path, np.moveaxis(stack, 1, -1), photometric="rgb", metadata={"axes": "ZYXS"}, ome=True)
    with pytest.raises(ValueError, match="3 channels of 3 planes.*S seems to be Z. Give its axes: CYXZ, or ZYXS"):
        read_stack(path, scale=1)
    np.testing.assert_array_equal(read_stack(path, axes="CYXZ", scale=1).data, stack)
    colours = np.moveaxis(stack, 0, -1)
    tifffile.imwrite(path, colours, photometric="rgb", metadata={"axes": "ZYXS"}, ome=True)
    np.testing.assert_array_equal(read_stack(path, scale=1).data, stack)


@pytest.mark.parametrize("planes", [3, 4, 8])
def test_one_channel_whose_planes_are_called_channels(tmp_path, cell, write_ome, planes):
    focus = 1 - np.abs(np.linspace(-0.6, 0.6, planes))
    noise = np.random.default_rng(1).normal(0, 3, (planes, 60, 70))
    stack = (focus[:, None, None] * cell[2, 6] + noise).clip(0).astype(np.uint16)
    path = write_ome(tmp_path / "a.ome.tif", stack, "CYX")
    with pytest.raises(ValueError, match=f"{planes} channels of 1 plane .*, without names: C seems to be Z"):
        read_stack(path)
    assert read_stack(path, axes="CYX").shape == (planes, 1, 60, 70)
    named = {"Channel": {"Name": NAMED["Channel"]["Name"][:planes]}}
    (guess,) = read_stack(write_ome(path, stack, "CYX", **named)).guesses
    assert f"its {planes} channels look as alike as planes" in guess and "its axes are ZYX" in guess
    assert read_stack(write_ome(path, cell[:, 6], "CYX")).shape == (3, 1, 60, 70)


def test_names_that_fit_the_exchanged_axes(tmp_path, cell, write_ome):
    """The file names three channels, and calls its five planes channels."""
    path = write_ome(tmp_path / "a.ome.tif", np.moveaxis(cell[:, 4:9], 0, 1), "CZYX", **NAMED)
    with tifffile.TiffFile(path) as tiff:
        xml = tiff.ome_metadata
    parts = xml.split("<Channel ")
    ends = [
        part.index("</Channel>") + len("</Channel>") if "</Channel>" in part else part.index("/>") + 2
        for part in parts[1:]
    ]
    fewer = parts[0] + "".join(f"<Channel {part}" for part in parts[1:4])
    fewer += parts[5][ends[4] :] if len(parts) == 6 else ""
    tifffile.imwrite(path, np.moveaxis(cell[:, 4:9], 0, 1), description=fewer, metadata=None, photometric="minisblack")
    with pytest.raises(
        ValueError, match=r"3 channels are named \(stain 0, stain 1, stain 2\), the file has 5.*as ZCYX"
    ):
        read_stack(path)


def test_a_cut_out_cells_outline_is_no_similarity(tmp_path, cell, write_ome):
    """Outside the cell all channels are 0."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in cell.shape[1:]), indexing="ij")
    stack = np.where(z**2 + y**2 + x**2 < 1, cell, 0)
    path = write_ome(tmp_path / "a.ome.tif", stack, "CZYX")
    np.testing.assert_array_equal(read_stack(path).data, stack)


def real_stacks(real_data, step=1):
    for path in sorted((real_data / "hela3d").glob("*.tif"))[::step]:
        yield open_tiff(str(path))
    for path in sorted((real_data / "allen_mitotic").glob("*.tif")):
        yield open_tiff(str(path))


def test_similarity_on_real_stacks(real_data):
    """Neighbouring planes of real cells are more similar than channels, by the difference that is required."""
    differences = [
        np.median(similarities(source, "CZYX", "Z")) - np.median(similarities(source, "CZYX", "C"))
        for source in real_stacks(real_data, 5)
    ]
    assert len(differences) > 30
    assert min(differences) > _CLEAR_DIFFERENCE


def test_real_channels_of_one_plane_are_not_all_alike(real_data):
    for path in [*real_data.glob("allen_raw_field/*.tif"), *real_data.glob("multiplexed/*/fields/*.ome.tif")]:
        source = open_tiff(str(path))
        if source.axes == "CYX":
            assert min(similarities(source, "CYX", "C")) < _ALIKE - 0.1
