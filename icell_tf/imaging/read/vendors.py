"""Leica's LIF and Nikon's ND2, through bioio and its plugins; they are optional packages."""

import importlib
import math
import pathlib

import numpy as np

from icell_tf.imaging.read.source import Source, choose_scene, parser_errors

SUFFIXES = {".lif": "lif", ".nd2": "nd2"}  # -> NAME of both icell_tf[NAME] and the plugin bioio-NAME


def open_vendor(path: str, scene=None) -> Source:
    """Reads the metadata. What a file doesn't say, as after a conversion, stays unknown, and the rest is read.

    Raises:
      ImportError: bioio or the plugin isn't installed.
      StackError: the file is damaged, or it has several scenes and none is chosen.
    """
    extra = SUFFIXES[pathlib.PurePath(path).suffix.lower()]
    try:
        bioio, plugin = importlib.import_module("bioio"), importlib.import_module(f"bioio_{extra}")
    except ImportError as error:
        raise ImportError(f"{path}: {extra.upper()} needs bioio-{extra}: pip install 'icell_tf[{extra}]'") from error
    with parser_errors(path, "can't be read by bioio"):
        image = bioio.BioImage(path, reader=plugin.Reader)
        image.set_scene(choose_scene(path, tuple(image.scenes), scene))
        axes, shape, dtype = image.dims.order, tuple(image.dims.shape), np.dtype(image.dtype)
        array = image.get_image_dask_data(axes)
        sizes = _attempt(lambda: image.physical_pixel_sizes)  # µm in both plugins
        names = _attempt(lambda: image.channel_names) or ()

    def read(index):
        with parser_errors(path, "its voxels can't be read"):
            return np.asarray(array[index].compute())

    sizes = [getattr(sizes, axis, None) for axis in "ZYX"]
    scale = tuple(float(size) if size and size > 0 else math.nan for size in sizes)
    return Source(shape, dtype, axes, read, tuple(map(str, names)), scale)


def _attempt(read):
    """Returns what `read` returns, or None if it fails: parsers raise errors of any type on metadata that they miss."""
    try:
        return read()
    except Exception:
        return None
