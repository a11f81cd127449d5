"""A folder of planes: what the numbers and words in the files' names mean, in which order, and what is refused."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from icell_tf.imaging.read import is_stack_folder, read_stack

NOTE = "a folder of planes, read in the order of the numbers in their names"


@pytest.fixture
def write(tmp_path):
    """A function that writes a plane (4, 5) for each name, of its place in the list, and returns the folder."""

    def write(*names, values=None, **options):
        folder = tmp_path / "planes"
        folder.mkdir()
        for i, name in enumerate(names):
            plane = np.full((4, 5), i if values is None else values[i], np.uint16)
            if name.endswith(".png"):
                Image.fromarray(plane).save(folder / name)
            else:
                tifffile.imwrite(folder / name, plane, **options)
        return folder

    return write


def numbers(stack):
    """The value of each plane, (C, Z)."""
    return stack.data[..., 0, 0].tolist()


@pytest.mark.parametrize(
    ("names", "channels", "expected"),
    [
        ([f"stack_page_{i:04d}.png" for i in range(1, 5)], ("",), [[0, 1, 2, 3]]),  # ImageJ
        ([f"name{i}.tif" for i in range(1, 12)], ("",), [list(range(11))]),  # 10 after 9
        ([f"image ({i}).png" for i in range(9, 12)], ("",), [[0, 1, 2]]),  # Windows
        ([f"f_z{z}_c{c}.tif" for z in range(3) for c in (1, 2)], ("c1", "c2"), [[0, 2, 4], [1, 3, 5]]),
        (  # Micro-Manager
            [f"img_channel{c:03d}_position000_time000000000_z{z:03d}.tif" for c in (0, 1) for z in range(3)],
            ("channel0", "channel1"),
            [[0, 1, 2], [3, 4, 5]],
        ),
        (  # a screening microscope's
            [f"AB_A1_T0001F001L01A01Z{z:02d}C0{c}.tif" for c in (1, 3) for z in (1, 2)],
            ("C1", "C3"),
            [[0, 1], [2, 3]],
        ),
        (  # another's, whose p is a plane
            [f"r01c02f01p{p:02d}-ch{c}sk1fk1fl1.tiff" for p in (1, 2) for c in (1, 2)],
            ("ch1", "ch2"),
            [[0, 2], [1, 3]],
        ),
        ([f"a_w{c}_z{z}.tif" for c in ("1GFP", "2DAPI") for z in (1, 2)], ("w1GFP", "w2DAPI"), [[0, 1], [2, 3]]),
        ([f"a_w{c}_z{z}.tif" for c in ("1_GFP", "2_DAPI") for z in (1, 2)], ("GFP", "DAPI"), [[0, 1], [2, 3]]),
        ([f"b_{c}_z{z}.png" for c in ("AF488", "DAPI") for z in (7, 8)], ("AF488", "DAPI"), [[0, 1], [2, 3]]),
    ],
)
def test_names_and_their_order(write, names, channels, expected):
    folder = write(*names)
    (folder / ".hidden_9.tif").touch()
    (folder / "metadata.txt").touch()
    stack = read_stack(folder, scale=1)
    assert (stack.channels, numbers(stack), stack.dtype) == (channels, expected, np.uint16)
    axes = "CZYX" if len(channels) > 1 else "ZYX"
    assert stack.guesses[0].startswith(NOTE) and f"taken as {axes}. If not, say so (--axes, " in stack.guesses[0]
    np.testing.assert_array_equal(stack.channel(len(channels) - 1), stack.data[-1])
    assert is_stack_folder(folder)


def test_the_numbers_may_be_channels_or_time_points_that_are_planes(write):
    folder = write("t1.png", "t2.png", "t3.png")
    with pytest.raises(ValueError, match=r"planes: found 3 time points.*ZYX"):
        read_stack(folder, scale=1)
    assert numbers(read_stack(folder, axes="ZYX", scale=1)) == [[0, 1, 2]]
    stack = read_stack(folder, axes="CYX", scale=1)
    assert numbers(stack) == [[0], [1], [2]] and "given as CYX" in stack.guesses[0]


def test_positions_are_scenes(write):
    folder = write(*(f"pos{p}_z{z}.tif" for p in (1, 2) for z in (1, 2)))
    with pytest.raises(ValueError, match=r"planes: holds 2 scenes \(0: pos1, 1: pos2\)"):
        read_stack(folder, scale=1)
    assert numbers(read_stack(folder, scene="pos2", scale=1)) == [[2, 3]]


def test_pixel_size_is_that_of_the_planes(write):
    imagej = {"imagej": True, "resolution": (5, 4), "metadata": {"unit": "micrometers", "spacing": 0.5}}
    assert read_stack(write("a1.tif", "a2.tif", **imagej)).scale == pytest.approx((0.5, 0.25, 0.2))


def test_samples_of_colours_are_channels(tmp_path, pixels):
    data = pixels(3, 4, 5, 3, dtype=np.uint8)
    for i, plane in enumerate(data):
        Image.fromarray(plane).save(tmp_path / f"a{i}.png")
    np.testing.assert_array_equal(read_stack(tmp_path, scale=1).data, np.moveaxis(data, -1, 0))


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["a_1.tif", "a_2.tif", "a_4.tif"], r"the number 3 is missing, between a_2\.tif and a_4\.tif"),
        (["c1_z1.tif", "c1_z2.tif", "c2_z1.tif"], "the image of c2 and z2 is missing"),
        (["a_1.tif", "a_01.tif", "a_2.tif"], r"a_01\.tif and a_1\.tif have the same numbers"),
        (["cells.tif", "nuclei.tif"], r"2 images .*which plane.*cells\.tif, nuclei\.tif"),
        (["a1_2.tif", "a2_3.tif"], "which plane"),  # two numbers, and neither says what it is
        (["a_z1.tif", "a_z2.tif", "a_z2_mask.tif"], "which plane"),
        (["a1.tif", "a2.png"], "which plane"),
        (["a1.tif"], r"holds a1\.tif alone"),
    ],
)
def test_what_is_no_stack_is_refused_by_name(write, names, problem):
    with pytest.raises(ValueError, match=rf"planes: .*{problem}"):
        read_stack(write(*names), scale=1)


def test_planes_that_differ_are_refused_by_name(write):
    folder = write("a1.tif", "a2.tif")
    for other, problem in (
        (np.zeros((4, 6), np.uint16), r"shape: a1\.tif has \(4, 5\), a2\.tif has \(4, 6\)"),
        (np.zeros((4, 5), np.uint8), r"type: a1\.tif has uint16, a2\.tif has uint8"),
        (np.zeros((3, 4, 5), np.uint16), r"a2\.tif has the shape \(3, 4, 5\).*in place of the folder"),
    ):
        tifffile.imwrite(folder / "a2.tif", other, photometric="minisblack")
        with pytest.raises(ValueError, match=rf"planes: .*{problem}"):
            read_stack(folder, scale=1)


def test_a_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert not is_stack_folder(tmp_path) and not is_stack_folder(tmp_path / "notes.txt")
    with pytest.raises(ValueError, match="no OME-Zarr.* no planes"):
        read_stack(tmp_path)
