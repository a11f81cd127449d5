"""TIFF, OME-TIFF and ImageJ hyperstacks: headers are read at once, voxels when they are needed."""

import contextlib
import logging
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import tifffile

from icell_tf.imaging.read.source import UNKNOWN_SCALE, Source, StackError, choose_scene, parser_errors
from icell_tf.imaging.read.units import micrometres

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # either byte order, classic and BigTIFF
# In tifffile's log messages on a damaged file, whose missing parts it leaves out or fills with zeros.
_DAMAGE = ("invalid page offset", "invalid offset to", "corrupted", "missing", "could not read", "failed to read")


def open_tiff(path: str, scene=None) -> Source:
    """Reads the headers and checks that all pages in them exist.

    Raises: StackError: it is no TIFF, it is cut short, its compression can't be read, or it has several series and none
      is chosen.
    """
    handler = _DamageHandler()
    logging.getLogger("tifffile").addHandler(handler)
    try:
        with parser_errors(path, "can't be read as a TIFF"), tifffile.TiffFile(path) as tiff:
            all_series = tiff.series
            if handler.damage or not all_series:
                raise _cut_short(path, handler.damage or "it lists no pages")
            number = choose_scene(path, [each.name for each in all_series], scene)
            series = all_series[number]
            offset = series.dataoffset
            _check_complete(path, series, offset)
            _check_compression(path, series.keyframe)
            channels, scale = _metadata(tiff, number)
    finally:
        logging.getLogger("tifffile").removeHandler(handler)
    read = _mapped(series, offset) if offset is not None else _decoded(path, series)
    return Source(series.shape, np.dtype(series.dtype), series.axes, read, channels, scale)


class _DamageHandler(logging.Handler):
    """Keeps the first log message on missing pages: tifffile logs them and raises nothing."""

    damage = ""

    def emit(self, record):
        message = record.getMessage()
        if any(words in message for words in _DAMAGE):
            self.damage = self.damage or message.split("> ")[-1]


def _cut_short(path, found):
    what = "a file that belongs to it is missing" if "failed to read" in found else "the file is cut short"
    return StackError(f"{path}: {what}: {found}. Copy or export it again.")


def _check_complete(path, series, offset):
    """Checks that every page's voxels lie within the file."""
    if offset is not None:
        size, end = _file_of(series).size, offset + math.prod(series.shape) * series.dtype.itemsize
        if end > size:
            raise _cut_short(path, f"it has {size} bytes, its pages need {end}")
        return
    for number, page in enumerate(series.pages):
        if page is None:
            raise _cut_short(path, f"page {number} of {len(series.pages)} isn't there")
        size = page.parent.filehandle.size
        end = max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=True)), default=0)
        if not page.dataoffsets or end > size:
            raise _cut_short(path, f"it has {size} bytes, page {number} of {len(series.pages)} ends at {end}")


def _check_compression(path, page):
    """Checks that tifffile can decompress a page: without a further package it can't read LZW and others."""
    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression], tifffile.TIFF.UNPREDICTORS[page.predictor]
    except KeyError as error:
        raise StackError(
            f"{path}: its compression can't be read: {error.args[0]}. Save it uncompressed, or install "
            "what it needs: pip install 'icell_tf[codecs]'."
        ) from error


def _file_of(series):
    """Returns the file in which a series begins; an OME-TIFF may consist of several files."""
    return series.pages[0].parent.filehandle


def _mapped(series, offset):
    """Returns a function that maps contiguous voxels into memory: nothing is copied, or read before it is needed."""
    path, dtype = _file_of(series).path, series.dtype.newbyteorder(series.pages[0].parent.byteorder)

    def read(index):
        with parser_errors(path, "its voxels can't be read"):  # the file may have changed
            return np.asarray(np.memmap(path, dtype, "r", offset, series.shape)[index])

    return read


def _decoded(path, series):
    """Returns a function that decodes those pages in which the wanted voxels lie."""
    page_shape = series.keyframe.shape
    leading = series.shape[: len(series.shape) - len(page_shape)]
    by_page = series.shape == (*leading, *page_shape) and len(series.pages) == math.prod(leading)

    def read(index):
        with parser_errors(path, "its voxels can't be read"):
            if not by_page:
                return _asarray(series)[index]
            numbers = np.arange(len(series.pages)).reshape(leading)[index[: len(leading)]]
            pages = _asarray(series, numbers.ravel().tolist())
            within = (slice(None),) * numbers.ndim + index[len(leading) :]
            return pages.reshape(*numbers.shape, *page_shape)[within]

    return read


def _asarray(series, numbers=None):
    """Reads the pages of these numbers, or the whole series; tifffile has closed their files."""
    pages = series.pages if numbers is None else [series.pages[number] for number in numbers]
    with contextlib.ExitStack() as files:
        for file in {id(page.parent): page.parent.filehandle for page in pages}.values():
            file.open()
            files.enter_context(file)
        return series.parent.asarray(key=numbers, series=series)


def _metadata(tiff, number):
    """Returns channel names, and (z, y, x) in µm, of one of the file's series."""
    if tiff.is_ome and tiff.ome_metadata:
        return _ome_metadata(tiff.ome_metadata, number, len(tiff.series))
    if tiff.is_imagej:
        return _imagej_metadata(tiff, tiff.series[number])
    return (), UNKNOWN_SCALE


def _ome_metadata(xml, number, series_count):
    images = ElementTree.fromstring(xml).findall("{*}Image/{*}Pixels")
    if not images:
        return (), UNKNOWN_SCALE
    pixels = images[number if len(images) == series_count else 0]
    names = tuple(channel.get("Name") or "" for channel in pixels.findall("{*}Channel"))
    sizes = (
        micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX"
    )
    return names, tuple(sizes)


def _imagej_metadata(tiff, series):
    """Returns ImageJ's slice labels as names, if they differ between channels, and (z, y, x) in µm."""
    metadata = tiff.imagej_metadata or {}
    unit = metadata.get("unit", "")
    tags = series.pages[0].tags
    sizes = [micrometres(metadata.get("spacing"), metadata.get("zunit", unit))]
    for axis, tag in (("y", "YResolution"), ("x", "XResolution")):
        pixels, per_unit = tags[tag].value if tag in tags else (0, 1)
        axis_unit = metadata.get(f"{axis}unit", unit)
        sizes.append(micrometres(per_unit / pixels, axis_unit) if pixels and per_unit else math.nan)
    count = dict(zip(series.axes, series.shape, strict=True)).get("C", 1)
    labels = [str(label) for label in metadata.get("Labels") or ()][:count]
    return tuple(labels) if len(set(labels)) == count and all(labels) else (), tuple(sizes)
