"""A cell that was cut out along its outline, and its nucleus."""

import numpy as np
import pytest

from icell_tf.imaging.fields.crop import crop_masks


@pytest.fixture
def crop():
    """Membrane and nucleus channel of a ball, cut out, with a speck beside it; and the true masks."""
    z, y, x = np.mgrid[:12, :40, :50]
    cell = ((z - 6) / 5) ** 2 + ((y - 20) / 15) ** 2 + ((x - 24) / 18) ** 2 < 1
    nucleus = ((z - 6) / 3) ** 2 + ((y - 22) / 7) ** 2 + ((x - 26) / 8) ** 2 < 1
    noise = np.random.default_rng(0).integers(20, 30, (2, *cell.shape))
    channels = np.where(cell, noise + np.stack([5 * cell, 100 * nucleus]), 0).astype(np.uint8)
    channels[:, 6, 20, 20] = 0  # a dark voxel inside the cell belongs to it all the same
    channels[0, 0, 0, 0] = 40
    return channels, cell, nucleus


def test_cell_and_nucleus_are_found(crop):
    channels, cell, nucleus = crop
    found_cell, found_nucleus = crop_masks(channels, channels[1])
    np.testing.assert_array_equal(found_cell, cell)
    assert (found_nucleus & nucleus).sum() / (found_nucleus | nucleus).sum() > 0.85


def test_stacks_that_are_no_crops_are_refused(crop):
    channels = crop[0]
    for stack in (channels + np.uint8(1), np.zeros_like(channels)):
        with pytest.raises(ValueError, match="--segmentation.*icell fields"):
            crop_masks(stack, stack[1])
    two = np.concatenate([channels, channels], axis=-1)
    with pytest.raises(ValueError, match="50% .*several cells"):
        crop_masks(two, two[1])
    with pytest.raises(ValueError, match="nucleus channel .*--channels"):
        crop_masks(channels, np.full_like(channels[1], 7))
