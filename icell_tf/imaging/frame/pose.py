"""The pose of a cell in its stack: its nucleus's centre, its major axis and its skewness (paper, section 3.1)."""

import dataclasses
import math

import numpy as np

from icell_tf.imaging.frame.frame import Frame, Transform, in_plane, listed

MIN_AXIS_RATIO, MIN_SKEWNESS = 1.1, 0.05  # below one of them the pose is ambiguous

_MAX_PIXEL_RATIO = 100  # of height and width; a higher ratio is an error, which would make the low-pass very slow


class BeyondFrame(ValueError):
    """A cell that reaches beyond its frame. `reach`: from its nucleus's centre, µm along each axis of the frame."""

    def __init__(self, message, reach=()):
        super().__init__(message)
        self.reach = tuple(map(float, reach))


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


def align(cell, nucleus, scale, frame: Frame, alignment: str = "major_axis") -> tuple[Transform, Pose]:
    """Finds the transform that makes the major axis horizontal, the skewness positive, and centres the nucleus.

    In 3D, the pose and the centre along y and x are those of the masks projected along z; z is only scaled and shifted.

    Args:
      cell: (Y, X) bool, the cell's projected mask; or (Z, Y, X), for a frame in 3D.
      nucleus: the nucleus's mask, of the same shape.
      scale: µm per pixel along each axis of the masks.
      frame: the `Frame` of the image.
      alignment: "none" only centres the nucleus, without rotation and flips.

    Raises: BeyondFrame: the cell reaches beyond the frame. ValueError: the pixel size can't be right.
    """
    scale = np.asarray(scale, np.float64)
    if max(scale) > min(_MAX_PIXEL_RATIO * min(scale), *frame.extent):
        words = {"Z": "deep", "Y": "high", "X": "wide"}
        described = [f"{size:g} µm {words[axis]}" for axis, size in zip(frame.axes, scale, strict=True)]
        raise ValueError(
            f"its pixels are {', '.join(described[:-1])} and {described[-1]}, in a frame of "
            f"{listed(f'{size:g}' for size in frame.extent)} µm: check --pixel_size or scale_micron, in µm."
        )
    along_z = tuple(range(cell.ndim - len(in_plane(cell.shape))))
    matrix, pose, reach = _align_plane(
        cell.any(axis=along_z), nucleus.any(axis=along_z), in_plane(scale), frame.plane, alignment
    )
    if along_z:
        row, reach_z = _centre_depth(cell, nucleus, scale[0], frame)
        matrix = np.vstack([row, np.insert(matrix, 0, 0, axis=1)])
        reach = np.insert(reach, 0, reach_z)
    _check_extent(reach, frame)
    return Transform(matrix, tuple(cell.shape), tuple(map(float, scale)), frame), pose


def _align_plane(outline, nucleus, scale, frame, alignment):
    """Returns the matrix (2, 3) of the transform along y and x, the pose, and the cell's reach from the nucleus, µm."""
    rows, cols = np.nonzero(outline)
    shape = np.stack([rows, cols]) * scale[:, None]  # (2, N): y and x of the shape's pixels, µm
    centre = centre_of_mass(nucleus) * scale
    axes, deviations = principal_axes(shape, scale)
    coordinates = axes @ (shape - shape.mean(axis=1, keepdims=True))
    skewness = np.mean(coordinates * coordinates * coordinates, axis=1) / deviations**3
    pose = Pose(float(deviations[1] / deviations[0]), tuple(map(float, np.abs(skewness))))
    axes = axes * np.where(skewness < 0, -1.0, 1.0)[:, None] if alignment == "major_axis" else np.eye(2)
    reach = np.abs(axes @ (shape - centre[:, None])).max(axis=1)
    # The rows of `axes` are the frame's vertical and horizontal direction in (y, x); its transpose leads back.
    linear = axes.T * frame.pixel_size / scale[:, None]
    offset = centre / scale - linear @ ((np.array(frame.shape) - 1) / 2)
    return np.column_stack([linear, offset]), pose, reach


def _centre_depth(cell, nucleus, scale, frame):
    """Returns the matrix's row (4,) that puts the nucleus in the middle along z, and the cell's reach along z, µm."""
    depths = np.flatnonzero(cell.any(axis=(1, 2)))
    counts = nucleus.sum(axis=(1, 2))
    centre = np.arange(len(counts)) @ counts / counts.sum()
    step = frame.pixel_size[0] / scale
    return [step, 0, 0, centre - step * (frame.shape[0] - 1) / 2], np.abs(depths - centre).max() * scale


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


def _check_extent(reach, frame):
    """Args: reach: µm from the nucleus's centre, along each axis of the frame."""
    across, along = in_plane(reach)
    if max(across, along) < min(frame.plane.pixel_size):
        raise ValueError(
            f"the cell reaches only {max(across, along):.2g} µm: check --pixel_size or scale_micron, in µm."
        )
    is_volume = frame.axes != frame.plane.axes
    if is_volume and reach[0] < frame.pixel_size[0] / 2:
        raise ValueError(
            f"the cell reaches only {reach[0]:.2g} µm along z from the centre of its nucleus: it is thinner than a "
            f"plane of the frame, {frame.pixel_size[0]:g} µm. Is the distance of the stack's planes right, in µm "
            "(column scale_micron, or --pixel_size=z,y,x)? If so, prepare a data set with a smaller pixel_size along z "
            "in its --config, or pictures."
        )
    half = np.array(frame.extent) / 2
    if (reach > half).any():
        depth = f", and {reach[0]:.1f} µm along z," if is_volume else ""
        raise BeyondFrame(
            f"the cell reaches {along:.1f} µm along and {across:.1f} µm across its long axis{depth} from the "
            f"centre of its nucleus; the frame of {frame} reaches {listed(f'{side:.1f}' for side in half)} µm. Is the "
            "stack's own pixel size right (column scale_micron, or --pixel_size)? If so, prepare a data set with a "
            "larger image_size (px) or pixel_size (µm/px) in its --config.",
            reach,
        )
