import numpy as np
import pytest

from icell_tf.evaluation import views
from icell_tf.spec import CellSpec, poses_along

FLAT = CellSpec("YX", (512, 512), (0.1, 0.1), ("tom20",))
DEEP = CellSpec("ZYX", (32, 512, 512), (0.3, 0.1, 0.1), ("tom20",))


def test_volumes_come_in_smaller_batches():
    assert list(views.batches(60, FLAT)) == [slice(0, 50), slice(50, 60)]
    assert [rows.stop - rows.start for rows in views.batches(5, DEEP)] == [1] * 5
    assert list(views.batches(0, FLAT)) == []


@pytest.mark.parametrize("sizes", [[1] * 11, [4, 7], [11], [10, 0, 1]])
def test_rows_are_regrouped_in_order(sizes):
    rows = np.arange(11)
    parts = list(views.regrouped(np.split(rows, np.cumsum(sizes)[:-1]), 4))
    assert [part.tolist() for part in parts] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_nothing_is_regrouped_to_nothing():
    assert list(views.regrouped([], 4)) == list(views.regrouped([np.zeros((0, 2))], 4)) == []


@pytest.mark.parametrize(
    "shape, expected", [((64, 64), (1, 1)), ((256, 256), (4, 4)), ((64, 512), (8, 8)), ((4, 512), (4, 8))]
)
def test_blocks_keep_the_frames_proportions_where_they_can(shape, expected):
    assert views.block(shape, 64) == expected


def test_the_poses_of_volumes_are_never_mirrored_along_z():
    assert poses_along(DEEP.mirrored_axes) == ((), (2,), (3,), (2, 3))
    images = np.random.default_rng(0).random((30, 4, 8, 8, 3))
    poses = views.draw_poses(30, np.random.default_rng(0))
    posed = views.mirrored(images, poses, DEEP.mirrored_axes)
    assert len(np.unique(poses, axis=1).T) == 4
    for image, result, along in zip(images, posed, poses.T, strict=True):
        axes = tuple(axis for axis, chosen in zip((1, 2), along, strict=True) if chosen)
        np.testing.assert_array_equal(result, np.flip(image, axes))
