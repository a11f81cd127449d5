"""Axes as given, found and guessed; Z that the file calls C or T is noticed."""

import re

import numpy as np
import pytest
import tifffile

from icell_tf.imaging import read
from icell_tf.imaging.read import print_guesses, read_stack

FLAG = re.escape('(--axes, or for a data set its config argument "axes")')


def write_plain(path, data):
    """A TIFF that doesn't name its axes."""
    tifffile.imwrite(path, data, photometric="minisblack")
    return path


def test_axes_that_the_file_names_are_no_guess(tmp_path, cell, write_ome):
    assert read_stack(write_ome(tmp_path / "a.ome.tif", cell, "CZYX"), channels=["a", "b", "c"]).guesses == ()


@pytest.mark.parametrize("channels_first", [True, False])
@pytest.mark.parametrize(
    ("names", "why"), [(["a", "b", "c"], "3 channels are named"), (None, "fewer channels than planes")]
)
def test_unnamed_axes_are_guessed_and_reported(tmp_path, cell, channels_first, names, why, capsys, monkeypatch):
    monkeypatch.setattr(read, "_printed_guesses", set())
    path = write_plain(tmp_path / "a.tif", cell if channels_first else np.moveaxis(cell, 0, 1))
    stack = read_stack(path, channels=names, scale=1)
    np.testing.assert_array_equal(stack.data, cell)
    axes = "CZYX" if channels_first else "ZCYX"
    assert re.fullmatch(
        rf"the file doesn't name its axes \(QQYX\); taken as {axes}: {why}\. If not, .*{FLAG}\.", stack.guesses[0]
    )
    print_guesses(path, stack.guesses)
    print_guesses(path, stack.guesses)
    assert capsys.readouterr().out.splitlines() == [f"{path}: {stack.guesses[0]}"]
    given = read_stack(path, axes=axes.lower(), scale=1)
    assert given.guesses == () and given.shape == (3, 12, 60, 70)


def test_many_unnamed_planes_are_z(tmp_path, cell):
    stack = read_stack(write_plain(tmp_path / "a.tif", cell[0]), scale=1)
    np.testing.assert_array_equal(stack.data, cell[:1])
    assert "many planes rather than many channels" in stack.guesses[0]
    stack = read_stack(write_plain(tmp_path / "a.tif", cell[0, :4]), channels=["mask"], scale=1)
    assert stack.shape == (1, 4, 60, 70) and "one channel" in stack.guesses[0]


@pytest.mark.parametrize(("shape", "names"), [((3, 4, 5), None), ((3, 3, 4, 5), ["a", "b", "c"]), ((9, 9, 4, 5), None)])
def test_ambiguous_axes_are_refused(tmp_path, pixels, shape, names):
    path = write_plain(tmp_path / "a.tif", pixels(*shape))
    with pytest.raises(ValueError, match=rf"a\.tif: .*axes of its array of shape {re.escape(str(shape))} .*{FLAG}"):
        read_stack(path, channels=names, scale=1)


def test_given_axes_that_the_file_contradicts_are_said(tmp_path, cell, write_ome):
    path = write_ome(tmp_path / "a.ome.tif", cell[:, :8], "CZYX")
    (guess,) = read_stack(path, axes="ZCYX").guesses
    assert guess == "the axes are given as ZCYX, and the file says CZYX: the given ones are used."
    assert read_stack(path, axes="CZYX").guesses == ()


def test_given_axes_that_make_many_channels_of_planes_are_refused(tmp_path, cell, write_ome):
    """More than any stain gives, and of fewer planes; unless file and user agree, or name each of them."""
    path, right = tmp_path / "a.npy", np.moveaxis(cell, 0, 1)
    np.save(path, right)
    with pytest.raises(ValueError, match=r"given as CZYX, .* 12 channels of 3 planes .*C seems to be Z\. .*: ZCYX \("):
        read_stack(path, axes="CZYX", scale=1)
    np.testing.assert_array_equal(read_stack(path, axes="ZCYX", scale=1).data, cell)
    assert read_stack(path, axes="CZYX", channels=list("abcdefghijkl"), scale=1).shape[:2] == (12, 3)
    path = write_ome(tmp_path / "a.ome.tif", right, "CZYX")
    assert read_stack(path, axes="CZYX").shape[:2] == (12, 3)


@pytest.mark.parametrize("axes", ["QZYX", "ZYX", "ZZYX", "CZYXS", "CZTX"])
def test_given_axes_must_fit(tmp_path, cell, write_ome, axes):
    path = write_ome(tmp_path / "a.ome.tif", cell, "CZYX")
    with pytest.raises(ValueError, match=rf"a\.ome\.tif: .*'{axes}'.*\(3, 12, 60, 70\).*{FLAG}"):
        read_stack(path, axes=axes)


def test_wrong_number_of_names(tmp_path, cell, write_ome):
    path = write_ome(tmp_path / "a.ome.tif", cell, "CZYX")
    with pytest.raises(ValueError, match=rf"a\.ome\.tif: 2 channels .*\(a, b\).* 3 with 12 planes.*{FLAG}"):
        read_stack(path, channels=["a", "b"])


@pytest.mark.parametrize(
    ("stored", "true", "shape"), [("CZYX", "ZCYX", (12, 3)), ("ZCYX", "CZYX", (3, 12)), ("CYX", "ZYX", (12,))]
)
def test_exchanged_z_and_c_are_noticed_by_the_names(tmp_path, cell, write_ome, stored, true, shape):
    data = {"ZCYX": np.moveaxis(cell, 0, 1), "CZYX": cell, "ZYX": cell[0]}[true]
    names = ["a", "b", "c"] if len(shape) == 2 else ["a"]
    path = write_ome(tmp_path / "a.ome.tif", data, stored)
    with pytest.raises(ValueError, match=rf"\({', '.join(names)}\).* 12 .*axes as {true} {FLAG}"):
        read_stack(path, channels=names)
    np.testing.assert_array_equal(read_stack(path, channels=names, axes=true).data, cell[: len(names)])


@pytest.mark.parametrize("imagej", [True, False])
def test_exchanged_z_and_c_are_noticed_by_the_planes(tmp_path, cell, write_ome, imagej):
    path = tmp_path / "a.tif"
    if imagej:  # whose order is ZCYX
        tifffile.imwrite(path, cell, imagej=True, metadata={"axes": "ZCYX"})
    else:
        write_ome(path, np.moveaxis(cell, 0, 1), "CZYX")
    true = "CZYX" if imagej else "ZCYX"
    with pytest.raises(ValueError, match=rf"a\.tif: .*12 channels of 3 planes.*correlation.*axes: {true}, or.*{FLAG}"):
        read_stack(path, scale=1)
    assert read_stack(path, axes=true, scale=1).shape == (3, 12, 60, 70)


def test_many_channels_of_one_plane_are_z(tmp_path, cell, write_ome):
    path = write_ome(tmp_path / "a.ome.tif", cell[0], "CYX", Channel={"Name": [f"C={i}" for i in range(12)]})
    with pytest.raises(ValueError, match=rf"12 channels of 1 plane .*axes: ZYX, or CYX.*{FLAG}"):
        read_stack(path)
    assert read_stack(path, axes="ZYX").shape == (1, 12, 60, 70)
    assert read_stack(path, axes="CYX").shape == (12, 1, 60, 70)
    stains = {"Channel": {"Name": [f"CD{i}" for i in range(12)]}}
    assert read_stack(write_ome(path, cell[0], "CYX", **stains)).shape == (12, 1, 60, 70)


def test_channels_that_differ_may_be_many(tmp_path, pixels, write_ome):
    data = pixels(10, 3, 40, 50)
    data[...] = data[:, :1]  # each channel the same in all planes, and like no other
    assert read_stack(write_ome(tmp_path / "a.ome.tif", data, "CZYX")).shape == (10, 3, 40, 50)


def test_z_that_is_called_time(tmp_path, cell):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.moveaxis(cell, 0, 1), imagej=True, metadata={"axes": "TCYX"})
    with pytest.raises(ValueError, match=rf"a\.tif: .*12 time points .*axes: if planes, ZCYX {FLAG}"):
        read_stack(path, scale=1)
    np.testing.assert_array_equal(read_stack(path, axes="ZCYX", scale=1).data, cell)
    tifffile.imwrite(path, cell[:, :, None], imagej=True, metadata={"axes": "TZCYX"})
    with pytest.raises(ValueError, match=r"3 time points .*a file of its own\. .*axes: if channels, CZYX "):
        read_stack(path, scale=1)
