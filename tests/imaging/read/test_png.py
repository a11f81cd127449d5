"""PNG: grey and RGB, one plane; what Pillow would change silently is refused."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from icell_tf.imaging.read import read_stack


def write(path, array, mode=None):
    Image.fromarray(array, mode).save(path)
    return path


def write_raw(path, colour, depth, row):
    """A PNG of one pixel of any kind, also of those that Pillow doesn't write."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, depth, colour, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


def test_rgb_is_three_channels(tmp_path, pixels):
    data = pixels(4, 5, 3, dtype=np.uint8)
    stack = read_stack(write(tmp_path / "a.png", data), scale=0.108)
    assert (stack.shape, stack.dtype, stack.guesses) == ((3, 1, 4, 5), np.uint8, ())
    assert stack.channels == ("red", "green", "blue")
    assert stack.scale[1:] == (0.108, 0.108) and np.isnan(stack.scale[0])
    np.testing.assert_array_equal(stack.data[:, 0], np.moveaxis(data, -1, 0))
    np.testing.assert_array_equal(stack.channel("blue"), data[None, ..., 2])
    named = read_stack(tmp_path / "a.png", channels=["membrane", "structure", "dna"], scale=0.108)
    np.testing.assert_array_equal(named.channel("dna")[0], data[..., 2])


@pytest.mark.parametrize("colours", [1, 3])
def test_alpha_is_left_out(tmp_path, pixels, colours):
    data = pixels(4, 5, colours + 1, dtype=np.uint8)
    stack = read_stack(write(tmp_path / "a.png", data), scale=1)
    np.testing.assert_array_equal(stack.data[:, 0], np.moveaxis(data[..., :colours], -1, 0))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_])
def test_grey(tmp_path, pixels, dtype):
    data = (300 * pixels(4, 5)).astype(dtype)
    stack = read_stack(write(tmp_path / "a.png", data), scale=1)
    assert stack.channels == ("",) and stack.data.dtype == dtype
    np.testing.assert_array_equal(stack.channel(0), data[None])


def test_a_screens_resolution_is_no_pixel_size(tmp_path, pixels):
    Image.fromarray(pixels(4, 5, dtype=np.uint8)).save(tmp_path / "a.png", dpi=(72, 72))
    with pytest.raises(ValueError, match=r"a\.png: .*no pixel size.*--pixel_size"):
        read_stack(tmp_path / "a.png")


def test_palette_is_refused(tmp_path, pixels):
    Image.fromarray(pixels(4, 5, dtype=np.uint8)).convert("P").save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: .*palette.*grey or RGB"):
        read_stack(tmp_path / "a.png", scale=1)


@pytest.mark.parametrize(
    ("colour", "depth", "row"), [(2, 16, bytes(6)), (6, 16, bytes(8)), (0, 4, b"\0"), (4, 16, bytes(4))]
)
def test_kinds_that_would_lose_bits_are_refused(tmp_path, colour, depth, row):
    path = write_raw(tmp_path / "a.png", colour, depth, row)
    with pytest.raises(ValueError, match=rf"a\.png: .*type {colour} with {depth} bits.*TIFF"):
        read_stack(path, scale=1)


@pytest.mark.parametrize("length", [10, 30, 500, -12, -1])
def test_truncated_png_is_refused(tmp_path, pixels, length):
    path = write(tmp_path / "a.png", pixels(50, 60, dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"a\.png: .*cut short.*again"):
        read_stack(path, scale=1)


def test_a_large_picture_is_no_attack(tmp_path, pixels, monkeypatch):
    """Pillow's `open` warns of stitched images, and refuses those of 179 megapixels."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    data = pixels(4, 50)
    np.testing.assert_array_equal(read_stack(write(tmp_path / "a.png", data), scale=1).data[0, 0], data)


def test_long_texts_are_not_read(tmp_path, pixels):
    """Pillow refuses PNGs with more than a megabyte of text, such as a microscope's metadata."""
    data, text = pixels(4, 50), PngImagePlugin.PngInfo()
    text.add_text("metadata", "x" * (2 << 20), zip=True)
    text.add_itxt("more", "µ" * (1 << 20), zip=True)
    Image.fromarray(data).save(tmp_path / "a.png", pnginfo=text, icc_profile=b"x" * 1000)
    np.testing.assert_array_equal(read_stack(tmp_path / "a.png", scale=1).data[0, 0], data)


def test_damaged_pixels_are_refused(tmp_path):
    path = write_raw(tmp_path / "a.png", 0, 8, b"\0")
    path.write_bytes(path.read_bytes().replace(b"IDAT", b"IDAT" + b"\xff"))
    with pytest.raises(ValueError, match=r"a\.png: .*again"):
        read_stack(path, scale=1).channel(0)
