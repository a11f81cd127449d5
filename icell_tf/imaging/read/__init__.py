"""Reads images of microscopes and segmentation tools, in any of their formats, as named channels of voxels."""

import os
import pathlib
from collections.abc import Sequence

from icell_tf.imaging.read import png, tiff, vendors
from icell_tf.imaging.read.axes import resolve_axes
from icell_tf.imaging.read.source import StackError
from icell_tf.imaging.read.stack import Stack, czyx_shape
from icell_tf.imaging.read.units import resolve_scale
from icell_tf.imaging.read.zarr import is_zarr, open_zarr

__all__ = ["Stack", "StackError", "dimensions", "fitting_axes", "is_zarr", "print_guess", "read_stack"]

_printed_guesses: set[str] = set()


def read_stack(
    path, *, axes: str | None = None, channels: Sequence[str] | None = None, scale=None, scene: str | int | None = None
) -> Stack:
    """Reads a stack's headers, not yet its voxels. Arguments override what the file says.

    Args:
      path: a TIFF, OME-TIFF, ImageJ hyperstack, PNG, OME-Zarr (a folder), CZI, LIF or ND2; a single plane is a stack of
        one.
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
    source = _opener(path)(path, scene)
    axes, guess = resolve_axes(path, source, axes, channels)
    count = czyx_shape(source.shape, axes)[0]
    if channels is None:
        found = source.channels if len(source.channels) == count else [""] * count
        channels = [name or str(i) for i, name in enumerate(found)]
    return Stack(source, axes, tuple(channels), resolve_scale(path, source.scale, scale), path, guess)


def dimensions(path) -> int | None:
    """Returns the number of dimensions of a file's array, or None if the file can't be read."""
    try:
        return len(_opener(os.fspath(path))(os.fspath(path), None).shape)
    except (ValueError, OSError):
        return None


def fitting_axes(path, axes: str | None) -> str | None:
    """Returns the axes given for stacks if a file of masks has as many dimensions, else None: the file's own."""
    return axes if axes and dimensions(path) == len(axes) else None


def print_guess(stack: Stack):
    """Prints how a stack's axes were guessed, if they were; prints the same guess only once in a process."""
    if stack.guess and stack.guess not in _printed_guesses:
        _printed_guesses.add(stack.guess)
        print(f"{stack.path}: {stack.guess}", flush=True)


def _opener(path):
    """Returns the function that reads a file, by its first bytes, or by its suffix where formats share these."""
    if os.path.isdir(path):
        return open_zarr
    try:
        with open(path, "rb") as file:
            start = file.read(8)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: there is no such file.") from error
    except PermissionError as error:
        raise PermissionError(
            f"{path}: you may not read it. Change its permissions (chmod u+r), or copy it."
        ) from error
    if not start:
        raise StackError(f"{path}: the file is empty. Copy or export it again.")
    if pathlib.PurePath(path).suffix.lower() in vendors.SUFFIXES:
        return vendors.open_vendor
    for module, opener in ((tiff, tiff.open_tiff), (png, png.open_png)):
        if start.startswith(module.MAGIC):  # one, or any of several
            return opener
    raise StackError(
        f"{path}: can't be read: it starts with {start!r}, and no TIFF or PNG does. Formats: TIFF, OME-TIFF, ImageJ "
        "hyperstack, PNG, OME-Zarr (a folder), CZI, LIF, ND2. Export it as OME-TIFF, or copy it again if it is one."
    )
