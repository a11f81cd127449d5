"""OME-Zarr, versions 0.1 to 0.5: a folder with an image in several resolutions; the finest one is read."""

import math
import os

import numpy as np

from icell_tf.imaging.read.source import UNKNOWN_SCALE, Source, StackError, choose_scene, parser_errors
from icell_tf.imaging.read.units import micrometres

_MARKERS = ("zarr.json", ".zgroup", ".zarray")
_OLD_AXES = "TCZYX"  # versions 0.1 and 0.2 don't name them


def is_zarr(path) -> bool:
    """Whether a folder is a Zarr: whether it has one of the files that mark a Zarr."""
    return any(os.path.isfile(os.path.join(path, marker)) for marker in _MARKERS)


def open_zarr(path: str, scene=None) -> Source:
    """Reads the metadata. Zarr takes a missing chunk for zeros, so a chunk that was not copied is not noticed.

    Raises:
      ImportError: the package zarr isn't installed.
      StackError: the folder is no OME-Zarr, or it holds several images and none is chosen.
    """
    if not is_zarr(path):
        raise StackError(
            f"{path}: the folder is no OME-Zarr, as it has none of {', '.join(_MARKERS)}, and it holds no planes as "
            "TIFF or PNG. Give the folder that does, or a file."
        )
    try:
        import zarr
    except ImportError as error:
        raise ImportError(f"{path}: OME-Zarr needs the package zarr: pip install 'icell_tf[zarr]'") from error
    with parser_errors(path, "can't be read as an OME-Zarr"):
        image, metadata = _choose_image(path, zarr.open_group(path, mode="r"), scene)
        finest = metadata["datasets"][0]
        array = image[finest["path"]]
        axes = metadata.get("axes") or [{"name": name} for name in _OLD_AXES[-array.ndim :]]
        axes = [{"name": axis} if isinstance(axis, str) else axis for axis in axes]  # version 0.3 has plain names
        letters = "".join(str(axis["name"]).upper()[:1] for axis in axes)
        if len(letters) != array.ndim:
            raise ValueError(f"its metadata names {len(letters)} axes, its array has the shape {array.shape}")
        scale = _scale(axes, (metadata, finest))
        labels = (_ome(image).get("omero") or {}).get("channels") or ()
        names = tuple(str(channel.get("label") or "") for channel in labels)
        dtype = np.dtype(array.dtype)

    def read(index):
        with parser_errors(path, "its voxels can't be read"):
            return np.asarray(array[index])

    return Source(array.shape, dtype, letters, read, names, scale)


def _ome(group):
    """The OME metadata of a group; in version 0.5 it is one level deeper."""
    return group.attrs.get("ome", group.attrs)


def _choose_image(path, group, scene):
    """Returns the group of the image and its `multiscales` entry; several images are groups 0, 1, ..."""
    attributes = _ome(group)
    if "plate" in attributes:
        wells = [well["path"] for well in attributes["plate"].get("wells", ())]
        raise StackError(
            f"{path}: is a plate of {len(wells)} wells ({', '.join(wells[:6])}, ...). Give a field of a well, such as "
            f"{os.path.join(path, (wells or ['A/1'])[0], '0')}."
        )
    if "multiscales" in attributes:
        images = [(group, entry) for entry in attributes["multiscales"]]
        names = [str(entry.get("name") or i) for i, (_, entry) in enumerate(images)]
    else:
        found = [(name, child) for name, child in group.groups() if "multiscales" in _ome(child)]
        found.sort(key=lambda pair: (int(pair[0]) if pair[0].isdecimal() else math.inf, pair[0]))  # 10 comes after 9
        names, images = [name for name, _ in found], [(child, _ome(child)["multiscales"][0]) for _, child in found]
    if not images:
        raise StackError(f"{path}: is a Zarr without OME's metadata (multiscales). Export it as OME-Zarr or OME-TIFF.")
    return images[choose_scene(path, names, scene)]


def _scale(axes, levels):
    """Returns (z, y, x) in µm: the product of the scales of the image and of its finest resolution."""
    sizes, stated = [1.0] * len(axes), False
    for level in levels:
        for transformation in level.get("coordinateTransformations") or ():
            if transformation.get("type") == "scale":
                sizes = [a * b for a, b in zip(sizes, transformation["scale"], strict=True)]
                stated = True
    if not stated:
        return UNKNOWN_SCALE
    found = {
        str(axis["name"]).lower(): micrometres(size, axis.get("unit") or "")
        for axis, size in zip(axes, sizes, strict=True)
    }
    return tuple(found.get(axis, math.nan) for axis in "zyx")
