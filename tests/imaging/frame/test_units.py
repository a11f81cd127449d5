"""The unit and the offset of intensities don't matter: the same backgrounds, pictures, nuclei and cells."""

import numpy as np
import pytest

from icell_tf.imaging.fields.crop import crop_masks
from icell_tf.imaging.fields.segmentation import segment_cells, segment_nuclei
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.intensity import background_intensity
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.simulate import simulate_cell
from icell_tf.simulate.fields import simulate_field
from icell_tf.spec import Preparation

UNITS = [  # type, factor, offset in units of the factor
    *((dtype, factor, 0) for dtype in (np.float32, np.float64) for factor in (1e-3, 1 / 65535, 0.1, 1, 1e3, 1e6)),
    *((dtype, factor, 2e4) for dtype in (np.float32, np.float64) for factor in (1e-3, 1e6)),
    (np.float64, 1e-3, 1e9),  # too far from 0 for 32 bits
    (np.float64, 1e6, -500),
    (np.uint16, 1, 77),
    (np.uint16, 16, 0),
    (np.int32, 1, -5000),
    (np.int32, 1000, 12345),
    (np.uint32, 100000, 0),
]
UNIT = pytest.mark.parametrize(("dtype", "factor", "offset"), UNITS)
CELL, FIELD = simulate_cell(3, 8, 0.6), simulate_field((0, 1), (0, 1), 0.6)


def in_unit(channels, dtype, factor, offset):
    return (factor * (channels.astype(np.float64) + offset)).astype(dtype)


def overlap(a, b):
    return np.count_nonzero((a == b) & (a > 0)) / np.count_nonzero((a > 0) | (b > 0))


@UNIT
@pytest.mark.parametrize("normalization", ["maximum", "percentile"])
def test_pictures(dtype, factor, offset, normalization):
    def prepare(channels):
        masks = CELL.cell_mask, CELL.nucleus_mask
        preparation = Preparation(normalization=normalization)
        return preprocess(channels, *masks, CELL.scale, Frame((64, 64), (0.6, 0.6)), preparation)

    base, other = prepare(CELL.channels), prepare(in_unit(CELL.channels, dtype, factor, offset))
    assert np.abs(other.image.astype(int) - base.image).max() <= 1
    expected = factor * (np.array(base.ranges) + offset)
    np.testing.assert_allclose(other.ranges, expected, rtol=1e-5, atol=1e-6 * abs(factor * (offset + 1)))


@UNIT
def test_segmentations_of_fields(dtype, factor, offset):
    scale = FIELD.scale[1:]

    def segment(channels):
        nuclei = segment_nuclei(channels[1], scale, 8)
        return nuclei, segment_cells(channels[0], nuclei, scale, 8)

    for found, expected in zip(
        segment(in_unit(FIELD.channels, dtype, factor, offset)), segment(FIELD.channels), strict=True
    ):
        assert expected.max() == 2 and overlap(found, expected) >= 0.99


@pytest.mark.parametrize(("dtype", "factor"), [(np.float32, 1e-3), (np.float64, 1e6), (np.int32, 1000)])
def test_nuclei_of_crops_that_are_0_outside(dtype, factor):
    """0 outside is 0 in every unit, so there is no offset."""
    channels = CELL.channels * CELL.cell_mask
    expected = crop_masks(list(channels), channels[1])
    channels = in_unit(channels, dtype, factor, 0)
    for found, mask in zip(crop_masks(list(channels), channels[1]), expected, strict=True):
        assert overlap(found, mask) >= 0.99


@pytest.mark.parametrize("dtype", [np.float64, np.uint32])
def test_backgrounds_of_intensities_that_hardly_ever_occur_twice(dtype):
    """Of wide noise, which is counted in bins; in integers as in floats."""
    noise = np.random.default_rng(0).normal(5e6, 2e5, (2, 60, 60))
    mask = np.zeros(noise.shape, bool)
    mask[:, 20:40, 20:40] = True
    assert background_intensity(noise.astype(dtype), mask) == pytest.approx(5e6, abs=1e5)


def test_a_dim_nucleus_is_found_in_images_scaled_to_one():
    """A normalization by percentiles, as trained segmenters use it, leaves intensities about 1."""
    channel = FIELD.channels[1].astype(np.float32)
    channel = np.where(FIELD.nuclei == 100, 107 + (channel - 107) / 4, channel)
    low, high = np.percentile(channel, (1, 99.8))
    for image in (channel, (channel - low) / (high - low), channel / 65535):
        assert segment_nuclei(image, FIELD.scale[1:], 8).max() == 2
