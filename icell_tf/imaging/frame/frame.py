"""The frame, a square picture of one cell, and the transform into it: a low-pass and an affine warp with an inverse."""

import dataclasses
import math

import numpy as np
from scipy import ndimage


@dataclasses.dataclass(frozen=True)
class Frame:
    """A square picture of one cell: image_size in px, pixel_size in µm/px."""

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
    """The transform from a stack's plane into the frame, and back.

    Attributes:
      matrix: (2, 3) float64, maps (row, col, 1) of the frame to (row, col) of the stack, both in pixels.
      source_shape: (Y, X) of the stack.
      source_scale: (y, x), µm per source pixel.
      frame: the frame.
    """

    matrix: np.ndarray
    source_shape: tuple[int, int]
    source_scale: tuple[float, float]
    frame: Frame

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


def low_pass_sigma(factor: float) -> float:
    """Sigma of the Gaussian before resampling, in source px, for pixels `factor` times as large: (factor - 1) / 2."""
    return max(0.0, (factor - 1) / 2)


def low_pass(plane, sigmas) -> np.ndarray:
    """Gaussian low-pass of (Y, X) with a sigma per axis in px; zero means no filter. Values beyond the edge are 0."""
    return ndimage.gaussian_filter(plane, sigmas, mode="constant") if any(sigmas) else plane


def warp(planes, matrix, output_shape, sigmas) -> np.ndarray:
    """Low-passes planes (..., Y, X), then samples them linearly where `matrix` (2, 3) points. Returns: float32.

    To save time, it reads only the part of the planes that isn't 0, and computes only the part of the output that
    depends on it; the rest is 0.
    """
    flat = planes.reshape((-1, *planes.shape[-2:]))
    result = np.zeros((len(flat), *output_shape), np.float32)
    source = _bounding_box(flat.any(axis=0))
    if source is None:
        return result.reshape((*planes.shape[:-2], *output_shape))
    pads = [math.ceil(4 * sigma) + 1 for sigma in sigmas]  # room for the Gaussian's tails beyond the box's edge
    corner = [rows.start - pad for rows, pad in zip(source, pads, strict=True)]
    flat = np.pad(flat[(..., *source)], [(0, 0), *((pad, pad) for pad in pads)])
    target = _reached(corner, flat.shape[1:], matrix, output_shape)
    offset = matrix[:, 2] - corner + matrix[:, :2] @ [rows.start for rows in target]
    for plane, output in zip(flat, result[(..., *target)], strict=True):
        ndimage.affine_transform(
            low_pass(plane, sigmas), matrix[:, :2], offset, output.shape, output, order=1, prefilter=False
        )
    return result.reshape((*planes.shape[:-2], *output_shape))


def _bounding_box(mask):
    """Returns the slices along y and x that hold all of a (Y, X) mask, or None if it is empty."""
    spans = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    return tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans) if len(spans[0]) else None


def _reached(corner, shape, matrix, output_shape):
    """Returns the slices of the output whose pixels `matrix` maps into a box of source pixels."""
    low, high = np.array(corner), np.array(corner) + shape
    corners = np.array([[y, x] for y in (low[0], high[0]) for x in (low[1], high[1])])
    reached = np.linalg.solve(matrix[:, :2], (corners - matrix[:, 2]).T)  # (2, 4)
    low = np.clip(np.floor(reached.min(axis=1)), 0, output_shape).astype(int)
    high = np.clip(np.ceil(reached.max(axis=1)) + 1, low, output_shape).astype(int)
    return tuple(slice(start, stop) for start, stop in zip(low.tolist(), high.tolist(), strict=True))
