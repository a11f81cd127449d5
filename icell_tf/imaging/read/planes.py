"""A folder of planes: a stack whose planes are files, numbered in their names, as many programs export it.

Read are ImageJ's image sequences (stack_page_0001.png, name0001.tif), separate files of Micro-Manager
(img_channel000_position000_z000.tif) and of screening microscopes (T0001F001Z01C01.png), and names in which one word is
the channel (field_DAPI_z01.tif).
"""

import itertools
import os
import re

import numpy as np

from icell_tf.imaging.read.source import Source, StackError, choose_scene

ENDINGS = (".tif", ".tiff", ".png")
_NOTE = "a folder of planes, read in the order of the numbers in their names"
_MEANINGS = {  # words before a number; P is a position, of which each is a scene
    "Z": "z slice plane page section",
    "C": "c ch chan channel w wave wavelength",
    "T": "t time timepoint",
    "P": "position pos xy site series scene field fov well tile",
}
_AXES = {word: axis for axis, words in _MEANINGS.items() for word in words.split()}
_BESIDE_OTHERS = {"p": "Z", "f": "P", "s": "P"}  # if several numbers vary: screening microscopes' planes, fields, sites
_ADVICE = (
    "Leave the planes of one stack alone in the folder, named as NAME_z001.tif, or as NAME_c1_z001.tif if there are "
    "several channels."
)
_COPY = "Copy it there, or number the planes without gaps."
_SEPARATORS, _NUMBERS = re.compile(r"([_\-. ]+)"), re.compile(r"(\d+)")
_LABEL = re.compile(r"([A-Za-z]*)[_\-. (]*$")  # the word before a number


def list_planes(folder) -> list[str]:
    """Returns the names of the images in a folder, sorted; hidden files are left out."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    return sorted(name for name in names if name.lower().endswith(ENDINGS))


def is_numbered(folder) -> bool:
    """Whether the names of a folder's images number the planes of a stack."""
    try:
        return bool(_places(folder, list_planes(folder)))
    except StackError:
        return False


def open_planes(path: str, scene=None, *, open_file) -> Source:
    """Reads the headers of all planes.

    Args:
      path: a folder with images.
      scene: one of several positions that the names number, such as pos1, or its number.
      open_file: takes the path of a file, returns its `Source`.

    Returns: the `Source` of an array (T, C, Z, Y, X), without the axes along which there is one entry.

    Raises: StackError: the names don't number the planes of one stack, a plane is missing, there are several positions
      and none is chosen, or planes differ in size, type or pixel size.
    """
    places = _places(path, list_planes(path))
    positions = sorted({place.get("P", (0, "")) for place in places.values()})
    position = positions[choose_scene(path, [name for _, name in positions], scene)]
    chosen = {name: place for name, place in places.items() if place.get("P", position) == position}
    axes = [axis for axis in "TCZ" if len({place.get(axis) for place in chosen.values()}) > 1]
    entries = [sorted({place[axis] for place in chosen.values()}) for axis in axes]
    files = _in_order(path, axes, entries, chosen)
    planes = [open_file(os.path.join(path, name)) for name in files]
    _check_alike(path, files, planes)
    grid, first = np.arange(len(planes)).reshape([len(found) for found in entries]), planes[0]

    def read(index):
        numbers = grid[index[: len(axes)]]
        parts = [planes[number].read(index[len(axes) :]) for number in np.ravel(numbers)]
        return np.stack(parts).reshape(*np.shape(numbers), *parts[0].shape)

    names = tuple(name for _, name in entries[axes.index("C")]) if "C" in axes else first.channels
    shape, axes_of_all = grid.shape + first.shape, "".join(axes) + first.axes
    return Source(shape, first.dtype, axes_of_all, read, names, first.scale, _NOTE)


def _places(path, names):
    """Returns {file: {axis: (order, name)}}, from the numbers and the channel's word in the files' names."""
    if len(names) < 2:
        raise StackError(
            f"{path}: the folder holds {names[0] if names else 'no image'} alone. Give the file of the stack."
        )
    endings = {os.path.splitext(name)[1] for name in names}
    words = [_SEPARATORS.split(os.path.splitext(name)[0]) for name in names]
    channel = _channel_word(words)
    if channel is not None:
        found = [each[channel] for each in words]
        words = [each[:channel] + each[channel + 1 :] for each in words]
    parts = [_NUMBERS.split("".join(each)) for each in words]
    varying = [i for i in range(1, len(parts[0]), 2) if len({int(part[i]) for part in parts if i < len(part)}) > 1]
    labels = [_LABEL.search(parts[0][i - 1])[1] for i in varying]
    meanings = _AXES | (_BESIDE_OTHERS if len(varying) > 1 else {})
    axes = [meanings.get(label.lower(), "Z" if len(varying) == 1 else "") for label in labels]
    alike = len(endings) == len({tuple(part[::2]) for part in parts}) == 1  # but for the numbers
    every = axes + ["C"] * (channel is not None and not _same_channels(axes, varying, parts, found))
    if not alike or not varying or "" in axes or len(set(every)) < len(every):
        listed = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        raise StackError(
            f"{path}: the names of its {len(names)} images don't say which is which plane of a stack: {listed}. "
            f"{_ADVICE}"
        )
    places = {}
    for i, (name, part) in enumerate(zip(names, parts, strict=True)):
        numbers = (int(part[j]) for j in varying)
        places[name] = {a: (n, f"{label}{n}") for a, n, label in zip(axes, numbers, labels, strict=True)}
        if channel is not None:
            places[name]["C"] = (places[name].get("C", (0,))[0], found[i])
    return places


def _same_channels(axes, varying, parts, words):
    """Whether the numbers of channels are those of the channels' words, as in w1_DAPI and w2_GFP."""
    if "C" not in axes:
        return False
    pairs = {(part[varying[axes.index("C")]], word) for part, word in zip(parts, words, strict=True)}
    return len(pairs) == len({number for number, _ in pairs}) == len(set(words))


def _channel_word(words):
    """Returns the place of the only word in which more than numbers differ, or None."""
    if len({len(each) for each in words}) > 1:
        return None
    columns = enumerate(zip(*words, strict=True))
    differing = [i for i, column in columns if len({_NUMBERS.sub("0", word) for word in column}) > 1]
    return differing[0] if len(differing) == 1 else None


def _in_order(path, axes, entries, chosen):
    """Returns the files in the order of their places. Raises: StackError: a plane is missing, or two have one place."""
    files = {}
    for name, place in chosen.items():
        key = tuple(place[axis] for axis in axes)
        if key in files:
            raise StackError(f"{path}: {files[key]} and {name} have the same numbers. {_ADVICE}")
        files[key] = name
    for axis in set(axes) - {"C"}:
        for before, after in itertools.pairwise(sorted(chosen, key=lambda name: chosen[name][axis])):
            missing = chosen[before][axis][0] + 1
            if missing < chosen[after][axis][0]:
                raise StackError(f"{path}: the number {missing} is missing, between {before} and {after}. {_COPY}")
    for key in itertools.product(*entries):
        if key not in files:
            raise StackError(f"{path}: the image of {' and '.join(name for _, name in key)} is missing. {_COPY}")
    return [files[key] for key in itertools.product(*entries)]


def _check_alike(path, files, planes):
    for name, plane in zip(files, planes, strict=True):
        if plane.axes not in ("YX", "YXS"):
            raise StackError(
                f"{path}: {name} has the shape {plane.shape} (axes {plane.axes}), but one plane is expected. If it "
                "lists the other files, or holds a whole stack, give it in place of the folder."
            )
        for attribute, what in (("shape", "shape"), ("dtype", "type"), ("scale", "pixel size (z, y, x in µm)")):
            first, other = getattr(planes[0], attribute), getattr(plane, attribute)
            if first != other and not (attribute == "scale" and np.allclose(first, other, equal_nan=True)):
                raise StackError(
                    f"{path}: its planes differ in {what}: {files[0]} has {first}, {name} has {other}. {_ADVICE}"
                )
