"""Preprocessing of one cell (paper, section 3.1; docs/paper.md names the departures): a 3D stack in, one picture out.

Every step is a function of its own. Along z everything is done on voxels; in the plane there is one low-pass and one
affine warp, which holds rotation, flips, scale and shift together, so that a picture is interpolated only once.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage

CHANNELS = ("membrane", "nucleus", "structure")
_BINCOUNT_RANGE = 1 << 20  # integer stacks of a wider range are counted by sorting


@dataclasses.dataclass(frozen=True)
class Frame:
    """The square picture a cell is brought into: image_size in px, pixel_size in µm/px."""

    image_size: int
    pixel_size: float

    def __post_init__(self):
        if self.image_size < 1 or not (math.isfinite(self.pixel_size) and self.pixel_size > 0):
            raise ValueError(
                f"A frame needs image_size >= 1 px and pixel_size > 0 µm/px, not {self.image_size} and "
                f"{self.pixel_size}: change the arguments of these names in the data set's --config."
            )

    @property
    def extent(self) -> float:
        """Side of the frame in µm."""
        return self.image_size * self.pixel_size


@dataclasses.dataclass(frozen=True, eq=False)
class Transform:
    """The way from a stack's plane into the frame, and back.

    Attributes:
      matrix: (2, 3) float64, maps an output (row, col, 1) to a source (row, col), both in pixels.
      source_shape: (Y, X) of the stack.
      source_scale: (y, x), µm per source pixel.
      frame: the frame.
      backgrounds: the intensity subtracted from each channel, in the stack's units (0 for a segmentation).
    """

    matrix: np.ndarray
    source_shape: tuple[int, int]
    source_scale: tuple[float, float]
    frame: Frame
    backgrounds: tuple[float, ...] = ()

    def apply(self, planes) -> np.ndarray:
        """Brings planes (..., Y, X) of the stack into the frame: (..., H, W) float32, 0 beyond the stack's edge."""
        planes = self._checked(planes, self.source_shape)
        sigmas = [low_pass_sigma(self.frame.pixel_size / scale) for scale in self.source_scale]
        size = self.frame.image_size
        return warp(planes, self.matrix, (size, size), sigmas)

    def restore(self, planes) -> np.ndarray:
        """Brings planes (..., H, W) of the frame back to the stack's pixels: (..., Y, X) float32."""
        size = self.frame.image_size
        planes = self._checked(planes, (size, size))
        inverse = np.linalg.inv(np.vstack([self.matrix, [0, 0, 1]]))[:2]
        sigma = low_pass_sigma(math.sqrt(math.prod(self.source_scale)) / self.frame.pixel_size)
        return warp(planes, inverse, self.source_shape, (sigma, sigma))

    @staticmethod
    def _checked(planes, shape):
        planes = np.asarray(planes, np.float32)
        if planes.shape[-2:] != tuple(shape):
            raise ValueError(f"Expected planes of {tuple(shape)} pixels, found {planes.shape[-2:]}.")
        return planes


@dataclasses.dataclass(frozen=True, eq=False)
class PreprocessedCell:
    """A cell in its frame: image (H, W, C) uint8, channels membrane, nucleus[, structure], and the transform used."""

    image: np.ndarray
    transform: Transform


def preprocess(channels, cell_mask, nucleus_mask, scale, frame: Frame, *, cell_id: str = "") -> PreprocessedCell:
    """Turns one cell's stack into a picture: background off, masked, rescaled, projected, aligned, resampled.

    Args:
      channels: (C, Z, Y, X) integers or floats: membrane, nucleus and, where there is one, the structure.
      cell_mask: (Z, Y, X) or (1, Y, X), nonzero inside the cell.
      nucleus_mask: (Z, Y, X) or (1, Y, X), nonzero inside the nucleus.
      scale: (z, y, x), µm per voxel; z is not used and may be nan.
      frame: the frame to bring the cell into.
      cell_id: named in errors.

    Returns:
      The picture, 255 for a channel's highest intensity within the cell, and the transform that led to it.

    Raises:
      ValueError: the shapes differ, a mask or channel is empty, nucleus and cell lie apart, or the size can't be right.
    """
    channels, cell_mask, nucleus_mask = _check_stack(channels, cell_mask, nucleus_mask, scale, cell_id)
    outline, nucleus = cell_mask.any(axis=0), nucleus_mask.any(axis=0)
    planes, backgrounds = [], []
    for name, channel in zip(CHANNELS, channels, strict=False):
        counts = count_intensities(channel, cell_mask)
        segmentation = is_segmentation(counts)
        background = counts.values[0] if segmentation else most_populous_intensity(counts)
        # Subtracting, clipping and dividing keep the order of intensities, so they may follow the projection.
        plane = project(mask_to_cell(channel, cell_mask, background))
        plane = subtract_background(plane, background)
        planes.append(rescale(plane, name, cell_id))
        backgrounds.append(0.0 if segmentation else float(background))
    transform = align(outline, nucleus, scale[1:], frame, tuple(backgrounds), cell_id)
    image = np.moveaxis(transform.apply(np.stack(planes)), 0, -1)
    return PreprocessedCell(np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8), transform)


class Intensities(NamedTuple):
    """How often each intensity occurs in a channel: values, ascending, and their counts outside and inside the cell."""

    values: np.ndarray
    outside: np.ndarray
    inside: np.ndarray


def count_intensities(channel, cell_mask) -> Intensities:
    """Counts the voxels of each intensity. Args: (Z, Y, X) numbers, and (Z, Y, X) bool."""
    if channel.dtype.kind in "bui" and int(channel.max()) - int(channel.min()) < _BINCOUNT_RANGE:
        lowest = int(channel.min()) if channel.dtype.kind == "i" else 0
        index = channel.astype(np.intp) - lowest
        total = np.bincount(index.ravel())
        inside = np.bincount(index[cell_mask], minlength=len(total))
        present = np.flatnonzero(total)
        return Intensities(present + lowest, (total - inside)[present], inside[present])
    values, index = np.unique(channel, return_inverse=True)
    index = index.reshape(channel.shape)
    inside = np.bincount(index[cell_mask], minlength=len(values))
    return Intensities(values, np.bincount(index.ravel(), minlength=len(values)) - inside, inside)


def is_segmentation(counts: Intensities) -> bool:
    """Whether a channel is a mask, and thus has no background: it has two values, or is 0 outside and soft-edged.

    The soft edges of a resampled mask give it more values; then its commonest nonzero one is still its highest.
    """
    if len(counts.values) == 2:
        return True
    inside = np.where(counts.values != 0, counts.inside, 0)
    return not _has_outside(counts) and bool(inside.any()) and np.argmax(inside) == len(inside) - 1


def most_populous_intensity(counts: Intensities):
    """The background: the commonest intensity outside the cell; where that is all 0, the commonest nonzero one inside.

    A crop that was masked before has zeros outside, which say nothing about its background.
    """
    if _has_outside(counts):
        return counts.values[np.argmax(counts.outside)]
    inside = np.where(counts.values != 0, counts.inside, 0)
    return counts.values[np.argmax(inside)] if inside.any() else 0


def _has_outside(counts):
    return bool(np.any(counts.outside[counts.values != 0]))


def mask_to_cell(channel, cell_mask, background) -> np.ndarray:
    """Sets the voxels outside the cell to the background. Returns: (Z, Y, X)."""
    return np.where(cell_mask, channel, np.asarray(background, channel.dtype))


def project(channel) -> np.ndarray:
    """Maximum-projects (Z, Y, X) along z. Returns: (Y, X)."""
    return channel.max(axis=0)


def subtract_background(plane, background) -> np.ndarray:
    """Subtracts the background and sets negatives to 0. Returns: float64 of the same shape."""
    return np.maximum(plane.astype(np.float64) - float(background), 0)


def rescale(plane, channel: str = "", cell_id: str = "") -> np.ndarray:
    """Divides by the highest intensity, to [0, 1]; an empty channel is an error."""
    highest = plane.max()
    if highest <= 0:
        raise ValueError(
            f"{_named(cell_id)}: the {channel} channel is empty: within the cell mask no voxel is above the "
            "background. Check the order of the channels and that the masks belong to this stack."
        )
    return plane / highest


def align(outline, nucleus, scale, frame: Frame, backgrounds=(), cell_id: str = "") -> Transform:
    """Finds the transform that lays the cell's major axis horizontally, its skewness positive, its nucleus central.

    Args:
      outline: (Y, X) bool, the cell's projected mask. nucleus: (Y, X) bool.
      scale: (y, x), µm per pixel.
      frame, backgrounds, cell_id: as in `Transform` and `preprocess`.

    Raises:
      ValueError: the cell reaches beyond the frame.
    """
    scale = np.asarray(scale, np.float64)
    rows, cols = np.nonzero(outline)
    shape = np.stack([rows, cols]) * scale[:, None]  # (2, N): y and x of the shape's pixels, µm
    centre = centre_of_mass(nucleus) * scale
    axes = major_axes(shape, scale)
    axes = axes * skewness_flips(axes @ (shape - shape.mean(axis=1, keepdims=True)))[:, None]
    _check_extent(axes @ (shape - centre[:, None]), frame, cell_id)
    # The rows of `axes` are the frame's vertical and horizontal direction in (y, x); its transpose leads back.
    linear = axes.T * frame.pixel_size / scale[:, None]
    middle = (frame.image_size - 1) / 2
    offset = centre / scale - linear @ (middle, middle)
    return Transform(
        np.column_stack([linear, offset]), tuple(outline.shape), tuple(map(float, scale)), frame, tuple(backgrounds)
    )


def centre_of_mass(mask) -> np.ndarray:
    """Mean (row, col) of a (Y, X) mask, px."""
    return np.array([indices.mean() for indices in np.nonzero(mask)])


def major_axes(shape, scale) -> np.ndarray:
    """Minor and major axis of a shape from its second moments.

    Args:
      shape: (2, N), y and x of its pixels, µm. scale: (y, x), the pixels' own size, µm.

    Returns:
      (2, 2): the unit vectors (y, x) of the minor axis, then of the major one; a rotation.
    """
    covariance = np.cov(shape, bias=True) + np.diag(np.square(scale)) / 12
    yy, xx, xy = covariance[0, 0], covariance[1, 1], covariance[0, 1]
    angle = 0.5 * math.atan2(2 * xy, xx - yy)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def skewness_flips(coordinates) -> np.ndarray:
    """1 or -1 for each row of (2, N) centred coordinates: the sign that makes its third moment positive."""
    return np.where(np.mean(coordinates**3, axis=1) < 0, -1.0, 1.0)


def low_pass_sigma(factor: float) -> float:
    """Sigma of the Gaussian before resampling, in source px, for pixels `factor` times as large: (factor - 1) / 2."""
    return max(0.0, (factor - 1) / 2)


def low_pass(plane, sigmas) -> np.ndarray:
    """Gaussian low-pass of (Y, X) with a sigma per axis in px; zero means no filter. Beyond the edge there is 0."""
    return ndimage.gaussian_filter(plane, sigmas, mode="constant") if any(sigmas) else plane


def warp(planes, matrix, output_shape, sigmas) -> np.ndarray:
    """Low-passes planes (..., Y, X), then samples them linearly where `matrix` (2, 3) points. Returns float32."""
    pads = [math.ceil(4 * sigma) + 1 for sigma in sigmas]  # room for the Gaussian's tails beyond the stack's edge
    flat = planes.reshape((-1, *planes.shape[-2:]))
    flat = np.pad(flat, [(0, 0), *((pad, pad) for pad in pads)])
    result = np.empty((len(flat), *output_shape), np.float32)
    for plane, output in zip(flat, result, strict=True):
        ndimage.affine_transform(
            low_pass(plane, sigmas), matrix[:, :2], matrix[:, 2] + pads, output_shape, output, order=1, prefilter=False
        )
    return result.reshape((*planes.shape[:-2], *output_shape))


def _named(cell_id):
    return f"Cell {cell_id!r}" if cell_id else "The cell"


def _check_stack(channels, cell_mask, nucleus_mask, scale, cell_id):
    channels = np.asarray(channels)
    if channels.ndim != 4 or len(channels) not in (2, 3):
        raise ValueError(
            f"{_named(cell_id)}: expected channels (C, Z, Y, X) with C = 2 (membrane, nucleus) or 3 (and structure), "
            f"found an array of shape {channels.shape}."
        )
    if channels.dtype.kind not in "buif":
        raise ValueError(f"{_named(cell_id)}: expected integer or float intensities, found {channels.dtype}.")
    if channels.dtype.kind == "f" and not np.isfinite(channels).all():
        raise ValueError(f"{_named(cell_id)}: the stack has NaN or infinite intensities.")
    if len(scale) != 3 or not all(math.isfinite(s) and s > 0 for s in scale[1:]):
        raise ValueError(
            f"{_named(cell_id)}: expected a scale (z, y, x) with positive µm per pixel in y and x, found {scale}."
        )
    masks = []
    for name, mask in (("cell", cell_mask), ("nucleus", nucleus_mask)):
        mask = np.asarray(mask)
        if mask.ndim == 2:
            mask = mask[None]
        if mask.ndim != 3 or mask.shape[0] not in (1, channels.shape[1]) or mask.shape[1:] != channels.shape[2:]:
            raise ValueError(
                f"{_named(cell_id)}: the {name} mask has the shape {mask.shape}, the stack "
                f"{channels.shape[1:]} (Z, Y, X); a mask needs the stack's shape, or one plane."
            )
        if not (mask.any() and np.isfinite(mask).all()):
            raise ValueError(f"{_named(cell_id)}: the {name} mask is empty, or has NaN or infinite values.")
        masks.append(np.broadcast_to(mask != 0, channels.shape[1:]))
    if not np.logical_and(*masks).any():
        raise ValueError(f"{_named(cell_id)}: the nucleus mask lies outside the cell mask: are both of one cell?")
    return channels, *masks


def _check_extent(coordinates, frame, cell_id):
    reach = np.abs(coordinates).max(axis=1)  # µm from the nucleus's centre, down and along
    if reach.max() < frame.pixel_size:
        raise ValueError(f"{_named(cell_id)} reaches only {reach.max():.2g} µm: check --pixel_size or scale_micron.")
    if reach.max() > frame.extent / 2:
        raise ValueError(
            f"{_named(cell_id)} reaches {reach[1]:.1f} µm along and {reach[0]:.1f} µm across its long axis from the "
            f"centre of its nucleus; the frame of {frame.image_size} px at {frame.pixel_size:g} µm/px reaches "
            f"{frame.extent / 2:.1f} µm. Is the stack's own pixel size right (column scale_micron, or --pixel_size)? "
            "If so, prepare a data set with a larger image_size (px) or pixel_size (µm/px) in its --config."
        )
