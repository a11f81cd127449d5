"""Zeiss' CZI, Leica's LIF and Nikon's ND2, through bioio and its plugins, which are optional."""

import importlib
import math
import pathlib

import numpy as np

from icell_tf.imaging.read.source import Source, StackError, choose_scene

SUFFIXES = {".czi": "czi", ".lif": "lif", ".nd2": "nd2"}  # to the extra of icell_tf, and bioio's plugin


def open_vendor(path: str, scene=None) -> Source:
    """Reads the metadata.

    Raises:
      ImportError: bioio or the plugin isn't installed.
      StackError: the file is damaged, or it has several scenes of which none is chosen.
    """
    extra = SUFFIXES[pathlib.PurePath(path).suffix.lower()]
    try:
        bioio, plugin = importlib.import_module("bioio"), importlib.import_module(f"bioio_{extra}")
    except ImportError as error:
        raise ImportError(f"{path}: {extra.upper()} needs bioio-{extra}: pip install 'icell_tf[{extra}]'") from error
    return open_bioio(path, bioio.BioImage, plugin.Reader, scene)


def open_bioio(path: str, bio_image, reader, scene=None) -> Source:
    """Reads a file's metadata by bioio's BioImage, with the Reader of one of its plugins."""
    try:
        image = bio_image(path, reader=reader)
        scenes = tuple(image.scenes)
        image.set_scene(choose_scene(path, scenes, scene))
        axes, shape = image.dims.order, tuple(image.dims.shape)
        sizes = image.physical_pixel_sizes  # the three plugins give µm
        scale = tuple(float(size) if size and size > 0 else math.nan for size in (sizes.Z, sizes.Y, sizes.X))
        names = tuple(str(name) for name in image.channel_names or ())
        dtype = np.dtype(image.dtype)
    except StackError:
        raise
    except Exception as error:  # each plugin raises what its own library raises
        raise StackError(
            f"{path}: can't be read by bioio: {_one_line(error)}. Copy it again, or export it as OME-TIFF."
        ) from error

    def read(index):
        try:
            return np.asarray(image.get_image_dask_data(axes)[index].compute())
        except Exception as error:
            raise StackError(
                f"{path}: its voxels can't be read: {_one_line(error)}. Copy or export it again."
            ) from error

    return Source(shape, dtype, axes, read, names, scale)


def _one_line(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
