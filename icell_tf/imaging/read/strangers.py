"""Files that somebody unknown sends: what is checked in their headers, before any pixel is read."""

import dataclasses
import math
import os
import xml.etree.ElementTree as ElementTree

import tifffile

from icell_tf.imaging.read import ome_xml, tiff
from icell_tf.imaging.read.formats import open_source
from icell_tf.imaging.read.source import StackError, parser_errors
from icell_tf.messages import counted

# Those of files that are a stack by themselves. The other files of an OME-TIFF, or a folder, are not sent with one.
SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".lsm", ".stk", ".png", ".npy", ".npz", ".czi", ".lif", ".nd2")
_ALONE = "Send an image that is one file: export it as OME-TIFF in one file."


@dataclasses.dataclass(frozen=True)
class Limits:
    """How large a stranger's stack may be. Attributes: pixels, of all its planes and channels; size: bytes of these."""

    pixels: int = 2**28
    size: int = 2**30


def check_name(name) -> str:
    """Returns the suffix of a file's name. Raises: StackError: files with this one are not taken."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in SUFFIXES:
        raise StackError(f"{name}: files of this name are not taken, but {', '.join(SUFFIXES)}. Export it as OME-TIFF.")
    return suffix


def check_stranger(path: str, scene=None, limits: Limits | None = None):
    """Checks by a file's headers alone that it refers to no other file, and how large its image is.

    Args: as of `open_source`; limits: `Limits`.
    Raises: StackError: it refers to other files, or is too large; or it can't be read at all, as `open_source`.
    """
    limits = limits or Limits()
    with open(path, "rb") as file:
        start = file.read(16)
    if start.startswith(ome_xml.MAGIC):
        raise StackError(f"{path}: is OME-XML, which lists other files. {_ALONE}")
    if start.startswith(tiff.MAGIC):
        _check_ome(path, limits)
    source = open_source(path, scene)
    _check_size(path, source.shape, source.dtype.itemsize, limits)


def _check_ome(path, limits):
    """Checks what an OME-TIFF says of itself; tifffile would open the files that it names."""
    with parser_errors(path, "can't be read as a TIFF"), tifffile.TiffFile(path) as file:
        root = ElementTree.fromstring(file.ome_metadata) if file.is_ome else ElementTree.Element("none")
    for element in root.iter():
        tag = element.tag  # compared by its end, as tifffile does
        if tag.endswith("BinaryOnly") or tag.endswith("UUID") and element.text != root.get("UUID"):
            name = element.get("FileName") or element.get("MetadataFile")
            raise StackError(f"{path}: its metadata refer to another file, {name}. {_ALONE}")
        if tag.endswith("Pixels"):
            with parser_errors(path, "its OME-XML can't be read"):
                shape = [int(element.get(f"Size{axis}", 1)) for axis in "TCZYX"]
            _check_size(path, shape, 1, limits)


def _check_size(path, shape, itemsize, limits):
    pixels = math.prod(shape)
    if pixels > limits.pixels or pixels * itemsize > limits.size:
        raise StackError(
            f"{path}: its header names {' x '.join(map(str, shape))} = {counted(pixels, 'pixel')}, "
            f"{counted(pixels * itemsize, 'byte')}; at most {counted(limits.pixels, 'pixel')} and "
            f"{counted(limits.size, 'byte')} are taken. Crop it to the cell, or leave out channels."
        )
