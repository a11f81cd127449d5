"""The axes of a file's array: given by the user, named by the file, or guessed, which the user is told.

Many programs write stacks whose planes are called channels or time points. Therefore the file's axes are compared with
the channels' names, and with the similarity of planes: those of different focus look alike, and channels don't.
"""

import contextlib
import functools
import math

import numpy as np

from icell_tf.imaging.read.channels import has_meaning
from icell_tf.imaging.read.source import Source, StackError
from icell_tf.imaging.read.stack import czyx_shape, read_part
from icell_tf.messages import counted

_KNOWN = "TCZYXS"
FLAG = '(--axes, or for a data set its config argument "axes")'  # what gives the axes, for messages
_MAX_CHANNELS = 8  # of a stack without names
# Neighbouring planes correlate more than channels do; tests/imaging/read/test_similarity.py measures by how much.
_CLEAR_DIFFERENCE = 0.2
_ALIKE = 0.85  # so alike are planes, but not all of three or more neighbouring channels of one plane
_PIXELS = 128  # to which pictures are averaged down along each side, so that noise doesn't hide what is alike


def resolve_axes(path: str, source: Source, given: str | None, names, masks=False) -> tuple[str, str]:
    """Determines the axes.

    Args:
      path: for errors.
      source: the file's array.
      given: the user's axes, which override the file's, or None.
      names: the user's names of the channels, or None.
      masks: whether these are masks or labels, whose channels may look alike.

    Returns: a letter of T, C, Z, Y, X or S for each dimension (any other for one of size 1), and a sentence on how they
      were guessed, or how the file's differ from the given ones; it is the same for all files like this one, and empty
      if there is nothing to say.

    Raises: StackError: the axes are unknown, there are several time points, the number of channels differs from that of
      the names, or the file or the user surely calls planes channels.
    """
    if given is not None:
        axes = _given_axes(path, source, given)
        guess = _other_axes(source, axes)
    else:
        axes, guess = _found_axes(path, source, names)
    _check_time(path, source, axes)
    _check_count(path, source, axes, names if given or names else _fitting_names(source, axes))
    if given is None:
        guess = f"{guess} {_check_similarity(path, source, axes, names, masks)}".strip()
    elif names is None and axes != source.axes:  # what file and user both say is followed
        _check_given(path, source, axes)
    return axes, guess


def check_letters(axes: str) -> bool:
    """Whether a text names axes: different letters of TCZYXS in either case, Y and X among them."""
    axes = axes.upper()
    return len(axes) == len(set(axes)) and {"Y", "X"} <= set(axes) <= set(_KNOWN)


def _given_axes(path, source, given):
    given, ndim = given.upper(), len(source.shape)
    if not check_letters(given) or len(given) != ndim:
        raise StackError(
            f"{path}: the axes {given!r} don't fit its array of shape {source.shape}: expected {ndim} different "
            f"letters of {_KNOWN}, Y and X among them {FLAG}."
        )
    return given


def _other_axes(source, given):
    """Says that the file names other axes than the given ones; "" if it doesn't."""
    long = [i for i, size in enumerate(source.shape) if size > 1]
    named, said = ("".join(axes[i] for i in long) for axes in (source.axes, given))
    if named == said or not set(named) <= set(_KNOWN):
        return ""
    return f"the axes are given as {given}, and the file says {source.axes}: the given ones are used."


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
            f"them, for instance {examples} {FLAG}."
        )
    if not why:
        return axes, ""
    return axes, f"the file doesn't name its axes ({source.axes}); taken as {axes}: {why[0]}. If not, say so {FLAG}."


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
            count, planes, *_ = czyx_shape(source.shape, axes)
            free = {"Z": "planes"} if planes == 1 else {}
            free |= {"C": "channels"} if count == 1 else {}
            hints = [f"if {kind}, {_exchanged(axes, letter, other)}" for other, kind in free.items()]
            raise StackError(
                f"{path}: found {size} time points (axis {letter} of {axes}, shape {source.shape}); one is expected. "
                "Save each time point as a file of its own."
                + f" If they are no time points, give its axes: {'; '.join(hints)} {FLAG}."
                * bool(hints)
            )


def _check_count(path, source, axes, names):
    count, planes, *_ = czyx_shape(source.shape, axes)
    if names is None or len(names) == count:
        return
    swapped = _swapped(axes)
    if czyx_shape(source.shape, swapped)[0] == len(names):
        advice = f"They fit if Z and C are exchanged: give its axes as {swapped} {FLAG}."
    else:
        advice = f"Check the names, or the axes {FLAG}."
    raise StackError(
        f"{path}: {len(names)} channels are named ({', '.join(names)}), the file has {count} with {planes} planes each "
        f"(axes {axes}, shape {source.shape}). {advice}"
    )


def _fitting_names(source, axes):
    """Returns the file's names of its channels, if there are as many as Z has entries; or None."""
    named = source.channels and all(map(has_meaning, source.channels))
    return source.channels if named and czyx_shape(source.shape, axes)[1] == len(source.channels) else None


def _exchanged(axes, first, second):
    return axes.translate(str.maketrans(first + second, second + first))


def _swapped(axes):
    """Exchanges Z and C; without C, Z and the samples S of colours, which are then the channels."""
    return _exchanged(axes if "C" in axes else axes.replace("S", "C"), "C", "Z")


def _check_similarity(path, source, axes, names, masks):
    """Refuses channels that are planes in truth: neighbouring planes are more similar than neighbouring channels.

    Returns: a sentence if the channels of a single plane are as similar, but have names; else "".
    """
    count, planes, *_ = czyx_shape(source.shape, axes)
    if count == 1 or names is not None and count != planes:  # as many names as channels, and not as many as planes
        return ""
    found = f"{path}: found {counted(count, 'channel')} of {counted(planes, 'plane')} each"
    found += f" (axes {axes}, shape {source.shape})"
    advice = f"Give its axes: {_swapped(axes)}, or {axes} if they are right {FLAG}."
    if planes == 1:
        if masks or "S" in axes or count == 2:
            return ""
        many, named = count > _MAX_CHANNELS, any(map(has_meaning, source.channels))
        alike = not many and min(similarities(source, axes, "C", pairs=count), default=0) > _ALIKE
        if named:
            guess = f"its {count} channels look as alike as planes of one channel do; if they are, its axes are"
            return f"{guess} {_swapped(axes)} {FLAG}." if alike else ""
        if many or alike:
            raise StackError(f"{found}, without names: C seems to be Z. {advice}")
        return ""
    if why := _channels_alike(source, axes):
        raise StackError(f"{found}, but {why}. {advice}")
    return ""


def _check_given(path, source, axes):
    """Refuses given axes by which there are more channels than any stain gives, of fewer planes, if they are planes."""
    count, planes, *_ = czyx_shape(source.shape, axes)
    if count > max(_MAX_CHANNELS, planes) and planes > 1 and (why := _channels_alike(source, axes)):
        raise StackError(
            f"{path}: the axes are given as {axes}, which makes {count} channels of {planes} planes each (shape "
            f"{source.shape}), but {why}. Give its axes: {_swapped(axes)} {FLAG}; or, if {axes} are right, save the "
            "channels that are needed in a file of their own."
        )


def _channels_alike(source, axes):
    """Says that neighbouring channels are more similar than neighbouring planes; "" if they aren't clearly."""
    letter = "C" if "C" in axes else "S"
    of_channels, of_planes = _median(similarities(source, axes, letter)), _median(similarities(source, axes, "Z"))
    if not of_channels > of_planes + _CLEAR_DIFFERENCE:
        return ""
    return (
        f"neighbouring channels are more similar (correlation {of_channels:.2f}) than neighbouring planes "
        f"({of_planes:.2f}): {letter} seems to be Z"
    )


def similarities(source, axes, letter, pairs=3, places=3) -> list[float]:
    """Returns correlations of neighbours along C, S or Z, in several places along the other of channels and planes.

    Args: pairs, places: at most so many pairs of neighbours, and places, are compared; they lie around the middle.
      Damaged planes are left out: whoever needs them is told.
    """
    sizes = {other: 1 for other in "CSZ"} | dict(zip(axes, source.shape, strict=True))
    other = "Z" if letter != "Z" else "C" if "C" in axes else "S"
    index, found = {each: sizes[each] // 2 for each in "CSZ"}, []

    @functools.cache
    def picture(place, i):
        return _averaged(read_part(source, axes, **(index | {other: place, letter: i}))[0])

    for place in _around_middle(sizes[other], places):
        for i in _around_middle(sizes[letter] - 1, pairs):
            with contextlib.suppress(StackError):
                found.append(_correlation(picture(place, i), picture(place, i + 1)))
    return [value for value in found if not math.isnan(value)]


def _around_middle(size, count):
    """Returns at most `count` indices, all if there are no more, else spread over the middle half."""
    if size <= count:
        return range(size)
    return sorted({round(i) for i in np.linspace((size - 1) / 4, 3 * (size - 1) / 4, count)})


def _averaged(picture):
    """Averages a picture (Y, X) down."""
    steps = [max(1, size // _PIXELS) for size in picture.shape]
    rows, columns = (size // step for size, step in zip(picture.shape, steps, strict=True))
    picture = picture[: rows * steps[0], : columns * steps[1]].astype(np.float64)
    return picture.reshape(rows, steps[0], columns, steps[1]).mean(axis=(1, 3))


def _correlation(first, second):
    """Returns the correlation where neither is 0, so that the outline of a cut-out cell is no similarity; or nan."""
    inside = (first != 0) & (second != 0)
    for where in (inside, np.ones_like(inside)):
        pair = first[where], second[where]
        if where.any() and all(np.ptp(values) > 0 for values in pair):
            return float(np.corrcoef(*pair)[0, 1])
    return math.nan


def _median(values):
    return float(np.median(values)) if values else math.nan
