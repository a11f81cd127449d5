"""Zeiss' CZI, Leica's LIF and Nikon's ND2, through bioio and its plugins; they are optional packages."""

import importlib
import math
import pathlib

import numpy as np

from icell_tf.imaging.read.source import Source, choose_scene, parser_errors

SUFFIXES = {".czi": "czi", ".lif": "lif", ".nd2": "nd2"}  # -> NAME of both icell_tf[NAME] and the plugin bioio-NAME


def open_vendor(path: str, scene=None) -> Source:
    """Reads the metadata.

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
        scenes = tuple(image.scenes)
        image.set_scene(choose_scene(path, scenes, scene))
        axes, shape = image.dims.order, tuple(image.dims.shape)
        sizes = image.physical_pixel_sizes  # the three plugins give µm
        scale = tuple(float(size) if size and size > 0 else math.nan for size in (sizes.Z, sizes.Y, sizes.X))
        names = tuple(str(name) for name in image.channel_names or ())
        dtype = np.dtype(image.dtype)

    def read(index):
        with parser_errors(path, "its voxels can't be read"):
            return np.asarray(image.get_image_dask_data(axes)[index].compute())

    return Source(shape, dtype, axes, read, names, scale)
