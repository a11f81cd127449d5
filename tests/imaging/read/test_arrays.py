"""NumPy's .npy and .npz, of which the user says axes and pixel size."""

import re
import zipfile

import numpy as np
import pytest

from icell_tf.imaging.read import fitting_axes, read_stack


@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", [np.uint16, ">i8", np.float16, bool])
def test_with_axes_and_pixel_size_an_array_is_a_stack(tmp_path, pixels, save, dtype):
    data = pixels(3, 4, 5, 6).astype(dtype)
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, np.moveaxis(data, 0, -1))
    stack = read_stack(path, axes="ZYXC", scale=(0.5, 0.2, 0.2))
    assert stack.shape == (3, 4, 5, 6) and stack.scale == (0.5, 0.2, 0.2) and stack.guesses == ()
    np.testing.assert_array_equal(stack.data, data)
    np.testing.assert_array_equal(stack.channel(1), data[1])


def test_in_the_order_of_fortran(tmp_path, pixels):
    data = pixels(3, 4, 5)
    np.save(tmp_path / "a.npy", np.asfortranarray(data))
    np.testing.assert_array_equal(read_stack(tmp_path / "a.npy", axes="ZYX", scale=1).data[0], data)


def test_without_axes_or_pixel_size_it_is_refused(tmp_path, pixels):
    np.save(tmp_path / "a.npy", pixels(3, 4, 5, 6))
    with pytest.raises(ValueError, match=r"a\.npy: .*axes of its array of shape \(3, 4, 5, 6\).*--axes"):
        read_stack(tmp_path / "a.npy", channels=["a", "b", "c"], scale=1)
    with pytest.raises(ValueError, match=r"a\.npy: .*no pixel size.*--pixel_size"):
        read_stack(tmp_path / "a.npy", axes="CZYX")
    np.save(tmp_path / "a.npy", pixels(5, 6))  # a plane has one order of axes
    assert read_stack(tmp_path / "a.npy", scale=1).shape == (1, 1, 5, 6)


@pytest.mark.parametrize(("shape", "expected"), [((3, 4, 5, 6), "CZYX"), ((4, 5, 6), "ZYX"), ((5, 6), None)])
def test_labels_have_the_axes_of_their_field_without_channels(tmp_path, pixels, shape, expected):
    np.save(tmp_path / "a.npy", pixels(*shape))
    assert fitting_axes(tmp_path / "a.npy", "CZYX") == expected


def test_several_arrays_are_scenes(tmp_path, pixels):
    first, second = pixels(4, 5), pixels(6, 7)
    np.savez(tmp_path / "a.npz", image=first, labels=second)
    with pytest.raises(ValueError, match=r"a\.npz: holds 2 scenes \(0: image, 1: labels\)"):
        read_stack(tmp_path / "a.npz", scale=1)
    np.testing.assert_array_equal(read_stack(tmp_path / "a.npz", scale=1, scene="labels").data[0, 0], second)


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_objects_are_never_read(tmp_path, save):
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, np.array([{"masks": 1}], object))  # as segmentation tools save their results
    with pytest.raises(ValueError, match=rf"{re.escape(path.name)}: .*Python objects.*array of numbers"):
        read_stack(path, axes="X", scale=1)


@pytest.mark.parametrize("dtype", [np.complex64, np.longdouble, "U3", [("a", "u1")]])
def test_other_types_are_refused(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.zeros((4, 5), dtype))
    with pytest.raises(ValueError, match=r"a\.npy: .*of the type .*expected integers or floats"):
        read_stack(tmp_path / "a.npy", scale=1)


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_an_array_without_voxels(tmp_path, save):
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, np.zeros((0, 5)))
    with pytest.raises(ValueError, match=r"of shape \(0, 5\) has no voxels. Copy or export it again"):
        read_stack(path, scale=1)


@pytest.mark.parametrize("share", [0.1, 0.9])
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_file_that_is_cut_short(tmp_path, pixels, name, share):
    path = tmp_path / name
    (np.save if name == "a.npy" else np.savez)(path, pixels(40, 50))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=rf"{re.escape(name)}: .*again"):
        read_stack(path, scale=1)


def test_a_zip_of_other_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a.tif", b"II*\0")
    with pytest.raises(ValueError, match=r"a\.zip: .*no array.*unpack"):
        read_stack(tmp_path / "a.zip")
