"""The frame and the warp into it: low-pass, copies, and that only what is 0 is left out."""

import math

import numpy as np
import pytest
from scipy import ndimage

from icell_tf.imaging.frame.frame import Frame, Transform, low_pass_sigma, warp


def test_low_pass_by_hand():
    assert low_pass_sigma(3.0) == 1.0
    assert low_pass_sigma(0.5) == 0.0


def test_low_pass_prevents_aliasing():
    transform = Transform(np.array([[4.0, 0, 0], [0, 4.0, 0]]), (64, 64), (0.25, 0.25), Frame(16, 1.0))
    stripes = np.broadcast_to(np.arange(64) % 2, (64, 64))
    np.testing.assert_allclose(transform.apply(stripes)[2:-2, 2:-2], 0.5, atol=0.01)


def test_identity_transform_copies():
    transform = Transform(np.eye(2, 3), (8, 8), (1.0, 1.0), Frame(8, 1.0))
    plane = np.arange(64.0).reshape(8, 8)
    np.testing.assert_allclose(transform.apply(plane), plane, rtol=1e-6)
    np.testing.assert_allclose(transform.restore(plane), plane, rtol=1e-6)
    with pytest.raises(ValueError, match=r"\(8, 8\) pixels, found \(8, 9\)"):
        transform.apply(np.zeros((8, 9)))


@pytest.mark.parametrize(("size", "pixel_size"), [(0, 1.0), (64, 0.0), (64, float("nan"))])
def test_bad_frames_are_refused(size, pixel_size):
    with pytest.raises(ValueError, match="image_size.* pixel_size.*--config"):
        Frame(size, pixel_size)


@pytest.mark.parametrize("corner", [(0, 0), (20, 30), (58, 68), (0, 68)])
@pytest.mark.parametrize("sigmas", [(0.0, 0.0), (1.5, 0.7)])
def test_warp_of_the_part_that_is_not_zero_is_the_warp_of_the_whole(corner, sigmas):
    planes = np.zeros((2, 64, 75), np.float32)
    rows, cols = (slice(start, start + 6) for start in corner)
    planes[:, rows, cols] = np.random.default_rng(0).random((2, 6, 6))[:, : 64 - corner[0], : 75 - corner[1]]
    matrix = np.array([[1.1, -0.6, 9.3], [0.6, 1.1, -7.7]])
    pad = math.ceil(4 * max(sigmas)) + 1
    for plane, result in zip(planes, warp(planes, matrix, (50, 40), sigmas), strict=True):
        padded = ndimage.gaussian_filter(np.pad(plane, pad), sigmas) if any(sigmas) else np.pad(plane, pad)
        expected = ndimage.affine_transform(padded, matrix[:, :2], matrix[:, 2] + pad, (50, 40), order=1)
        np.testing.assert_allclose(result, expected, atol=1e-6)


def test_warp_of_nothing_and_past_the_output_is_zero():
    planes = np.zeros((3, 20, 30), np.float32)
    assert not warp(planes, np.eye(2, 3), (8, 9), (1.0, 1.0)).any()
    planes[:, 15:, 25:] = 1
    result = warp(planes, np.eye(2, 3), (8, 9), (0.0, 0.0))
    assert result.shape == (3, 8, 9) and not result.any()
