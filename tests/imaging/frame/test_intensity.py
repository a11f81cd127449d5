"""Intensities: backgrounds, segmentations and projections worked out by hand, and a sample that tells no lies."""

import numpy as np
import pytest

from icell_tf.imaging.frame import intensity
from icell_tf.imaging.manifest.manifest import read_manifest
from icell_tf.imaging.read import read_stack

DTYPES = [np.bool_, np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64, ">u2"]


def counts(channel, mask):
    return intensity.count_intensities(np.array(channel), np.array(mask, bool))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_background_is_the_commonest_intensity_outside_the_cell(dtype):
    channel = np.array([[[7, 7, 7, 9, 50, 50, 50, 50]]], dtype)
    mask = np.array([[[0, 0, 0, 0, 1, 1, 1, 1]]], bool)
    assert intensity.most_populous_intensity(counts(channel, mask)) == 7


def test_background_of_a_masked_crop_is_the_most_frequent_nonzero_intensity_inside():
    channel = [[[0, 0, 0, 0, 0, 8, 8, 50]]]
    mask = [[[0, 0, 0, 1, 1, 1, 1, 1]]]
    assert intensity.most_populous_intensity(counts(channel, mask)) == 8


def test_segmentations_have_exactly_two_values():
    mask = [[[0, 0, 1, 1, 1, 1]]]
    assert intensity.is_segmentation(counts([[[0, 0, 255, 255, 255, 0]]], mask))
    assert not intensity.is_segmentation(counts([[[0, 0, 128, 255, 255, 64]]], mask))
    assert not intensity.is_segmentation(counts([[[3, 3, 8, 50, 50, 50]]], mask))


def test_background_of_a_masked_and_overexposed_crop_is_below_its_highest_intensity():
    mask = [[[0, 0] + [1] * 8]]
    assert intensity.most_populous_intensity(counts([[[0, 0, 40, 40, 41, 60, 90, 255, 255, 255]]], mask)) == 40
    with pytest.raises(ValueError, match="highest intensity, 255, .*soft edges.*--channel_threshold"):
        intensity.most_populous_intensity(counts([[[0, 0, 0, 64, 128, 255, 255, 255, 255, 255]]], mask))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", [1, 3])
def test_counts_are_those_of_a_plain_count(dtype, step):
    rng = np.random.default_rng(0)
    channel = rng.integers(0 if np.dtype(dtype).kind in "bu" else -9, 9, (5, 12, 11)).astype(dtype)
    mask = rng.random(channel.shape) < 0.4
    result = intensity.count_intensities(channel, mask, step)
    rows = [(z, y) for z in range(5) for y in range(z % step, 12, step)]
    values = np.concatenate([channel[row] for row in rows])
    inside = np.concatenate([mask[row] for row in rows])
    np.testing.assert_array_equal(result.values, np.unique(values))
    np.testing.assert_array_equal(result.outside, [np.sum((values == v) & ~inside) for v in result.values])
    np.testing.assert_array_equal(result.inside, [np.sum((values == v) & inside) for v in result.values])


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_background_from_a_sample_is_that_of_the_whole_stack(dtype):
    """Camera noise, in which neighbouring intensities are nearly equally common."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        channel = rng.poisson(rng.uniform(5, 200), (20, 100, 100)).astype(dtype)
        mask = rng.random((20, 1, 1)) * np.ones((20, 100, 100)) < 0.3
        exact = intensity.most_populous_intensity(intensity.count_intensities(channel, mask))
        assert intensity.background_intensity(channel, mask, sample=20000) == exact


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sample", [20000, 10**6])
def test_background_of_continuous_floats_is_where_they_are_densest(dtype, sample):
    rng = np.random.default_rng(0)
    channel = rng.normal(0.2, 0.01, (10, 100, 100)).astype(dtype)
    mask = np.zeros(channel.shape, bool)
    mask[:, 40:80, 40:80] = True
    channel[mask] += rng.random(mask.sum()).astype(dtype)
    channel[:, :20, :20] = 5 + rng.random((10, 20, 20))  # a bright neighbour
    assert intensity.background_intensity(channel, mask, sample) == pytest.approx(0.2, abs=0.003)
    masked = np.where(mask, rng.normal(0.3, 0.01, mask.shape), 0).astype(dtype)
    assert intensity.background_intensity(masked, mask, sample) == pytest.approx(0.3, abs=0.003)


def test_sample_does_not_take_a_stack_for_a_segmentation():
    mask = np.zeros((4, 40, 40), bool)
    mask[:, 10:30, 10:30] = True
    channel = np.where(mask, 50, 7).astype(np.uint16)
    assert intensity.background_intensity(channel, mask, sample=600) == 7
    channel[0, 1, :20] = 3  # in a row that the sample leaves out
    assert len(intensity.count_intensities(channel, mask, 10).values) == 2
    channel[mask & (np.arange(40) > 11)] = 7  # were it a segmentation, 3 would be its lower value
    assert intensity.background_intensity(channel, mask, sample=600) == 7
    masked = np.where(mask, 8, 0)
    masked[:, 15, 15] = 50
    assert intensity.background_intensity(masked, mask, sample=600) == 8


def test_backgrounds_of_real_stacks_are_the_exact_ones(real_data):
    """From a fifth of their voxels, though by default stacks as small as these are counted whole."""
    stacks = [read_stack(row.raw) for row in read_manifest(real_data / "hela3d" / "manifest.csv")]
    assert len(stacks) == 151
    stacks = [(stack.data, stack.data[0] > 0) for stack in stacks]
    for path in sorted((real_data / "allen_mitotic").glob("*.tif")):
        data = read_stack(path, scale=0.1).data[:, ::3]
        stacks.append((data, data.any(axis=0)))
    for path in (real_data / "allen_raw_field").glob("*.tif"):
        data = read_stack(path).data
        stacks += [(data, np.zeros(data.shape[1:], bool)), (data, data[0] > np.percentile(data[0], 40))]
    assert len(stacks) == 155
    for data, mask in stacks:
        for channel in data:
            counts = intensity.count_intensities(channel, mask)
            if len(counts.values) == 17:  # hela3d's own masks, which have soft edges
                continue
            exact = intensity.most_populous_intensity(counts)
            assert intensity.background_intensity(channel, mask, sample=channel.size // 5) == exact


@pytest.mark.parametrize("dtype", DTYPES)
def test_projection_is_the_maximum_within_the_cell(dtype):
    rng = np.random.default_rng(0)
    channel = rng.integers(0 if np.dtype(dtype).kind in "bu" else -90, 90, (6, 9, 8)).astype(dtype)
    mask = rng.random(channel.shape) < 0.5
    mask[:, 0, 0] = False
    plane = intensity.project_cell(channel, mask)
    assert plane.dtype == channel.dtype
    outline = mask.any(axis=0)
    expected = np.where(mask, channel.astype(float), -np.inf).max(axis=0)
    np.testing.assert_array_equal(plane[outline], expected[outline])
    assert (plane[~outline] <= channel.min()).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_projection_finds_what_is_not_a_number(value):
    channel = np.ones((4, 5, 6), np.float32)
    channel[2, 0, 0] = value  # outside the cell
    mask = np.eye(5, 6, dtype=bool) & np.ones((4, 1, 1), bool) & (np.arange(6) > 0)
    if np.isinf(value):
        with pytest.raises(ValueError, match="dna channel .*infinite.* plane 2"):
            intensity.project_cell(channel, mask, "dna")
    else:  # there are no data
        np.testing.assert_array_equal(intensity.project_cell(channel, mask, "dna")[mask[0]], 1)
    channel[2, 1, 1] = value  # inside
    with pytest.raises(ValueError, match="dna channel .*NaN within the cell.* plane 2"):
        intensity.project_cell(channel, mask, "dna")


def test_projection_by_hand():
    mask = np.array([[[True, False]], [[True, True]]])
    np.testing.assert_array_equal(intensity.project_cell(np.array([[[1, 5]], [[4, 2]]]), mask), [[4, 2]])
