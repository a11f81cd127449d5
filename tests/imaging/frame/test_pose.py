"""How a cell lies in its stack: axes, axis ratio and skewness of shapes for which they are known."""

import numpy as np
import pytest

from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.pose import Pose, align, principal_axes

FRAME = Frame((64, 64), (1.0, 1.0))


def pose_of(outline, scale=(1.0, 1.0)):
    return align(outline, outline, scale, FRAME)[1]


RECTANGLES = [((3, 9), (1, 1), 3.0), ((12, 4), (1, 1), 3.0), ((5, 10), (2.0, 0.5), 2.0), ((1, 14), (1, 1), 14.0)]


@pytest.mark.parametrize(("size", "scale", "ratio"), RECTANGLES)
def test_axis_ratio_of_a_rectangle_or_a_line_is_exact_in_pixels_of_any_size(size, scale, ratio):
    outline = np.zeros((20, 20), bool)
    outline[2 : 2 + size[0], 3 : 3 + size[1]] = True
    pose = pose_of(outline, scale)
    assert pose.axis_ratio == pytest.approx(ratio)
    assert pose.skewness == pytest.approx((0, 0), abs=1e-9)
    assert pose.ambiguous


@pytest.mark.parametrize("flip", [1, -1])
def test_skewness_of_a_triangle(flip):
    """A density that falls linearly to the tip has the skewness 2 sqrt(2) / 5."""
    y, x = (np.indices((300, 500)) + 0.5) / 100
    outline = (x > 0.5) & (x < 4.5) & (np.abs(y - 1.5) < (4.5 - x) / 4)
    pose = pose_of(outline[:, ::flip], (0.01, 0.01))
    assert pose.skewness == pytest.approx((0, 2 * np.sqrt(2) / 5), abs=1e-3)
    assert pose.axis_ratio == pytest.approx((4 / np.sqrt(18)) / (2 / np.sqrt(24)), rel=1e-3)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.3, -0.7])
def test_axes_of_a_turned_ellipse(angle):
    y, x = np.indices((101, 101)) - 50
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    shape = np.stack(np.nonzero((along / 40) ** 2 + (across / 25) ** 2 < 1))
    axes, deviations = principal_axes(shape.astype(float), np.ones(2))
    np.testing.assert_allclose(np.abs(axes[1] @ (np.sin(angle), np.cos(angle))), 1, atol=1e-4)
    np.testing.assert_allclose(np.linalg.det(axes), 1)
    np.testing.assert_allclose(deviations, (12.5, 20), rtol=0.01)


def test_ambiguous_is_round_or_symmetric():
    assert not Pose(1.1, (0.05, 0.05)).ambiguous
    assert Pose(1.09, (0.3, 0.3)).ambiguous
    assert Pose(2.0, (0.04, 0.3)).ambiguous and Pose(2.0, (0.3, 0.04)).ambiguous
