"""Reads images of microscopes and segmentation tools, in any of their formats, as named channels of voxels."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from icell_tf.imaging.read.axes import FLAG, check_letters, resolve_axes
from icell_tf.imaging.read.channels import has_meaning
from icell_tf.imaging.read.formats import is_stack_folder, open_source
from icell_tf.imaging.read.source import StackError
from icell_tf.imaging.read.stack import Stack, czyx_shape
from icell_tf.imaging.read.units import compare_scales, resolve_scale
from icell_tf.messages import counted, show

__all__ = [
    "Stack",
    "StackError",
    "dimensions",
    "fitting_axes",
    "is_stack_folder",
    "print_guesses",
    "read_masks",
    "read_stack",
]

_printed_guesses: set[str] = set()


def read_stack(
    path, *, axes: str | None = None, channels: Sequence[str] | None = None, scale=None, scene: str | int | None = None
) -> Stack:
    """Reads a stack's headers, and some planes to check its axes. Arguments override what the file says.

    Args:
      path: a TIFF, OME-TIFF (of one file, or any of several), ImageJ hyperstack, PNG, CZI, LIF, ND2, .npy or .npz; or a
        folder: an OME-Zarr, or the planes of a stack as TIFF or PNG. A single plane is a stack of one.
      axes: a letter of T, C, Z, Y, X or S (samples of an RGB image) for each dimension of the file's array.
      channels: the channels' names.
      scale: µm per voxel: (z, y, x), (y, x), or one number for y and x.
      scene: the position or series, by name or number; needed if the file has several.

    Returns: `Stack`; its `guesses` say what was guessed, and where the file contradicts the arguments.

    Raises:
      FileNotFoundError, PermissionError: there is no such file, or it may not be read.
      ImportError: the format needs a package that isn't installed; the message says which.
      StackError: (a ValueError) the file is damaged or in no known format, its axes are unknown or surely wrong, it has
        several time points or scenes, another number of channels than given, or no pixel size.
    """
    stack = _read_headers(path, axes, channels, scene)
    scale, guess = resolve_scale(stack.path, stack.source.scale, scale)
    return dataclasses.replace(stack, scale=scale, guesses=(*stack.guesses, *filter(None, [guess])))


def read_masks(
    path, image: Stack, given: bool, *, axes: str | None = None, channels: Sequence[str] | None = None
) -> Stack:
    """Reads the headers of a file of masks or labels, whose pixel size is that of its image.

    Args:
      path: as of `read_stack`; it may be the image's file.
      image: the stack that the masks belong to.
      given: whether the image's pixel size is the user's; it is then used, and otherwise both files must have the same.
      axes: of the image, if they are given. They hold for masks of as many dimensions, else the file's own; these also
        if only by them the masks have the image's planes.
      channels: the channels' names.

    Raises: as `read_stack`; and StackError if both files say a pixel size, and the two differ by more than 2 %.
    """
    path = os.fspath(path)
    masks = _read_headers(path, _axes_of_masks(path, image, axes), channels, masks=True)
    guesses = masks.guesses
    own, of_image = masks.source.scale, image.source.scale
    differ = compare_scales(own, image.scale, "zyx" if masks.shape[1] > 1 else "yx")
    if differ and given and not np.array_equal(own, of_image, equal_nan=True):  # else the image's guesses say it
        guesses += (
            f"the pixel size is given as {differ[1]}, and the masks' file says {differ[0]}: the given one is used.",
        )
    elif differ and not given:
        raise StackError(
            f"{path}: the masks' file says a pixel size of {differ[0]}, and the image's {differ[1]} ({image.path}). Do "
            "they belong together? If so, give the right one: with --pixel_size, or in the column scale_micron."
        )
    return dataclasses.replace(masks, scale=image.scale, guesses=guesses)


def _read_headers(path, axes, channels, scene=None, masks=False):
    """Returns a `Stack` whose pixel size is that of the file, known or not."""
    path = os.fspath(path)
    source = open_source(path, scene)
    given = axes
    axes, guess = resolve_axes(path, source, axes, channels, masks)
    guesses = [guess]
    if source.note:
        taken = f"its axes are given as {axes}." if given else f"taken as {axes}. If not, say so {FLAG}."
        guesses.insert(0, f"{source.note}; {taken}")
    count = czyx_shape(source.shape, axes)[0]
    if channels is None:
        channels = source.channels if len(source.channels) == count else [""] * count
        if len(source.channels) != count and any(map(has_meaning, source.channels)):
            guesses.append(
                f"the file names {counted(len(source.channels), 'channel')} ({', '.join(source.channels)}) and has "
                f"{count}: its names are not used."
            )
    return Stack(source, axes, tuple(channels), source.scale, path, tuple(filter(None, guesses)))


def _axes_of_masks(path, image, axes):
    """Returns the axes given for an image, if they hold for its masks, else None: the file's own."""
    given = fitting_axes(path, axes)
    if given is None or os.path.realpath(path) == os.path.realpath(image.path):
        return given
    source = open_source(path)
    if not check_letters(source.axes):
        return given
    by_given, by_own = (czyx_shape(source.shape, letters)[1:] for letters in (given.upper(), source.axes))
    return None if by_own == image.shape[1:] != by_given else given


def dimensions(path) -> int | None:
    """Returns the number of dimensions of a file's array, or None if the file can't be read."""
    try:
        return len(open_source(os.fspath(path)).shape)
    except (ValueError, OSError):
        return None


def fitting_axes(path, axes: str | None) -> str | None:
    """Returns the axes given for stacks if a file of masks has as many dimensions, else None: the file's own.

    If it has one less and names no axes, as .npy, it is taken to have no channels.
    """
    try:
        source = open_source(os.fspath(path))
    except (ValueError, OSError):
        return None
    candidates = [axes or ""] + [(axes or "").upper().replace("C", "")] * ("Y" not in source.axes)
    return next((found for found in candidates if found and len(found) == len(source.shape)), None)


def print_guesses(path, guesses: Sequence[str]):
    """Prints what was guessed in a file, and what the user has to check; the same sentence only once in a process."""
    for guess in guesses:
        if guess not in _printed_guesses:
            _printed_guesses.add(guess)
            show(f"{path}: {guess}")
