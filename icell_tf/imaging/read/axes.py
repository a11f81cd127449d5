"""The axes of a file's array: given by the user, named by the file, or guessed, which the user is told.

Many programs write stacks whose planes are called channels or time points. Therefore the file's axes are compared with
the channels' names and, if there are none, with the planes' similarity.
"""

import math
import re

import numpy as np

from icell_tf.imaging.read.source import Source, StackError
from icell_tf.imaging.read.stack import czyx_shape, read_part

_KNOWN = "TCZYXS"
_FLAG = '(--axes, or for a data set its config argument "axes")'
_MAX_CHANNELS = 8  # of a stack without names
# Neighbouring planes correlate more than channels do; tests/imaging/read/test_axes.py measures by how much.
_CLEAR_DIFFERENCE = 0.2
# Names like C=1, Ch 2 or Channel:0:3 have no meaning.
_NO_NAME = re.compile(r"(channel|ch|c)?[\s:=_-]*[\d:]*", re.IGNORECASE)


def resolve_axes(path: str, source: Source, given: str | None, names) -> tuple[str, str]:
    """Determines the axes.

    Args:
      path: for errors.
      source: the file's array.
      given: the user's axes, which override the file's, or None.
      names: the user's names of the channels, or None.

    Returns: a letter of T, C, Z, Y, X or S for each dimension (any other for one of size 1), and a sentence on how they
      were guessed, which is the same for all files like this one; empty if they weren't guessed.

    Raises: StackError: the axes are unknown, there are several time points, the number of channels differs from that of
      the names, or the file surely calls planes channels.
    """
    if given is not None:
        axes, guess = _given_axes(path, source, given), ""
    else:
        axes, guess = _found_axes(path, source, names)
    _check_time(path, source, axes)
    _check_count(path, source, axes, names)
    if given is None:
        _check_similarity(path, source, axes, guess, names)
    return axes, guess


def _given_axes(path, source, given):
    given, ndim = given.upper(), len(source.shape)
    if not len(given) == len(set(given)) == ndim or not {"Y", "X"} <= set(given) <= set(_KNOWN):
        raise StackError(
            f"{path}: the axes {given!r} don't fit its array of shape {source.shape}: expected {ndim} different "
            f"letters of {_KNOWN}, Y and X among them {_FLAG}."
        )
    return given


def _found_axes(path, source, names):
    """Returns the file's axes, and how the unnamed ones were guessed: by the number of channels, or by their sizes."""
    letters, shape = list(source.axes), source.shape
    unnamed = [i for i, letter in enumerate(letters) if letter not in _KNOWN and shape[i] > 1]
    why = []
    if unnamed and not {"C", "S"} & set(letters):
        i = _channel_axis(shape, unnamed, names)
        if i is not None:
            letters[i] = "C"
            unnamed.remove(i)
            why.append(f"{len(names)} channels are named" if names else "fewer channels than planes")
    if len(unnamed) == 1 and "Z" not in letters:
        many = shape[unnamed[0]] > _MAX_CHANNELS
        if many or names is not None or {"C", "S"} & set(letters):
            letters[unnamed.pop()] = "Z"
            why = why or ["only one channel is named" if names else "many planes rather than many channels"]
    axes = "".join(letters)
    if unnamed or not {"Y", "X"} <= set(axes):
        examples = {2: "YX", 3: "ZYX or CYX", 4: "CZYX or ZCYX"}.get(len(shape), "TCZYX")
        raise StackError(
            f"{path}: its metadata doesn't say what the axes of its array of shape {shape} are ({source.axes}). Give "
            f"them, for instance {examples} {_FLAG}."
        )
    if not why:
        return axes, ""
    return axes, f"the file doesn't name its axes ({source.axes}); taken as {axes}: {why[0]}. If not, say so {_FLAG}."


def _channel_axis(shape, unnamed, names):
    """Returns the unnamed axis with as many entries as names or, without names, the short one of two; or None."""
    if names is not None:
        fitting = [i for i in unnamed if shape[i] == len(names) > 1]
    else:
        fitting = [i for i in unnamed if shape[i] <= _MAX_CHANNELS and len(unnamed) == 2]
    return fitting[0] if len(fitting) == 1 else None


def _check_time(path, source, axes):
    for letter, size in zip(axes, source.shape, strict=True):
        if letter not in "CZYXS" and size > 1:
            hint = "" if "Z" in axes else f" If they are planes, its axes are {axes.replace(letter, 'Z')} {_FLAG}."
            raise StackError(
                f"{path}: found {size} time points (axis {letter} of {axes}, shape {source.shape}); one is expected. "
                f"Save each time point as a file of its own.{hint}"
            )


def _check_count(path, source, axes, names):
    count, planes, *_ = czyx_shape(source.shape, axes)
    if names is None or len(names) == count:
        return
    swapped = _swapped(axes)
    if czyx_shape(source.shape, swapped)[0] == len(names):
        advice = f"They fit if Z and C are exchanged: give its axes as {swapped} {_FLAG}."
    else:
        advice = f"Check the names, or the axes {_FLAG}."
    raise StackError(
        f"{path}: {len(names)} channels are named ({', '.join(names)}), the file has {count} with {planes} planes each "
        f"(axes {axes}, shape {source.shape}). {advice}"
    )


def _swapped(axes):
    """Exchanges C and Z."""
    return axes.translate(str.maketrans("CZ", "ZC"))


def _check_similarity(path, source, axes, guess, names):
    """Refuses unnamed channels that are planes in truth: planes are more similar to their neighbours than channels."""
    count, planes, *_ = czyx_shape(source.shape, axes)
    named = names is not None or any(not _NO_NAME.fullmatch(name) for name in source.channels)
    if "C" not in axes or (not guess and count != planes and (named or count <= _MAX_CHANNELS)):
        return
    found = f"{path}: found {count} channels of {planes} planes each (axes {axes}, shape {source.shape})"
    advice = f"Give its axes: {_swapped(axes)}, or {axes} if they are right {_FLAG}."
    if planes == 1 and count > _MAX_CHANNELS:
        raise StackError(f"{found}, without names: C seems to be Z. {advice}")
    of_channels, of_planes = _similarity(source, axes, "C"), _similarity(source, axes, "Z")
    if of_channels > of_planes + _CLEAR_DIFFERENCE:
        raise StackError(
            f"{found}, but neighbouring channels are more similar (correlation {of_channels:.2f}) than neighbouring "
            f"planes ({of_planes:.2f}): C seems to be Z. {advice}"
        )


def _similarity(source, axes, letter, pairs=5, pixels=256):
    """Returns the median correlation of neighbours along C or Z, in the middle of the other axis; nan if none."""
    sizes = {other: 1 for other in "CSZ"} | dict(zip(axes, source.shape, strict=True))
    index = {other: sizes[other] // 2 for other in "CSZ"}
    found = []
    last = sizes[letter] - 2
    for i in sorted({round(i) for i in np.linspace(last / 4, 3 * last / 4, pairs)} if last >= 0 else ()):
        first, second = (read_part(source, axes, **(index | {letter: i + j}))[0] for j in (0, 1))
        steps = tuple(slice(None, None, max(1, size // pixels)) for size in first.shape)
        first, second = (plane[steps].astype(np.float64).ravel() for plane in (first, second))
        if first.std() and second.std():
            found.append(np.corrcoef(first, second)[0, 1])
    return float(np.median(found)) if found else math.nan
