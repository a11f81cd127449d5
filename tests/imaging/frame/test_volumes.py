"""Preprocessing into volumes, and into pictures of unequal sides: what differs from square ones."""

import numpy as np
import pytest

from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import MaskError, preprocess, preprocess_channel
from icell_tf.spec import Preparation
from tests.imaging.frame.test_preprocess import FRAME, Cell, correlations, make_cell

VOLUME = Frame((16, 64, 64), (0.5, 1.0, 1.0))


def of_mass(image):
    """The centre of mass of an image, px along each axis."""
    return [(index * image).sum() / image.sum() for index in np.indices(image.shape)]


@pytest.mark.parametrize("scale", [(1.0, 0.5, 0.5), (0.3, 0.5, 0.4)])
def test_a_volume_is_masked_normalized_and_moved_like_a_picture(scale):
    cell = make_cell(scale=scale)
    result = cell.preprocess(VOLUME)
    assert result.image.shape == (16, 64, 64, 3) and result.image.dtype == np.uint8
    signal = np.where(cell.cell_mask, cell.channels - 100.0, 0)
    highest = signal.max(axis=(1, 2, 3))
    assert result.ranges == tuple((100.0, 100 + high) for high in highest)
    expected = result.transform.apply(signal / highest[:, None, None, None])
    np.testing.assert_allclose(np.moveaxis(result.image, -1, 0), 255 * expected, atol=0.51)
    assert (result.image.max(axis=(0, 1, 2)) > 180).all()


@pytest.mark.parametrize("angle", [0.1, 2.3, 4.0])
@pytest.mark.parametrize("mirror", [1, -1])
def test_a_volume_has_the_pose_of_its_projection_and_its_nucleus_in_the_middle(angle, mirror):
    cell = make_cell(angle, mirror, scale=(0.4, 0.5, 0.5))
    cell.nucleus_mask[:4] = False  # so that its middle is not the stack's
    flat, result = cell.preprocess(), cell.preprocess(VOLUME)
    np.testing.assert_array_equal(result.transform.matrix[1:, 1:], flat.transform.matrix)
    np.testing.assert_array_equal(result.transform.matrix[0, :3], [0.5 / 0.4, 0, 0])
    assert not result.transform.matrix[1:, 0].any() and result.pose == flat.pose
    assert of_mass(result.transform.apply(cell.nucleus_mask))[0] == pytest.approx(7.5, abs=0.05)
    projected = result.transform.apply(np.broadcast_to(cell.nucleus_mask.any(axis=0), cell.nucleus_mask.shape))
    assert of_mass(projected)[1:] == pytest.approx([31.5, 31.5], abs=0.05)


def test_the_projection_of_a_volume_is_like_the_picture():
    cell = make_cell(scale=(0.25, 0.5, 0.5))
    fine = Frame((32, 64, 64), (0.25, 1.0, 1.0))
    assert min(correlations(cell.preprocess(fine).image.max(axis=0), cell.preprocess().image)) > 0.99


def test_a_cell_is_never_mirrored_along_z():
    cell = make_cell(scale=(0.5, 0.5, 0.5))
    cell.channels[2, :5] = 100  # its structure lies in the upper part only
    base = cell.preprocess(VOLUME).image.astype(int)
    upside_down = Cell(cell.channels[:, ::-1], cell.cell_mask[::-1], cell.nucleus_mask[::-1], cell.scale)
    turned = upside_down.preprocess(VOLUME).image
    assert np.abs(turned[::-1] - base).max() <= 1 and np.abs(turned - base)[..., 2].max() > 100


def test_restore_undoes_apply_in_3d():
    cell = make_cell(scale=(0.6, 0.9, 0.9), size=50.0)
    transform = cell.preprocess(Frame((16, 64, 64), (0.6, 1.0, 1.0))).transform
    z, y, x = np.indices(transform.source_shape)
    volume = np.exp(-((z - 5) ** 2) / 8 - ((y - 25) ** 2 + (x - 30) ** 2) / 50)
    restored = transform.restore(transform.apply(volume))
    assert restored.shape == volume.shape and restored.dtype == np.float32
    np.testing.assert_allclose(restored, volume, atol=0.06)


@pytest.mark.parametrize("normalization", ["maximum", "percentile"])
def test_another_structure_of_the_cell_is_prepared_as_its_own(normalization):
    cell, preparation = make_cell(), Preparation(normalization=normalization)
    result = cell.preprocess(VOLUME, preparation=preparation)
    other = preprocess_channel(cell.channels[2], cell.cell_mask, result.transform, preparation)
    np.testing.assert_array_equal(other, result.image[..., 2])


def test_percentile_of_a_volume_is_that_of_its_voxels():
    cell = make_cell(scale=(1.0, 0.2, 0.2))
    z, y, x = (indices[100] for indices in np.nonzero(cell.nucleus_mask))
    cell.channels[2, z, y, x] = 60000
    result = cell.preprocess(VOLUME, preparation=Preparation(normalization="percentile"))
    expected = np.percentile(cell.channels[2][cell.cell_mask], 99.9)
    assert expected < 2000 and result.ranges[2] == (100.0, pytest.approx(expected))


def test_signed_and_float_stacks_give_the_same_volume():
    cell = make_cell()
    base = cell.preprocess(VOLUME).image
    for channels in (cell.channels.astype(np.int32) - 5000, cell.channels.astype(np.float32) + 4096):
        other = preprocess(channels, cell.cell_mask, cell.nucleus_mask, cell.scale, VOLUME).image
        np.testing.assert_array_equal(other, base)


@pytest.mark.parametrize("depth", [np.nan, 0.0, -1.0])
def test_a_stack_without_spacing_along_z_is_refused_for_a_volume_only(depth):
    cell = make_cell()
    cell.scale = (depth, 0.5, 0.5)
    assert cell.preprocess().image.shape == (64, 64, 3)
    with pytest.raises(ValueError, match=r"planes along z is not known.* 3D .*scale_micron.*--pixel_size=z,y,x"):
        cell.preprocess(VOLUME)


def test_a_cell_beyond_the_frame_along_z_is_refused():
    low = Frame((4, 64, 64), (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match=r" and 2\.5 µm along z, .* 4 x 64 x 64 px .* reaches 2\.0 x 32\.0 x 32\.0 µm"):
        make_cell().preprocess(low)


def test_planes_far_apart_or_as_thick_as_the_frame_are_refused():
    cell = make_cell()
    for depth in (1e-9, 9.0, 1000.0):
        cell.scale = (depth, 0.5, 0.5)
        with pytest.raises(ValueError, match=f"pixels are {depth:g} µm deep, 0.5 µm high and 0.5 µm wide"):
            cell.preprocess(VOLUME)


def test_a_picture_of_unequal_sides_is_a_part_of_the_square_one():
    cell = make_cell()
    square, wide = cell.preprocess(), cell.preprocess(Frame((32, 64), (1.0, 1.0)))
    assert wide.image.shape == (32, 64, 3)
    assert np.abs(wide.image.astype(int) - square.image[16:48]).max() <= 1
    np.testing.assert_allclose(
        wide.transform.restore(wide.image[..., 1]), square.transform.restore(square.image[..., 1])
    )
    with pytest.raises(ValueError, match=r"the frame of 64 x 16 px at 1 µm/px reaches 32.0 x 8.0 µm"):
        cell.preprocess(Frame((64, 16), (1.0, 1.0)))


def test_unequal_pixels_stretch_the_picture():
    cell = make_cell()
    stretched = cell.preprocess(Frame((64, 64), (0.5, 1.0)))
    rows = stretched.image[0::2].astype(int) + stretched.image[1::2]
    assert min(correlations(rows, cell.preprocess(FRAME).image[16:48])) > 0.97


def test_what_is_flat_is_refused_for_a_volume_only():
    cell = make_cell()
    cell.preprocess()
    for name in ("cell", "nucleus"):
        flat = make_cell()
        setattr(flat, f"{name}_mask", getattr(flat, f"{name}_mask").max(axis=0, keepdims=True))
        flat.preprocess()
        with pytest.raises(MaskError, match=f"the {name} mask has one plane, but a volume needs"):
            flat.preprocess(VOLUME)
    middle = slice(len(cell.cell_mask) // 2, len(cell.cell_mask) // 2 + 1)
    cell.channels = cell.channels[:, middle]
    cell.cell_mask, cell.nucleus_mask = cell.cell_mask[middle], cell.nucleus_mask[middle]
    with pytest.raises(ValueError, match="the stack has one plane, but a volume needs several"):
        cell.preprocess(VOLUME)
