"""Similarity of images whose overlap is known."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from icell_tf.evaluation.metrics.similarity import dice, ssim

EVERYWHERE = np.ones((32, 32), bool)


@pytest.fixture
def image(rng):
    return ndimage.gaussian_filter(rng.random((32, 32)), 1)


@pytest.mark.parametrize("compare", [ssim, dice])
def test_an_image_is_most_similar_to_itself(compare, image):
    assert compare(image, image, EVERYWHERE) == pytest.approx(1)
    blurred = compare(ndimage.gaussian_filter(image, 1), image, EVERYWHERE)
    assert 0.5 < blurred < 0.99
    assert compare(image[::-1], image, EVERYWHERE) < blurred


@pytest.mark.parametrize("compare", [ssim, dice])
def test_pixels_outside_the_mask_do_not_count(compare, image):
    mask = np.zeros((32, 32), bool)
    mask[:16] = True
    other = np.where(np.arange(32)[:, None] < 20, image, 0)  # the window reaches three pixels further
    assert compare(other, image, mask) == pytest.approx(1)
    assert compare(other, image, EVERYWHERE) < 0.9


def test_dice_counts_what_is_bright_in_both_at_any_intensity():
    a, b = np.zeros((2, 32, 32))
    a[:4], b[2:8] = 0.9, 0.2
    assert dice(a, b, EVERYWHERE) == pytest.approx(2 * 2 / (4 + 6))
    assert dice(a, np.zeros((32, 32)), EVERYWHERE) == 0
    assert np.isnan(dice(0 * a, 0 * b + 0.5, EVERYWHERE))


def test_volumes_with_few_planes(rng):
    volume = rng.random((4, 16, 16))
    mask = np.ones(volume.shape, bool)
    assert ssim(volume, volume, mask) == dice(volume, volume, mask) == pytest.approx(1)
    assert ssim(volume, volume[:, ::-1], mask) < 0.5


@pytest.mark.parametrize("shape, where", [((40, 48), (slice(30, 31), slice(0, 2))), ((12, 20, 24), (slice(3, 9),) * 3)])
def test_only_what_is_near_the_mask_decides_on_ssim(shape, where):
    rng, mask = np.random.default_rng(0), np.zeros(shape, bool)
    mask[where] = True
    image, observed = rng.random((2, *shape))
    whole = structural_similarity(image, observed, win_size=7, data_range=1.0, full=True)[1]
    assert ssim(image, observed, mask) == pytest.approx(whole[mask].mean(), abs=1e-9)
