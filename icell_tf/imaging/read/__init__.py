"""Reads images of microscopes and segmentation tools, in any of their formats, as named channels of voxels."""

import os
from collections.abc import Sequence

from icell_tf.imaging.read.axes import resolve_axes
from icell_tf.imaging.read.formats import is_stack_folder, open_source
from icell_tf.imaging.read.source import StackError
from icell_tf.imaging.read.stack import Stack, czyx_shape
from icell_tf.imaging.read.units import resolve_scale

__all__ = ["Stack", "StackError", "dimensions", "fitting_axes", "is_stack_folder", "print_guess", "read_stack"]

_printed_guesses: set[str] = set()


def read_stack(
    path, *, axes: str | None = None, channels: Sequence[str] | None = None, scale=None, scene: str | int | None = None
) -> Stack:
    """Reads a stack's headers, not yet its voxels. Arguments override what the file says.

    Args:
      path: a TIFF, OME-TIFF (of one file, or any of several), ImageJ hyperstack, PNG, CZI, LIF, ND2, .npy or .npz; or a
        folder: an OME-Zarr, or the planes of a stack as TIFF or PNG. A single plane is a stack of one.
      axes: a letter of T, C, Z, Y, X or S (samples of an RGB image) for each dimension of the file's array.
      channels: the channels' names.
      scale: µm per voxel: (z, y, x), (y, x), or one number for y and x.
      scene: the position or series, by name or number; needed if the file has several.

    Returns: `Stack`; its `guess` says how the axes were guessed, if the file doesn't name them.

    Raises:
      FileNotFoundError, PermissionError: there is no such file, or it may not be read.
      ImportError: the format needs a package that isn't installed; the message says which.
      StackError: (a ValueError) the file is damaged or in no known format, its axes are unknown or surely wrong, it has
        several time points or scenes, another number of channels than given, or no pixel size.
    """
    path = os.fspath(path)
    source = open_source(path, scene)
    given = axes
    axes, guess = resolve_axes(path, source, axes, channels)
    if source.note:
        taken = "its axes are given as" if given else "if it isn't so, give its axes with --axes: taken as"
        guess = f"{source.note}; {taken} {axes}. {guess}".strip()
    count = czyx_shape(source.shape, axes)[0]
    if channels is None:
        found = source.channels if len(source.channels) == count else [""] * count
        channels = [name or str(i) for i, name in enumerate(found)]
    return Stack(source, axes, tuple(channels), resolve_scale(path, source.scale, scale), path, guess)


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


def print_guess(stack: Stack):
    """Prints how a stack's axes were guessed, if they were; prints the same guess only once in a process."""
    if stack.guess and stack.guess not in _printed_guesses:
        _printed_guesses.add(stack.guess)
        print(f"{stack.path}: {stack.guess}", flush=True)
