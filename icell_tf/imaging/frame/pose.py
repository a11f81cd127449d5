"""How a cell lies in its stack: its nucleus's centre, its major axis and its skewness (paper, section 3.1)."""

import dataclasses
import math

import numpy as np

from icell_tf.imaging.frame.frame import Frame, Transform

ALIGNMENTS = ("major_axis", "none")
MIN_AXIS_RATIO, MIN_SKEWNESS = 1.1, 0.05  # below either, the pose is a matter of chance

_MOST_OBLONG = 100  # a pixel of so many times its width is a slip, which would have the low-pass take for ever


@dataclasses.dataclass(frozen=True)
class Pose:
    """What a cell's alignment rests on.

    Attributes:
      axis_ratio: standard deviation of the cell's outline along its major axis, divided by that along its minor one.
      skewness: (vertical, horizontal) of the outline along its minor and its major axis, third moment over cubed
        standard deviation, 0 or more whichever way the cell lies.
    """

    axis_ratio: float
    skewness: tuple[float, float]

    @property
    def ambiguous(self) -> bool:
        """Whether the cell is too round or too symmetric for its rotation or its flips to be told reliably."""
        return self.axis_ratio < MIN_AXIS_RATIO or min(self.skewness) < MIN_SKEWNESS


def align(outline, nucleus, scale, frame: Frame, alignment: str = "major_axis") -> tuple[Transform, Pose]:
    """Finds the transform that lays the cell's major axis horizontally, its skewness positive, its nucleus central.

    Args:
      outline: (Y, X) bool, the cell's projected mask. nucleus: (Y, X) bool.
      scale: (y, x), µm per pixel.
      frame: the frame to bring the cell into.
      alignment: "none" only centres the nucleus, and leaves rotation and flips as they are.

    Raises:
      ValueError: the cell reaches beyond the frame.
    """
    scale = np.asarray(scale, np.float64)
    if max(scale) > min(_MOST_OBLONG * min(scale), frame.extent):
        raise ValueError(
            f"its pixels are {scale[0]:g} µm high and {scale[1]:g} µm wide, in a frame of {frame.extent:g} µm: check "
            "--pixel_size or scale_micron."
        )
    rows, cols = np.nonzero(outline)
    shape = np.stack([rows, cols]) * scale[:, None]  # (2, N): y and x of the shape's pixels, µm
    centre = centre_of_mass(nucleus) * scale
    axes, deviations = principal_axes(shape, scale)
    coordinates = axes @ (shape - shape.mean(axis=1, keepdims=True))
    skewness = np.mean(coordinates * coordinates * coordinates, axis=1) / deviations**3
    pose = Pose(float(deviations[1] / deviations[0]), tuple(map(float, np.abs(skewness))))
    axes = axes * np.where(skewness < 0, -1.0, 1.0)[:, None] if alignment == "major_axis" else np.eye(2)
    _check_extent(axes @ (shape - centre[:, None]), frame)
    # The rows of `axes` are the frame's vertical and horizontal direction in (y, x); its transpose leads back.
    linear = axes.T * frame.pixel_size / scale[:, None]
    middle = (frame.image_size - 1) / 2
    offset = centre / scale - linear @ (middle, middle)
    matrix = np.column_stack([linear, offset])
    return Transform(matrix, tuple(outline.shape), tuple(map(float, scale)), frame), pose


def centre_of_mass(mask) -> np.ndarray:
    """Mean (row, col) of a (Y, X) mask, px."""
    return np.array([indices.mean() for indices in np.nonzero(mask)])


def principal_axes(shape, scale) -> tuple[np.ndarray, np.ndarray]:
    """Minor and major axis of a shape from its second moments, to which the extent of each pixel adds its own.

    Args:
      shape: (2, N), y and x of its pixels, µm. scale: (y, x), the pixels' own size, µm.

    Returns:
      (2, 2): the unit vectors (y, x) of the minor axis, then of the major one; a rotation.
      (2,): standard deviations along them, µm.
    """
    covariance = np.cov(shape, bias=True) + np.diag(np.square(scale)) / 12
    yy, xx, xy = covariance[0, 0], covariance[1, 1], covariance[0, 1]
    angle = 0.5 * math.atan2(2 * xy, xx - yy)
    cos, sin = math.cos(angle), math.sin(angle)
    axes = np.array([[cos, -sin], [sin, cos]])
    return axes, np.sqrt(np.diag(axes @ covariance @ axes.T))


def _check_extent(coordinates, frame):
    reach = np.abs(coordinates).max(axis=1)  # µm from the nucleus's centre, down and along
    if reach.max() < frame.pixel_size:
        raise ValueError(f"the cell reaches only {reach.max():.2g} µm: check --pixel_size or scale_micron.")
    if reach.max() > frame.extent / 2:
        raise ValueError(
            f"the cell reaches {reach[1]:.1f} µm along and {reach[0]:.1f} µm across its long axis from the "
            f"centre of its nucleus; the frame of {frame.image_size} px at {frame.pixel_size:g} µm/px reaches "
            f"{frame.extent / 2:.1f} µm. Is the stack's own pixel size right (column scale_micron, or --pixel_size)? "
            "If so, prepare a data set with a larger image_size (px) or pixel_size (µm/px) in its --config."
        )
