"""Preprocessing of one cell (paper, section 3.1; docs/paper.md names the departures): a 3D stack in, one image out.

The frame decides whether the image is a picture, for which the stack is projected along z, or a volume. There is one
low-pass and one affine warp that combines rotation, flips, scale and shift, so that an image is interpolated only once.
"""

import dataclasses
import math

import numpy as np

from icell_tf.imaging.frame.frame import Frame, Transform
from icell_tf.imaging.frame.intensity import background_intensity, mask_cell, project_cell
from icell_tf.imaging.frame.masks import MaskError, check_masks, describe_pieces
from icell_tf.imaging.frame.no_data import describe_no_data, find_no_data
from icell_tf.imaging.frame.pose import Pose, align
from icell_tf.imaging.read.channels import CHANNEL_ROLES, REFERENCE_ROLES, STRUCTURE_ROLE
from icell_tf.messages import enough_memory
from icell_tf.spec import PREPROCESSING_VERSION, Preparation

_FLAT = 'or take pictures: a model of pictures, or "image_size": [y, x] in the --config of a build'  # advice
_PERCENTILE = 99.9  # of the cell's pixels, projected or not as its image


def check_version(preparation: Preparation):
    """Raises: ValueError: a model's preparation is of another version of the preprocessing than this one."""
    if preparation.version != PREPROCESSING_VERSION:
        raise ValueError(
            f"the model was trained on cells of version {preparation.version} of the preprocessing, and this icell_tf "
            f"has version {PREPROCESSING_VERSION}: use the release of icell_tf that it was trained with, or train again"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class PreprocessedCell:
    """A cell in its frame.

    Attributes:
      image: (*frame.shape, C) uint8, the reference channels and, if there is one, the structure.
      transform: from the stack into the frame.
      pose: the `Pose` of its outline.
      ranges: for each channel the intensity that became 0 and the one that became 255, in the stack's units.
      guesses: what was taken to hold no data, and whether the cell is in pieces, for the user to check.
    """

    image: np.ndarray
    transform: Transform
    pose: Pose
    ranges: tuple[tuple[float, float], ...]
    guesses: tuple[str, ...] = ()


@enough_memory("the stack", "crop it to its cell.")
def preprocess(channels, cell_mask, nucleus_mask, scale, frame: Frame, preparation=None) -> PreprocessedCell:
    """Turns one cell's stack into an image: subtracts background, masks, rescales, aligns and resamples.

    Args:
      channels: (C, Z, Y, X), or a sequence of C arrays (Z, Y, X), integers or floats: membrane, nucleus[, structure].
        NaN, and zeros along the border beside another background, hold no data: see `find_no_data`.
      cell_mask: (Z, Y, X), 0 outside the cell and one number inside; for a frame in 2D also (1, Y, X).
      nucleus_mask: of the nucleus, as the cell mask.
      scale: (z, y, x), µm per voxel; for a frame in 2D z is not used and may be nan.
      frame: the `Frame` of the image. In 2D the stack is projected along z.
      preparation: a `Preparation`; None is the paper's.

    Raises: ValueError: the shapes differ, a channel is empty or has no data within the cell, the pixel size can't be
      right, or the memory isn't large enough; a `MaskError` if the masks are wrong. The message doesn't name the cell:
      the caller does.

    Example:
      >>> from icell_tf.imaging.frame.frame import Frame
      >>> from icell_tf.imaging.frame.preprocess import preprocess
      >>> from icell_tf.simulate import simulate_cell
      >>> cell, frame = simulate_cell(seed=0, y=8, pixel_size=1.2), Frame((32, 32), (1.2, 1.2))
      >>> preprocess(cell.channels, cell.cell_mask, cell.nucleus_mask, cell.scale, frame).image.shape
      (32, 32, 3)
    """
    preparation = preparation or Preparation()
    channels = _check_channels(channels)
    rank = len(frame.shape)
    if rank == channels[0].ndim:
        _check_planes(channels[0], cell=cell_mask, nucleus=nucleus_mask)
    cell_mask, nucleus_mask = check_masks(cell_mask, nucleus_mask, channels[0].shape)
    _check_scale(scale, rank)
    projected = rank < channels[0].ndim
    if not projected:
        _check_depth(cell_mask, nucleus_mask)
    cell, nucleus = (mask.any(axis=0) if projected else mask for mask in (cell_mask, nucleus_mask))
    transform, pose = align(cell, nucleus, scale[-rank:], frame, preparation.alignment)
    images, ranges, left_out = [], [], {}
    for name, channel in zip(CHANNEL_ROLES, channels, strict=False):
        image, reach, without_data = _normalized(channel, cell_mask, name, projected, preparation)
        images.append(image)
        ranges.append(reach)
        left_out |= {name: without_data} if without_data else {}
    guesses = describe_no_data(left_out), describe_pieces(cell)
    image = _in_frame(images, transform)
    return PreprocessedCell(image, transform, pose, tuple(ranges), tuple(filter(None, guesses)))


def preprocess_channel(channel, cell_mask, transform: Transform, preparation=None) -> np.ndarray:
    """Prepares another structure channel of a preprocessed cell, as `preprocess` did its own.

    Args: channel: (Z, Y, X). cell_mask: (Z, Y, X) bool. transform: the cell's own. preparation: as of `preprocess`.
    Returns: (*shape) uint8. Raises: ValueError: the channel is empty.
    """
    projected = len(transform.frame.shape) < channel.ndim
    image, *_ = _normalized(channel, cell_mask, STRUCTURE_ROLE, projected, preparation or Preparation())
    return _in_frame([image], transform)[..., 0]


def _normalized(channel, cell_mask, name, projected, preparation):
    """Returns a channel in [0, 1], projected or not, its range, and the share of it that holds no data."""
    # Subtraction, clipping and division keep the order of intensities, so they can follow a projection.
    image = (project_cell if projected else mask_cell)(channel, cell_mask, name)
    no_data, with_data = find_no_data(channel, cell_mask), cell_mask.any(axis=0) if projected else cell_mask
    if no_data is not None:
        with_data = with_data & ~(no_data.all(axis=0) if projected else no_data)
    background = _background(channel, cell_mask, no_data, name)
    highest = _highest(image[with_data], background, name, preparation.normalization)
    image = np.minimum(np.maximum(image.astype(np.float64) - float(background), 0) / highest, 1)
    share = 0.0 if no_data is None else float(no_data.mean())
    return image.astype(np.float32), (float(background), float(background + highest)), share


def _in_frame(images, transform):
    """Returns channels in [0, 1] as an image of the frame, (*shape, C) uint8."""
    image = np.moveaxis(transform.apply(np.stack(images)), 0, -1)
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def _background(channel, cell_mask, no_data, name):
    try:
        return background_intensity(channel, cell_mask, no_data=no_data)
    except ValueError as error:
        raise ValueError(f"the {name} channel can't be used: {error}") from error


def _highest(intensities, background, name, normalization):
    """Returns the intensity that becomes 255, minus the background."""
    if not len(intensities):
        raise ValueError(
            f"the {name} channel holds no data within the cell mask: it is 0 or NaN there, up to the border."
        )
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
    counts = len(REFERENCE_ROLES), len(CHANNEL_ROLES)
    if len(channels) not in counts or len(shapes) != 1 or channels[0].ndim != 3 or 0 in channels[0].shape:
        raise ValueError(
            f"expected channels (C, Z, Y, X) with C = {counts[0]} ({', '.join(REFERENCE_ROLES)}) or {counts[1]} (and "
            f"{STRUCTURE_ROLE}), found {len(channels)} of shape {' and '.join(map(str, sorted(shapes)))}."
        )
    for name, channel in zip(CHANNEL_ROLES, channels, strict=False):
        if channel.dtype.kind not in "buif":
            raise ValueError(f"expected integer or float intensities, found {channel.dtype} in the {name} channel.")
    return channels


def _check_planes(channel, **masks):
    """Refuses what is flat where a volume is asked for."""
    if len(channel) == 1:
        raise ValueError(f"the stack has one plane, but a volume needs several: give the whole stack, {_FLAT}.")
    for name, mask in masks.items():
        if np.ndim(mask) == 2 or len(mask) == 1:
            raise MaskError(
                f"the {name} mask has one plane, but a volume needs a mask in each of the stack's {len(channel)} "
                f"planes: segment it in 3D, {_FLAT}."
            )


def _check_depth(cell, nucleus):
    """Refuses masks that are of one plane in truth: one is filled, or the same outline fills all, or the cell's."""
    outline = nucleus.any(axis=0)
    for name, mask in (("cell", cell), ("nucleus", nucleus)):
        if np.count_nonzero(mask.any(axis=(1, 2))) == 1:
            found = "empty in all planes but one"
        elif all(np.array_equal(plane, mask[0]) for plane in mask):
            found = f"the same in all {len(mask)} planes"
        elif mask is nucleus and all(np.array_equal(n, outline & c) for n, c in zip(nucleus, cell, strict=True)):
            found = "the same in all planes of the cell"
        else:
            continue
        raise MaskError(
            f"the {name} mask is {found}, but a volume needs a mask that shows the {name} in each plane: segment it in "
            f"3D, {_FLAT}."
        )


def _check_scale(scale, rank):
    known = [math.isfinite(size) and size > 0 for size in scale]
    if len(scale) != 3 or not all(known[1:]):
        raise ValueError(f"expected a scale (z, y, x) with positive µm per pixel in y and x, found {scale}.")
    if not all(known[-rank:]):
        raise ValueError(
            "the distance of the stack's planes along z is not known, which a frame in 3D needs: its file says none, "
            f"or none above 0 in a known unit; found {scale} as µm per voxel along (z, y, x). Give it in the "
            "manifest's column scale_micron as [z, y, x], or as --pixel_size=z,y,x."
        )
