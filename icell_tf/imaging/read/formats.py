"""Which module reads which file or folder."""

import functools
import os
import pathlib

from icell_tf.imaging.read import arrays, ome_xml, png, tiff, vendors
from icell_tf.imaging.read.czi import open_czi
from icell_tf.imaging.read.planes import is_numbered, list_planes, open_planes
from icell_tf.imaging.read.source import Source, StackError
from icell_tf.imaging.read.zarr import is_zarr, open_zarr

_BY_SUFFIX = {".czi": open_czi} | dict.fromkeys(vendors.SUFFIXES, vendors.open_vendor)
_BY_START = (
    (tiff.MAGIC, tiff.open_tiff),
    (png.MAGIC, png.open_png),
    (ome_xml.MAGIC, tiff.open_companion),
    (arrays.NPY, arrays.open_npy),
    (arrays.NPZ, arrays.open_npz),
)
_FORMATS = (
    "TIFF, OME-TIFF, its .companion.ome, ImageJ hyperstack, PNG, a folder of planes in these, OME-Zarr (a folder), "
    "CZI, LIF, ND2, .npy, .npz"
)
_WEB_PAGE = "it is a web page, not an image: its download failed. Download it again, logged in where needed."
_EXPORT = "Export it as OME-TIFF."
_OTHER_FORMATS = {
    b"\x89HDF": f"it is an HDF5, such as Imaris' .ims or ilastik's .h5. {_EXPORT}",
    b"\xff\xd8\xff": "it is a JPEG, whose compression changes intensities. Go back to the original, as TIFF or PNG.",
    b"\xd0\xcf\x11\xe0": f"it is a container of Microsoft's, such as Zeiss' .zvi or Olympus' .oib. {_EXPORT}",
    b"GIF8": f"it is a GIF. {_EXPORT}",
    b"BM": f"it is a BMP. {_EXPORT}",
    b"\x1f\x8b": "it is compressed with gzip. Unpack it first.",
    b"version https:/": "it is a pointer of Git LFS, not the file. Fetch the file with: git lfs pull.",
    **dict.fromkeys((b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML"), _WEB_PAGE),
}


def is_stack_folder(path) -> bool:
    """Whether a folder is a stack: an OME-Zarr, or a folder of planes."""
    return os.path.isdir(path) and (is_zarr(path) or is_numbered(path))


def open_source(path: str, scene=None) -> Source:
    """Reads the headers of a file or folder in any known format.

    Args: path: the file or folder. scene: the position or series, by name or number.
    Raises: FileNotFoundError, PermissionError, ImportError, StackError: as `read_stack`.
    """
    source = _opener(path)(path, scene)
    if source.dtype.kind not in "biuf" or source.dtype.itemsize > 8:
        raise StackError(
            f"{path}: its values are of the type {source.dtype}, expected integers or floats of at most 64 bits, or "
            "booleans. Convert it."
        )
    if 0 in source.shape:
        raise StackError(f"{path}: its array of shape {source.shape} has no voxels. Copy or export it again.")
    return source


def _opener(path):
    """Returns the function that reads a file, by its first bytes, or by its suffix where formats share these."""
    if os.path.isdir(path):
        planes = not is_zarr(path) and list_planes(path)
        return functools.partial(open_planes, open_file=open_source) if planes else open_zarr
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: there is no such file.") from error
    except PermissionError as error:
        raise PermissionError(
            f"{path}: you may not read it. Change its permissions (chmod u+r), or copy it."
        ) from error
    if not start:
        raise StackError(f"{path}: the file is empty. Copy or export it again.")
    suffix = pathlib.PurePath(path).suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    for magic, opener in _BY_START:
        if start.startswith(magic):  # one, or any of several
            return opener
    raise StackError(f"{path}: can't be read: {_what_it_is(start)} Formats: {_FORMATS}.")


def _what_it_is(start):
    """Returns what a file of no known format is, by its first bytes, and what to do."""
    found = next((text for magic, text in _OTHER_FORMATS.items() if start.startswith(magic)), None)
    if found:
        return found
    return (
        f"it starts with {start[:8]!r}, and no known format does. Export it as OME-TIFF, or copy it again if it is one."
    )
