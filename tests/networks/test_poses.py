"""Poses of a cell."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.networks import poses
from icell_tf.spec import CellSpec

NAMES = ("actb",)
SQUARE = CellSpec("YX", (16, 16), (1.0, 1.0), NAMES)
WIDE = CellSpec("YX", (16, 32), (1.0, 1.0), NAMES)
STRETCHED = CellSpec("YX", (16, 16), (1.0, 0.5), NAMES)
VOLUME = CellSpec("ZYX", (4, 16, 16), (2.0, 1.0, 1.0), NAMES)


@pytest.mark.parametrize("spec, number", [(SQUARE, 8), (VOLUME, 8), (WIDE, 4), (STRETCHED, 4)])
def test_only_square_frames_of_square_pixels_have_a_diagonal(spec, number):
    assert poses.count(spec) == number


@pytest.mark.parametrize("spec", [SQUARE, VOLUME])
@pytest.mark.parametrize("channels", [(), (2,)])
def test_all_poses_differ_and_each_is_undone_in_reverse(spec, channels):
    one = np.random.default_rng(0).random((*spec.shape, *channels)).astype(np.float32)
    images, pose = tf.constant(np.stack([one] * 8)), tf.range(8)
    posed = poses.turned(poses.mirrored(images, pose, spec), pose, spec)
    assert len({image.tobytes() for image in posed.numpy()}) == 8
    assert {tuple(np.sort(image, axis=None)) for image in posed.numpy()} == {tuple(np.sort(one, axis=None))}
    undone = poses.mirrored(poses.turned(posed, pose, spec), pose, spec)
    np.testing.assert_array_equal(undone, images)


def test_the_bits_of_a_pose_are_y_x_and_the_diagonal():
    image = np.zeros((1, 16, 16), np.float32)
    image[0, 1, 4] = 1
    places = []
    for number in (0, 1, 2, 4, 7):
        pose = tf.constant([number])
        posed = poses.turned(poses.mirrored(image, pose, SQUARE), pose, SQUARE).numpy()[0]
        places.append(tuple(map(int, np.argwhere(posed)[0])))
    assert places == [(1, 4), (14, 4), (1, 11), (4, 1), (11, 14)]


def test_no_pose_exchanges_the_planes_of_a_volume():
    image = np.zeros((8, *VOLUME.shape), np.float32)
    image[:, 1, 2, 3] = 1
    pose = tf.range(8)
    posed = poses.turned(poses.mirrored(image, pose, VOLUME), pose, VOLUME).numpy()
    assert set(np.argwhere(posed)[:, 1]) == {1}
