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
    transform = Transform(np.array([[4.0, 0, 0], [0, 4.0, 0]]), (64, 64), (0.25, 0.25), Frame((16, 16), (1.0, 1.0)))
    stripes = np.broadcast_to(np.arange(64) % 2, (64, 64))
    np.testing.assert_allclose(transform.apply(stripes)[2:-2, 2:-2], 0.5, atol=0.01)


def test_identity_transform_copies():
    transform = Transform(np.eye(2, 3), (8, 8), (1.0, 1.0), Frame((8, 8), (1.0, 1.0)))
    plane = np.arange(64.0).reshape(8, 8)
    np.testing.assert_allclose(transform.apply(plane), plane, rtol=1e-6)
    np.testing.assert_allclose(transform.restore(plane), plane, rtol=1e-6)
    volumes = np.arange(240.0).reshape(2, 4, 5, 6)
    transform = Transform(np.eye(3, 4), (4, 5, 6), (2.0, 1.0, 1.0), Frame((4, 5, 6), (2.0, 1.0, 1.0)))
    np.testing.assert_allclose(transform.apply(volumes), volumes, rtol=1e-6)
    np.testing.assert_allclose(transform.restore(volumes), volumes, rtol=1e-6)


def test_images_of_another_shape_are_refused():
    transform = Transform(np.eye(2, 3), (8, 8), (1.0, 1.0), Frame((8, 8), (1.0, 1.0)))
    with pytest.raises(ValueError, match=r"\(8, 8\) pixels, found \(8, 9\)"):
        transform.apply(np.zeros((8, 9)))


def test_low_pass_along_each_axis():
    """Along z its own; a rotation mixes y and x, so that there the mean of unequal pixels counts."""
    frame = Frame((4, 8, 8), (6.0, 2.0, 8.0))
    source = np.zeros((41, 41, 41), np.float32)
    source[20, 20, 20] = 1
    matrix = np.column_stack([np.diag([6.0, 4.0, 4.0]), [11.0, 6.0, 6.0]])
    reached = Transform(matrix, source.shape, (1.0, 1.0, 2.0), frame).apply(source)
    blurred = ndimage.gaussian_filter(source, (2.5, 1.5, 0.5), mode="constant")
    np.testing.assert_allclose(reached[1:3, 3:5, 3:5], blurred[17:24:6, 18:23:4, 18:23:4], rtol=1e-4)


BAD = [((0, 8), (1.0, 1.0)), ((8, 8), (1.0, 0.0)), ((8, 8), (1.0, np.nan)), ((8,), (1.0,)), ((8, 8), (1.0, 1.0, 1.0))]


@pytest.mark.parametrize(("shape", "pixel_size"), BAD)
def test_bad_frames_are_refused(shape, pixel_size):
    with pytest.raises(ValueError, match=r"shape of 1 px .* pixel_size above 0 .*\(z, y, x\)"):
        Frame(shape, pixel_size)


def test_a_frame_tells_its_axes_and_sizes():
    frame = Frame([8, 16, 32], [2, 0.5, 0.5])
    assert (frame.axes, frame.extent, frame.plane) == ("ZYX", (16.0, 8.0, 16.0), Frame((16, 32), (0.5, 0.5)))
    assert str(frame) == "8 x 16 x 32 px at 2 x 0.5 x 0.5 µm/px" and str(frame.plane) == "16 x 32 px at 0.5 µm/px"
    assert frame.plane.plane == frame.plane and frame.plane.axes == "YX"


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


def test_warp_of_a_part_of_volumes_is_the_warp_of_the_whole():
    volumes = np.zeros((2, 20, 30, 36), np.float32)
    volumes[:, 3:8, 10:16, 20:29] = np.random.default_rng(0).random((2, 5, 6, 9))
    matrix = np.array([[0.7, 0, 0, 1.3], [0, 1.1, -0.6, 9.3], [0, 0.6, 1.1, -7.7]])
    for volume, result in zip(volumes, warp(volumes, matrix, (18, 25, 28), (0.0, 1.5, 0.7)), strict=True):
        padded = ndimage.gaussian_filter(np.pad(volume, 7), (0.0, 1.5, 0.7))
        offset = matrix[:, 3] + 7
        expected = ndimage.affine_transform(padded, matrix[:, :3], offset, (18, 25, 28), order=1)
        assert expected.any()
        np.testing.assert_allclose(result, expected, atol=1e-6)


def test_warp_of_nothing_and_past_the_output_is_zero():
    planes = np.zeros((3, 20, 30), np.float32)
    assert not warp(planes, np.eye(2, 3), (8, 9), (1.0, 1.0)).any()
    planes[:, 15:, 25:] = 1
    result = warp(planes, np.eye(2, 3), (8, 9), (0.0, 0.0))
    assert result.shape == (3, 8, 9) and not result.any()
