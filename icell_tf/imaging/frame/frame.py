"""The frame, the grid of one cell's image, and the transform into it: a low-pass and an affine warp with an inverse."""

import dataclasses
import itertools
import math

import numpy as np
from scipy import ndimage

from icell_tf.spec import AXES


@dataclasses.dataclass(frozen=True)
class Frame:
    """The grid of one cell's image, a picture or a volume.

    Attributes:
      shape: pixels along each axis, (Y, X) or (Z, Y, X).
      pixel_size: µm along each axis.
    """

    shape: tuple[int, ...]
    pixel_size: tuple[float, ...]

    def __post_init__(self):
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "pixel_size", tuple(map(float, self.pixel_size)))
        ranks = len(self.shape), len(self.pixel_size)
        sizes = all(math.isfinite(size) and size > 0 for size in self.pixel_size)
        if ranks not in [(len(axes), len(axes)) for axes in AXES] or min(self.shape) < 1 or not sizes:
            raise ValueError(
                "A frame needs a shape of 1 px or more along each axis, and a pixel_size above 0 µm, for (y, x) or "
                f"(z, y, x), not {self.shape} and {self.pixel_size}."
            )

    @property
    def axes(self) -> str:
        """The axes' letters: "YX" or "ZYX"."""
        return next(axes for axes in AXES if len(axes) == len(self.shape))

    @property
    def plane(self) -> "Frame":
        """The frame along y and x alone."""
        return Frame(in_plane(self.shape), in_plane(self.pixel_size))

    @property
    def extent(self) -> tuple[float, ...]:
        """µm along each axis."""
        return tuple(count * size for count, size in zip(self.shape, self.pixel_size, strict=True))

    def __str__(self):
        shape = " x ".join(map(str, self.shape))
        return f"{shape} px at {listed(f'{size:g}' for size in self.pixel_size)} µm/px"


def in_plane(values):
    """Returns the entries for y and x of a sequence with an entry an axis."""
    return values[-2:]


def listed(texts) -> str:
    """Joins a text for each axis to one, such as 2 x 0.5 x 0.5; equal ones are given once."""
    texts = list(texts)
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)


@dataclasses.dataclass(frozen=True, eq=False)
class Transform:
    """The transform from a stack into the frame, and back: of its planes, or of its volumes if the frame is 3D.

    Attributes:
      matrix: (2, 3) float64, maps (row, col, 1) of the frame to (row, col) of the stack, both in pixels; or (3, 4) of
        (plane, row, col, 1).
      source_shape: (Y, X) or (Z, Y, X) of the stack.
      source_scale: (y, x) or (z, y, x), µm per source pixel.
      frame: the frame.
    """

    matrix: np.ndarray
    source_shape: tuple[int, ...]
    source_scale: tuple[float, ...]
    frame: Frame

    def apply(self, images) -> np.ndarray:
        """Brings images (..., Y, X) or (..., Z, Y, X) of the stack into the frame.

        Returns: (..., *frame.shape) float32, 0 beyond the stack's edge.
        """
        images = self._checked(images, self.source_shape)
        return warp(images, self.matrix, self.frame.shape, _sigmas(self.source_scale, self.frame.pixel_size))

    def restore(self, images) -> np.ndarray:
        """Brings images (..., *frame.shape) of the frame back to the stack's pixels: (..., *source_shape) float32."""
        images = self._checked(images, self.frame.shape)
        inverse = np.linalg.inv(np.vstack([self.matrix, [0] * len(self.matrix) + [1]]))[:-1]
        return warp(images, inverse, self.source_shape, _sigmas(self.frame.pixel_size, self.source_scale))

    @staticmethod
    def _checked(images, shape):
        images = np.asarray(images, np.float32)
        if images.shape[-len(shape) :] != tuple(shape):
            raise ValueError(f"Expected images of {tuple(shape)} pixels, found {images.shape[-len(shape) :]}.")
        return images


def _sigmas(scale, target):
    """Returns the sigmas, in px of `scale` along each axis, of the low-pass before resampling to pixels of `target`.

    Args: scale, target: µm along each axis. A rotation mixes y and x, where the mean of the target's pixels counts.
    """
    side = math.sqrt(math.prod(in_plane(target)))  # exactly that of square pixels
    target = (*target[: -len(in_plane(target))], side, side)
    return [low_pass_sigma(wanted / size) for wanted, size in zip(target, scale, strict=True)]


def low_pass_sigma(factor: float) -> float:
    """Sigma of the Gaussian before resampling, in source px, for pixels `factor` times as large: (factor - 1) / 2."""
    return max(0.0, (factor - 1) / 2)


def low_pass(image, sigmas) -> np.ndarray:
    """Gaussian low-pass with a sigma an axis, in px; zero means no filter. Values beyond the edge are 0."""
    return ndimage.gaussian_filter(image, sigmas, mode="constant") if any(sigmas) else image


def warp(images, matrix, output_shape, sigmas) -> np.ndarray:
    """Low-passes images, then samples them linearly where a matrix points.

    To save time, it reads only the part of the images that isn't 0, and computes only the part of the output that
    depends on it; the rest is 0.

    Args:
      images: (..., Y, X) or (..., Z, Y, X).
      matrix: (2, 3) or (3, 4), maps the output's pixels to the images', as that of a `Transform`.
      output_shape: pixels along each axis.
      sigmas: of the low-pass along each axis, in the images' px.

    Returns: (..., *output_shape) float32.
    """
    rank = len(output_shape)
    linear, shift = matrix[:, :rank], matrix[:, rank]
    flat = images.reshape((-1, *images.shape[-rank:]))
    result = np.zeros((len(flat), *output_shape), np.float32)
    source = _bounding_box(flat.any(axis=0))
    if source is None:
        return result.reshape((*images.shape[:-rank], *output_shape))
    pads = [math.ceil(4 * sigma) + 1 for sigma in sigmas]  # room for the Gaussian's tails beyond the box's edge
    corner = [span.start - pad for span, pad in zip(source, pads, strict=True)]
    flat = np.pad(flat[(..., *source)], [(0, 0), *((pad, pad) for pad in pads)])
    target = _reached(corner, flat.shape[1:], linear, shift, output_shape)
    offset = shift - corner + linear @ [span.start for span in target]
    for image, output in zip(flat, result[(..., *target)], strict=True):
        ndimage.affine_transform(
            low_pass(image, sigmas), linear, offset, output.shape, output, order=1, prefilter=False
        )
    return result.reshape((*images.shape[:-rank], *output_shape))


def _bounding_box(mask):
    """Returns the slices along each axis that hold all of a mask, or None if it is empty."""
    axes = range(mask.ndim)
    spans = [np.flatnonzero(mask.any(axis=tuple(other for other in axes if other != axis))) for axis in axes]
    return tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans) if len(spans[0]) else None


def _reached(corner, shape, linear, shift, output_shape):
    """Returns the slices of the output whose pixels the warp maps into a box of source pixels."""
    low, high = np.array(corner), np.array(corner) + shape
    corners = np.array(list(itertools.product(*zip(low, high, strict=True))))
    reached = np.linalg.solve(linear, (corners - shift).T)  # (rank, corners)
    low = np.clip(np.floor(reached.min(axis=1)), 0, output_shape).astype(int)
    high = np.clip(np.ceil(reached.max(axis=1)) + 1, low, output_shape).astype(int)
    return tuple(slice(start, stop) for start, stop in zip(low.tolist(), high.tolist(), strict=True))
