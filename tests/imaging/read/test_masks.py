"""Masks have their image's pixel size: what is said or refused where the files disagree."""

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.read import read_masks, read_stack

NAN = float("nan")


@pytest.fixture
def write(tmp_path, write_ome):
    """A function from a name, pixel sizes (z, y, x) in µm or None, and planes, to a file of one channel."""

    def write_file(name, sizes, planes=4):
        sizes = dict(zip(("PhysicalSizeZ", "PhysicalSizeY", "PhysicalSizeX"), sizes, strict=True)) if sizes else {}
        return write_ome(tmp_path / name, np.eye(6, 7, dtype=np.uint8)[None].repeat(planes, 0), "ZYX", sizes)

    return write_file


@pytest.mark.parametrize("sizes", [None, (0.5, 0.3, 0.3), (0.505, 0.303, 0.295)])
def test_masks_without_a_size_or_with_their_images(write, sizes):
    image = read_stack(write("a.ome.tif", (0.5, 0.3, 0.3)))
    masks = read_masks(write("m.ome.tif", sizes), image, given=False)
    assert (masks.scale, masks.guesses) == (image.scale, ())


@pytest.mark.parametrize(
    ("sizes", "planes", "said"),
    [
        (
            (1, 1, 1),
            4,
            "m.ome.tif: the masks' file says .*z 1, y 1, x 1 µm, and the image's z 0.5, y 0.3, x 0.3 µm .*a.ome",
        ),
        ((0.5, 0.65, 0.3), 4, "y 0.65 µm, and the image's y 0.3 µm.*--pixel_size.*scale_micron"),
        ((1, 0.3, 0.3), 4, "z 1 µm, and the image's z 0.5 µm"),
        ((1, 0.3, 0.3), 1, None),  # a plane has no distance of planes
    ],
)
def test_masks_of_another_size_are_refused_until_one_is_given(write, sizes, planes, said):
    """Segmentation tools often write 1 µm, or the size of another resolution."""
    path, masks = write("a.ome.tif", (0.5, 0.3, 0.3)), write("m.ome.tif", sizes, planes)
    if said is None:
        assert read_masks(masks, read_stack(path), given=False).guesses == ()
        return
    with pytest.raises(ValueError, match=said):
        read_masks(masks, read_stack(path), given=False)
    image = read_stack(path, scale=(0.5, 0.3, 0.3))
    (guess,) = read_masks(masks, image, given=True).guesses
    assert "is given as " in guess and "the masks' file says " in guess and image.guesses == ()


def test_a_given_size_that_both_files_contradict_is_said_once(write):
    path = write("a.ome.tif", (0.5, 0.3, 0.3))
    image = read_stack(path, scale=0.2)
    assert len(image.guesses) == 1 and read_masks(path, image, given=True).guesses == ()
    assert read_masks(path, image, given=True).scale == (0.5, 0.2, 0.2)


def test_axes_hold_for_masks_of_as_many_dimensions(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", pixels(4, 3, 6, 7), photometric="minisblack")
    tifffile.imwrite(tmp_path / "m.tif", pixels(6, 7), photometric="minisblack")
    image = read_stack(tmp_path / "a.tif", axes="ZCYX", scale=0.2)
    assert read_masks(tmp_path / "a.tif", image, True, axes="ZCYX").shape == (3, 4, 6, 7)
    assert read_masks(tmp_path / "m.tif", image, True, axes="ZCYX").shape == (1, 1, 6, 7)


def test_labels_of_cells_and_their_parts_may_look_alike(tmp_path, write_ome):
    """A cell, its nucleus and its cytoplasm have one number."""
    cells = np.kron([[1, 0], [2, 3]], np.pad(np.ones((8, 8), int), 2))
    nuclei = cells * np.kron(np.ones((2, 2), int), np.pad(np.ones((6, 6), int), 3))
    labels = np.stack([cells, nuclei, cells - nuclei * (np.indices(cells.shape)[1] % 2)]).astype(np.uint16)
    image = read_stack(write_ome(tmp_path / "a.ome.tif", cells.astype(np.uint16), "YX"))
    masks = read_masks(write_ome(tmp_path / "m.ome.tif", labels, "CYX"), image, given=False)
    np.testing.assert_array_equal(masks.channel(1)[0], nuclei)
