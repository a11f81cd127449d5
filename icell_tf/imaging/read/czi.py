"""Zeiss' CZI, through Zeiss' own library, which is an optional package."""

import importlib
import itertools
import math
import xml.etree.ElementTree as ElementTree

import numpy as np

from icell_tf.imaging.read.source import Source, StackError, choose_scene, parser_errors

_TYPES = {
    **{"Gray8": np.uint8, "Gray16": np.uint16, "Gray32": np.uint32, "Gray32Float": np.float32},
    **{"Bgr24": np.uint8, "Bgr48": np.uint16, "Bgr96Float": np.float32},
}


def open_czi(path: str, scene=None) -> Source:
    """Reads the metadata. What a file doesn't say, as after a conversion, stays unknown. Mosaics are read as one image.

    Raises:
      ImportError: pylibCZIrw isn't installed.
      StackError: the file is damaged, it has several scenes and none is chosen, or several phases or the like.
    """
    try:
        czi = importlib.import_module("pylibCZIrw.czi")
    except ImportError as error:
        raise ImportError(f"{path}: CZI needs pylibCZIrw: pip install 'icell_tf[czi]'") from error
    with parser_errors(path, "can't be read as a CZI"), czi.open_czi(path) as file:
        xml = ElementTree.fromstring(file.raw_metadata)
        box, areas = file.total_bounding_box, file.scenes_bounding_rectangle
        indices = sorted(areas) or [None]
        index = indices[choose_scene(path, _scene_names(xml, indices), scene)]
        area = areas[index] if areas else file.total_bounding_rectangle
        kind = file.get_channel_pixel_type(box.get("C", (0, 1))[0])
    sizes = {letter: stop - start for letter, (start, stop) in box.items() if letter not in "XYS"}
    several = [letter for letter, size in sizes.items() if size > 1 and letter not in "TCZ"]
    if several or kind not in _TYPES:
        found = f"{sizes[several[0]]} images along its axis {several[0]}" if several else f"voxels of the type {kind}"
        raise StackError(f"{path}: has {found}, which can't be read. Export what you need of it as OME-TIFF.")
    leading, colours = "".join(letter for letter in "TCZ" if letter in sizes), kind.startswith("Bgr")
    shape = tuple(sizes[letter] for letter in leading) + (area.h, area.w) + (3,) * colours

    def read_plane(file, numbers):
        place = {letter: box[letter][0] + int(i) for letter, i in zip(leading, numbers, strict=True)}
        plane = file.read(plane=place, scene=index)
        return plane[..., ::-1] if colours else plane[..., 0]  # blue, green, red in the file

    def read(wanted):
        entries = [np.arange(size)[i] for i, size in zip(wanted, shape[: len(leading)], strict=False)]
        with parser_errors(path, "its voxels can't be read"), czi.open_czi(path) as file:
            numbers = itertools.product(*map(np.ravel, entries))
            planes = [read_plane(file, place)[wanted[len(leading) :]] for place in numbers]
        return np.stack(planes).reshape(*(n for entry in entries for n in entry.shape), *planes[0].shape)

    axes = leading + "YX" + "S" * colours
    return Source(shape, np.dtype(_TYPES[kind]), axes, read, *_metadata(xml, index))


def _scene_names(xml, indices):
    """Returns a name for each scene, P2-A1 for position P2 in well A1, or its number if it has none."""
    names = {}
    for entry in xml.iterfind(".//Image/Dimensions/S/Scenes/Scene"):
        shape = entry.find("Shape")
        parts = (entry.get("Name"), shape.get("Name") if shape is not None else None)
        names[entry.get("Index")] = "-".join(part for part in parts if part)
    return [names.get(str(index)) or str(number) for number, index in enumerate(indices)]


def _metadata(xml, scene):
    """Returns the names of the channels, if they have any, and (z, y, x) in µm, nan where it is missing."""
    images = xml.findall(".//Image/Dimensions/Channels")
    channels = images[min(scene or 0, len(images) - 1)].findall("Channel") if images else ()
    metres = [xml.findtext(f".//Scaling/Items/Distance[@Id='{axis}']/Value") for axis in "ZYX"]
    return tuple(channel.get("Name") or "" for channel in channels), tuple(map(_micrometres, metres))


def _micrometres(metres):
    try:
        size = 1e6 * float(metres)
    except (TypeError, ValueError):
        return math.nan
    return size if 0 < size < math.inf else math.nan
