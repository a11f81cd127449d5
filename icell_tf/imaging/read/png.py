"""PNG: a plane of grey, or one of three channels, red, green and blue."""

import io
import struct

import numpy as np
from PIL import PngImagePlugin

from icell_tf.imaging.read.source import Source, StackError, choose_scene, parser_errors

MAGIC = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6  # PNG's colour types
_NEEDED = (b"IHDR", b"IDAT", b"IEND")  # the chunks of the picture; others are texts, colour profiles and the like
_DEPTHS = {_GREY: (1, 8, 16), _RGB: (8,), _GREY_ALPHA: (8,), _RGB_ALPHA: (8,)}  # bits that Pillow reads without loss


def open_png(path: str, scene=None) -> Source:
    """Reads the header and checks that the file is complete. An alpha channel is left out.

    The file's resolution is not used: it is that of a screen or a printer, never of a microscope.

    Raises: StackError: the file is cut short, or it can't be read without loss: a palette, or colour of 16 bits.
    """
    choose_scene(path, [path], scene)
    (width, height, depth, colour), chunks = _read_chunks(path)
    if colour == _PALETTE:
        raise StackError(
            f"{path}: its colours are numbers of a palette. Save it as grey or RGB, labels as 16-bit grey."
        )
    if depth not in _DEPTHS.get(colour, ()):
        raise StackError(
            f"{path}: a PNG of colour type {colour} with {depth} bits a sample; expected RGB of 8 bits, or grey of 1, "
            "8 or 16 without transparency. Save it as TIFF, or each channel as a grey PNG."
        )
    dtype = np.dtype({1: np.bool_, 8: np.uint8, 16: np.uint16}[depth])
    grey = colour in (_GREY, _GREY_ALPHA)
    shape, axes, names = ((height, width), "YX", ()) if grey else ((height, width, 3), "YXS", ("red", "green", "blue"))

    def read(index):
        with (
            parser_errors(path, "its pixels can't be read"),
            PngImagePlugin.PngImageFile(_picture(path, chunks)) as image,
        ):
            array = np.asarray(image)
        colours = array[..., : 1 if grey else 3] if array.ndim == 3 else array  # without the alpha
        return colours.reshape(shape).astype(dtype, copy=False)[index]

    return Source(shape, dtype, axes, read, names)


def _read_chunks(path):
    """Returns (width, height, bits a sample, colour type), and where the needed chunks lie; checks all up to IEND."""
    chunks = []
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(len(MAGIC) + 8)
            header = struct.unpack(">IIBB", file.read(10))
            position, kind = len(MAGIC), b""
            while kind != b"IEND":
                file.seek(position)
                length, kind = struct.unpack(">I4s", file.read(8))
                length += 12  # with the length, the kind and the checksum
                if kind in _NEEDED:
                    chunks.append((position, length))
                position += length
    except struct.error:
        position, size = 1, 0
    if position > size:
        raise StackError(f"{path}: the PNG is cut short: it has no end. Copy or export it again.")
    return header, chunks


def _picture(path, chunks):
    """Returns the PNG's needed chunks as a file in memory: Pillow refuses a PNG that has long texts, too.

    (It is not read by Pillow's `open`, because that refuses large pictures.)
    """
    with open(path, "rb") as file:
        parts = [MAGIC]
        for position, length in chunks:
            file.seek(position)
            parts.append(file.read(length))
    return io.BytesIO(b"".join(parts))
