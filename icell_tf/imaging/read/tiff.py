"""TIFF, OME-TIFF and ImageJ hyperstacks: headers are read at once, voxels when they are needed."""

import contextlib
import dataclasses
import logging
import math
import os
import re

import numpy as np
import tifffile

from icell_tf.imaging.read import ome_xml
from icell_tf.imaging.read.source import CODECS, UNKNOWN_SCALE, Source, StackError, choose_scene, parser_errors
from icell_tf.imaging.read.units import micrometres

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # either byte order, classic and BigTIFF
# In tifffile's log messages on a damaged file, whose missing parts it leaves out or fills with zeros.
_DAMAGE = ("invalid page offset", "invalid offset to", "corrupted", "missing", "could not read")
_ENUM = re.compile(r"<\w+\.(\w+): \d+>")  # <COMPRESSION.LZW: 5>
_UNREAD = re.compile(r"failed to read (['\"])(?P<file>.*?)\1")  # of several files that make up an OME-TIFF


def open_tiff(path: str, scene=None) -> Source:
    """Reads the headers and checks that all pages in them exist.

    An OME-TIFF may consist of several files, of which any may be given. If they hold several images and none is chosen,
    it is the one that the given file holds.

    Raises: StackError: it is no TIFF, it is cut short, a file that belongs to it is missing, its compression can't be
      read, or it has several series and none is chosen.
    """
    with parser_errors(path, "can't be read as a TIFF"), tifffile.TiffFile(path) as tiff:
        companion = ome_xml.metadata_file(tiff.ome_metadata) if tiff.is_ome else ""
    if not companion:
        return _open(path, path, scene)
    companion = os.path.join(os.path.dirname(path), companion)
    if not os.path.isfile(companion):
        raise StackError(f"{path}: its metadata are in {companion}, which isn't there. Copy that file, too.")
    with open(companion, "rb") as file:
        if file.read(4).startswith(MAGIC):  # the first of the TIFFs has the metadata of all
            return _open(path, companion, scene)
    return open_companion(companion, scene, given=path)


def open_companion(path: str, scene=None, given=None) -> Source:
    """As `open_tiff`, from the .companion.ome that lists the files. Args: given: one of these that the user gave."""
    xml, files = ome_xml.read_companion(path)
    files = [os.path.join(os.path.dirname(path), name) for name in files]
    first = next((file for file in files if os.path.isfile(file)), None)
    if first is None:
        raise StackError(f"{path}: none of the {len(files)} files that it lists is there ({files[0]}). Copy them, too.")
    return _open(given or path, first, scene, xml)


def _open(path, file, scene, xml=None):
    """Opens a TIFF. Args: path: what the user gave, for errors. file: the TIFF. xml: OME-XML in place of its own."""
    handler = _DamageHandler()
    logging.getLogger("tifffile").addHandler(handler)
    try:
        with parser_errors(path, "can't be read as a TIFF"), tifffile.TiffFile(file, omexml=xml) as tiff:
            all_series = tiff.series
            if handler.damage or not all_series:
                raise _cut_short(path, handler.damage or "it lists no pages")
            positions = len(all_series) == 1 and _size(all_series[0], "R") > 1
            number = 0 if positions else _choose_series(path, all_series, scene)
            series = all_series[number]
            if handler.unread and series.kind != "ome":  # nothing of its image was found
                raise _missing_file(path, handler.unread)
            offset = series.dataoffset
            _check_decoders(path, series)
            _check_complete(path, series, offset, handler.unread)
            channels, scale = _metadata(tiff, number)
    finally:
        logging.getLogger("tifffile").removeHandler(handler)
    read = _mapped(series, offset) if offset is not None else _decoded(path, series)
    source = Source(series.shape, np.dtype(series.dtype), series.axes, read, channels, scale)
    return _one_position(path, source, scene) if positions else source


def _size(series, letter):
    return dict(zip(series.axes, series.shape, strict=True)).get(letter, 1)


def _one_position(path, source, scene):
    """Returns the chosen position of a stack with an axis R of positions, as Micro-Manager writes it."""
    axis = source.axes.index("R")
    names = [f"position{i}" for i in range(source.shape[axis])]
    number = choose_scene(path, names, scene)
    return dataclasses.replace(
        source,
        shape=source.shape[:axis] + source.shape[axis + 1 :],
        axes=source.axes.replace("R", ""),
        read=lambda index: source.read((*index[:axis], number, *index[axis:])),
    )


class _DamageHandler(logging.Handler):
    """Keeps the first log message on missing pages, and the name of a missing file: tifffile raises nothing on them."""

    damage = unread = ""

    def emit(self, record):
        message = record.getMessage()
        if found := _UNREAD.search(message):
            self.unread = self.unread or found["file"]
        elif any(words in message for words in _DAMAGE):
            self.damage = self.damage or message.split("> ")[-1]


def _cut_short(path, found):
    return StackError(f"{path}: the file is cut short: {found}. Copy or export it again.")


def _missing_file(path, name):
    return StackError(
        f"{path}: the file {name} that its metadata list is missing, or damaged. Copy it beside this one; or give "
        "this one that name again, if it was renamed."
    )


def _choose_series(path, all_series, scene):
    """Returns the number of the chosen series, or else of the only one with a page in the given file."""
    if scene is None and len(all_series) > 1:
        files = [{page.parent.filehandle.path for page in series.pages if page is not None} for series in all_series]
        here = [number for number, paths in enumerate(files) if os.path.abspath(path) in map(os.path.abspath, paths)]
        if len(here) == 1:
            return here[0]
    return choose_scene(path, [each.name for each in all_series], scene)


def _check_complete(path, series, offset, unread):
    """Checks that every page's voxels lie within the file."""
    if offset is not None:
        size, end = _file_of(series).size, offset + math.prod(series.shape) * series.dtype.itemsize
        if end > size:
            raise _cut_short(path, f"it has {size} bytes, its pages need {end}")
        return
    for number, page in enumerate(series.pages):
        if page is None and unread:
            raise _missing_file(path, unread)
        if page is None:
            raise _cut_short(path, f"page {number} of {len(series.pages)} isn't there")
        size = page.parent.filehandle.size
        end = max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=True)), default=0)
        if not page.dataoffsets or end > size:
            raise _cut_short(path, f"it has {size} bytes, page {number} of {len(series.pages)} ends at {end}")


def _check_decoders(path, series):
    """Checks that tifffile can decode the pages: without a further package it can't read LZW, 12 bits and others."""
    page = series.keyframe
    if page.dtype is None:  # that of the series is then float64
        raise StackError(
            f"{path}: its samples have {page.bitspersample} bits of the format {page.sampleformat}, which can't be "
            "read. Save it in 8 or 16 bits."
        )
    missing = _missing_decoder(page)
    if missing:
        advice = CODECS if "imagecodecs" in missing else "Save it uncompressed."
        raise StackError(f"{path}: its compression can't be read: {missing}. {advice}")


def _missing_decoder(page):
    """Returns what tifffile lacks to decode a page, or "". It looks for some decoders only when it needs them."""
    try:
        decompress = tifffile.TIFF.DECOMPRESSORS[page.compression]
        tifffile.TIFF.UNPREDICTORS[page.predictor]
    except KeyError as error:
        return _ENUM.sub(r"\1", str(error.args[0]))
    codecs = tifffile.tifffile.imagecodecs.__name__  # a stand-in of tifffile's unless the package is installed
    if codecs != "imagecodecs" and page.bitspersample in range(2, 64) and page.bitspersample % 8:
        return f"samples of {page.bitspersample} bits require the 'imagecodecs' package"
    if decompress.__module__ == codecs:
        try:
            decompress(b"")
        except ImportError:
            return f"{getattr(page.compression, 'name', page.compression)} requires the 'imagecodecs' package"
        except Exception:  # there is nothing to decompress in it
            pass
    return ""


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
        return ome_xml.channels_and_scale(tiff.ome_metadata, number, len(tiff.series), tiff.series[number].name)
    if tiff.is_imagej:
        return _imagej_metadata(tiff, tiff.series[number])
    return (), UNKNOWN_SCALE


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
