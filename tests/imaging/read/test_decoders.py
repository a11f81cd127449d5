"""Decoders that are not installed, and errors while voxels are read: the true cause, and what helps."""

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.read import read_stack


def test_compression_that_needs_a_package_says_which(tmp_path, pixels, write_ome, monkeypatch):
    path = write_ome(tmp_path / "a.ome.tif", pixels(50, 60), "YX", compression="zlib")

    def without(self, compression):
        raise KeyError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(type(tifffile.TIFF.DECOMPRESSORS), "__getitem__", without)
    with pytest.raises(ValueError, match=r"a\.ome\.tif: .*LZW.*uncompressed.*pip install 'icell_tf\[codecs\]'"):
        read_stack(path)


@pytest.mark.parametrize("package", [None, "imagecodecs"])
def test_a_decoder_that_is_found_only_when_it_is_needed(tmp_path, pixels, write_ome, monkeypatch, package):
    """ZSTD: tifffile looks for it in Python 3.14 where the package isn't installed."""
    path = write_ome(tmp_path / "a.ome.tif", pixels(50, 60), "YX", compression="zlib")

    def decompress(data):
        raise ModuleNotFoundError("No module named 'compression'")

    decompress.__module__ = package or "tifffile._imagecodecs"
    monkeypatch.setattr(type(tifffile.TIFF.DECOMPRESSORS), "__getitem__", lambda self, key: decompress)
    monkeypatch.setattr(tifffile.tifffile.imagecodecs, "__name__", "tifffile._imagecodecs")
    if package:
        read_stack(path)  # another function of that name: nothing is known against it
    else:
        with pytest.raises(
            ValueError, match=r"a\.ome\.tif: its compression .*imagecodecs.*pip install 'icell_tf\[codecs\]'"
        ):
            read_stack(path)


def test_an_unknown_compression_is_not_for_want_of_a_package(tmp_path, pixels, write_ome, monkeypatch):
    path = write_ome(tmp_path / "a.ome.tif", pixels(50, 60), "YX", compression="zlib")

    def unknown(self, compression):
        raise KeyError("<COMPRESSION.JBIG: 34661> not supported")

    monkeypatch.setattr(type(tifffile.TIFF.DECOMPRESSORS), "__getitem__", unknown)
    with pytest.raises(ValueError, match=r"a\.ome\.tif: .*: JBIG not supported\. Save it uncompressed\.$"):
        read_stack(path)


def test_samples_of_twelve_bits_need_a_package(tmp_path, monkeypatch):
    """As cameras pack them. The page says 16 bits, of which the header is changed."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 6), np.uint16), metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["BitsPerSample"].overwrite(12)
    monkeypatch.setattr(tifffile.tifffile.imagecodecs, "__name__", "tifffile._imagecodecs")
    with pytest.raises(ValueError, match=r"a\.tif: .*12 bits.*icell_tf\[codecs\]"):
        read_stack(path, scale=1)


def test_samples_of_no_known_type_are_named(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 6), np.int8), metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["SampleFormat"].overwrite(3)
    with pytest.raises(ValueError, match=r"a\.tif: its samples have 8 bits of the format .*8 or 16 bits"):
        read_stack(path, scale=1)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), r"the memory isn't large enough.*Close other programs"),
        (OSError(5, "Input/output error"), r"Input/output error\. See to the disk or the network"),
        (OSError(24, "Too many open files"), r"Too many open files\. Raise the limit"),
        (PermissionError(13, "Permission denied"), r"Permission denied\. Change its permissions"),
        (ValueError("requires the 'imagecodecs' package"), r"requires .*pip install 'icell_tf\[codecs\]'"),
        (ModuleNotFoundError("No module named 'x'"), "No module named 'x'.*Install that package"),
        (ValueError("corrupt"), "ValueError: corrupt.*Copy it again"),
    ],
    ids=str,
)
def test_errors_have_their_true_cause_and_advice(tmp_path, pixels, write_ome, monkeypatch, error, message):
    path = write_ome(tmp_path / "a.ome.tif", pixels(50, 60), "YX", compression="zlib")
    stack = read_stack(path)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(tifffile.TiffFile, "asarray", fail)
    with pytest.raises(ValueError, match=rf"a\.ome\.tif: its voxels can't be read: {message}") as caught:
        stack.channel(0)
    assert ("Copy it again" in str(caught.value)) == ("corrupt" in str(error))
