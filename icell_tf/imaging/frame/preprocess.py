"""Preprocessing of one cell (paper, section 3.1; docs/paper.md names the departures): a 3D stack in, one picture out.

Along z all steps work on voxels. In the plane there is one low-pass and one affine warp that combines rotation, flips,
scale and shift, so that a picture is interpolated only once.
"""

import dataclasses
import math

import numpy as np

from icell_tf.imaging.frame.frame import Frame, Transform
from icell_tf.imaging.frame.intensity import background_intensity, project_cell
from icell_tf.imaging.frame.pose import ALIGNMENTS, Pose, align
from icell_tf.imaging.read.channels import CHANNEL_ROLES

PREPROCESSING_VERSION = 1  # rises with every change that alters a picture
NORMALIZATIONS = ("maximum", "percentile")
_PERCENTILE = 99.9  # of the projected cell's pixels


@dataclasses.dataclass(frozen=True)
class Preparation:
    """How a stack becomes a picture; a model takes only cells with the preparation of those it was trained on.

    Attributes:
      alignment: "major_axis": the cell's major axis horizontal and its skewness positive (the paper's); "none": the
        cell's own orientation, only centred.
      normalization: the intensity that becomes 255. "maximum" (the paper's): the highest within the cell. "percentile":
        the 99.9th percentile of the projected cell, so that a few bright specks don't darken the rest; if it is not
        above the background, the highest.
    """

    alignment: str = "major_axis"
    normalization: str = "maximum"

    def __post_init__(self):
        for name, choices in (("alignment", ALIGNMENTS), ("normalization", NORMALIZATIONS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(choices)}.")


def describe(preparation: Preparation, version: int = PREPROCESSING_VERSION) -> str:
    """Describes a preparation and the version of the preprocessing in one line; data sets and models compare it."""
    return f"{preparation.alignment}, {preparation.normalization}, {version}"


def parse_preparation(description: str) -> Preparation:
    """Reads what `describe` wrote. Raises: ValueError: it is of another version of the preprocessing."""
    alignment, normalization, version = description.split(", ")
    if version != str(PREPROCESSING_VERSION):
        raise ValueError(
            f"the model was trained on cells of version {version} of the preprocessing, and this icell_tf has version "
            f"{PREPROCESSING_VERSION}: use the release of icell_tf that it was trained with, or train again"
        )
    return Preparation(alignment, normalization)


class MaskError(ValueError):
    """A mask that can't be used, or doesn't belong to its stack."""


@dataclasses.dataclass(frozen=True, eq=False)
class PreprocessedCell:
    """A cell in its frame.

    Attributes:
      image: (H, W, C) uint8, channels membrane, nucleus[, structure].
      transform: from the stack's plane into the frame.
      pose: the `Pose` of its outline.
      ranges: for each channel the intensity that became 0 and the one that became 255, in the stack's units.
    """

    image: np.ndarray
    transform: Transform
    pose: Pose
    ranges: tuple[tuple[float, float], ...]


def preprocess(channels, cell_mask, nucleus_mask, scale, frame: Frame, preparation=None) -> PreprocessedCell:
    """Turns one cell's stack into a picture: subtracts background, masks, rescales, projects, aligns and resamples.

    Args:
      channels: (C, Z, Y, X), or a sequence of C arrays (Z, Y, X), integers or floats: membrane, nucleus[, structure].
      cell_mask: (Z, Y, X) or (1, Y, X), nonzero inside the cell.
      nucleus_mask: (Z, Y, X) or (1, Y, X), nonzero inside the nucleus.
      scale: (z, y, x), µm per voxel; z is not used and may be nan.
      frame: the `Frame` of the picture.
      preparation: a `Preparation`; None is the paper's.

    Raises: ValueError: the shapes differ, a mask or channel is empty, the nucleus lies outside the cell, or the pixel
      size can't be right; a `MaskError` if the masks are wrong. The message doesn't name the cell: the caller does.
    """
    preparation = preparation or Preparation()
    channels = _check_channels(channels)
    cell_mask, nucleus_mask = _check_masks(cell_mask, nucleus_mask, channels[0].shape)
    _check_scale(scale)
    outline, nucleus = cell_mask.any(axis=0), nucleus_mask.any(axis=0)
    transform, pose = align(outline, nucleus, scale[1:], frame, preparation.alignment)
    planes, ranges = [], []
    for name, channel in zip(CHANNEL_ROLES, channels, strict=False):
        # Subtraction, clipping and division keep the order of intensities, so they can follow the projection.
        plane = project_cell(channel, cell_mask, name)
        background = background_intensity(channel, cell_mask)
        highest = _highest(plane[outline], background, name, preparation.normalization)
        planes.append(np.minimum(np.maximum(plane.astype(np.float64) - float(background), 0) / highest, 1))
        ranges.append((float(background), float(background + highest)))
    image = np.moveaxis(transform.apply(np.stack(planes)), 0, -1)
    return PreprocessedCell(np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8), transform, pose, tuple(ranges))


def _highest(intensities, background, name, normalization):
    """Returns the intensity that becomes 255, minus the background."""
    highest = float(intensities.max()) - float(background)
    if highest <= 0:
        raise ValueError(
            f"the {name} channel is empty: within the cell mask no voxel is above the background, which is "
            f"{background:g}; the highest there is {intensities.max():g}. Check the order of the channels and that the "
            "masks belong to this stack."
        )
    if normalization == "percentile":
        return max(np.percentile(intensities.astype(np.float64), _PERCENTILE) - float(background), 0) or highest
    return highest


def _check_channels(channels):
    """The channels as a list of arrays (Z, Y, X)."""
    channels = [np.asarray(channel) for channel in channels]
    shapes = {channel.shape for channel in channels}
    if len(channels) not in (2, 3) or len(shapes) != 1 or channels[0].ndim != 3 or 0 in channels[0].shape:
        raise ValueError(
            "expected channels (C, Z, Y, X) with C = 2 (membrane, nucleus) or 3 (and structure), found "
            f"{len(channels)} of shape {' and '.join(map(str, sorted(shapes)))}."
        )
    for name, channel in zip(CHANNEL_ROLES, channels, strict=False):
        if channel.dtype.kind not in "buif":
            raise ValueError(f"expected integer or float intensities, found {channel.dtype} in the {name} channel.")
    return channels


def _check_masks(cell_mask, nucleus_mask, shape):
    """Both masks as bool arrays of the stack's shape."""
    masks = []
    for name, mask in (("cell", cell_mask), ("nucleus", nucleus_mask)):
        mask = np.asarray(mask)
        if mask.ndim == 2:
            mask = mask[None]
        if mask.ndim != 3 or mask.shape[0] not in (1, shape[0]) or mask.shape[1:] != shape[1:]:
            raise MaskError(
                f"the {name} mask has the shape {mask.shape}, the stack {shape} (Z, Y, X); a mask needs the stack's "
                "shape, or one plane."
            )
        if mask.dtype.kind not in "buif":
            raise MaskError(f"expected a {name} mask of bools or numbers, found {mask.dtype}.")
        if mask.dtype.kind in "if" and not (mask.min() >= 0 and np.isfinite(mask.max())):  # NaN fails, too
            raise MaskError(f"the {name} mask has negative, NaN or infinite values: expected 0 outside, more inside.")
        inside = mask != 0
        if not inside.any():
            raise MaskError(f"the {name} mask is empty.")
        masks.append(np.broadcast_to(inside, shape))
    if np.count_nonzero(masks[1]) > np.count_nonzero(masks[0]):
        raise MaskError(
            "the nucleus mask is larger than the cell mask: are they exchanged? Check the names of their "
            "channels (name_dict, or --segmentation_channels)."
        )
    if masks[0].all():
        raise MaskError(
            "the cell mask fills the whole stack, so the cell has no outline: expected a mask that is 0 outside the "
            "cell, and a crop with a margin around it."
        )
    if not any((cell & nucleus).any() for cell, nucleus in zip(*masks, strict=True)):
        raise MaskError("the nucleus mask lies outside the cell mask: are both of one cell?")
    return masks


def _check_scale(scale):
    if len(scale) != 3 or not all(math.isfinite(s) and s > 0 for s in scale[1:]):
        raise ValueError(f"expected a scale (z, y, x) with positive µm per pixel in y and x, found {scale}.")


def check_version(preparation):
    """TEMPORARY, until the preparation takes any rank."""
    return preparation
