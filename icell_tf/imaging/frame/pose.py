"""The pose of a cell in its stack: its nucleus's centre, its major axis and its skewness (paper, section 3.1)."""

import dataclasses
import math

import numpy as np

from icell_tf.imaging.frame.frame import Frame, Transform

ALIGNMENTS = ("major_axis", "none")
MIN_AXIS_RATIO, MIN_SKEWNESS = 1.1, 0.05  # below one of them the pose is ambiguous

_MAX_PIXEL_RATIO = 100  # of height and width; a higher ratio is an error, which would make the low-pass very slow


@dataclasses.dataclass(frozen=True)
class Pose:
    """The properties of a cell's outline that decide its alignment.

    Attributes:
      axis_ratio: standard deviation of the outline along its major axis, divided by that along its minor axis.
      skewness: (vertical, horizontal): of the outline along its minor and its major axis, absolute value of the third
        moment divided by the cubed standard deviation.
    """

    axis_ratio: float
    skewness: tuple[float, float]

    @property
    def ambiguous(self) -> bool:
        """Whether the cell is too round or too symmetric for a reliable rotation or reliable flips."""
        return self.axis_ratio < MIN_AXIS_RATIO or min(self.skewness) < MIN_SKEWNESS


def align(outline, nucleus, scale, frame: Frame, alignment: str = "major_axis") -> tuple[Transform, Pose]:
    """Finds the transform that makes the major axis horizontal, the skewness positive, and centres the nucleus.

    Args:
      outline: (Y, X) bool, the cell's projected mask.
      nucleus: (Y, X) bool, the nucleus's projected mask.
      scale: (y, x), µm per pixel.
      frame: the `Frame` of the picture.
      alignment: "none" only centres the nucleus, without rotation and flips.

    Raises: ValueError: the cell reaches beyond the frame, or the pixel size can't be right.
    """
    scale = np.asarray(scale, np.float64)
    if max(scale) > min(_MAX_PIXEL_RATIO * min(scale), frame.extent):
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
    """Returns the mean (row, col) of a (Y, X) mask, px."""
    return np.array([indices.mean() for indices in np.nonzero(mask)])


def principal_axes(shape, scale) -> tuple[np.ndarray, np.ndarray]:
    """Returns the minor and major axis of a shape from its second moments, which include those of each pixel's area.

    Args: shape: (2, N), y and x of its pixels, µm. scale: (y, x), the pixels' own size, µm.

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
