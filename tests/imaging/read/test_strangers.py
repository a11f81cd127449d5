"""Files of strangers: what they refer to, and how large they are, is found in their headers alone."""

import re
import struct
import sys
import zipfile
import zlib

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.read.strangers import Limits, check_name, check_stranger

OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{}>{}</OME>'
PIXELS = '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="8" SizeY="8" SizeZ="{}" '
PIXELS += 'SizeC="1" SizeT="1"><TiffData IFD="0" PlaneCount="1">{}</TiffData></Pixels></Image>'
SIDE = 100_000


def small_tiff(path, description=None, **options):
    if description is not None:
        options |= {"description": description.encode(), "metadata": None}
    tifffile.imwrite(path, np.ones((8, 8), np.uint8), photometric="minisblack", **options)
    return path


def claim(path, side=SIDE):
    """Has a TIFF's header claim that it has side x side pixels."""
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tiff.pages[0].tags[name].overwrite(side)
    return path


def large_png(path, side=SIDE):
    """A PNG whose header claims side x side pixels of grey, and which has next to none."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(b"0" * 99),
        b"IEND": b"",
    }
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks.items():
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(content)
    return path


def large_npz(path, side=SIDE):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({side}, {side}), }}".ljust(117) + "\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(999))
    return path


@pytest.mark.parametrize(
    "options", [{}, {"bigtiff": True}, {"compression": "zlib"}, {"ome": True, "compression": "zlib"}]
)
def test_a_tiff_that_claims_too_much_is_refused(tmp_path, options):
    path = claim(small_tiff(tmp_path / "a.tif", **options))
    if options.get("compression"):
        with pytest.raises(ValueError, match=r"a\.tif: its header names 100000 x 100000 = 10,000,000,000 pix"):
            check_stranger(path)
    else:  # the file is too short for them, which is found first
        with pytest.raises(ValueError, match=r"a\.tif: .*cut short"):
            check_stranger(path)


def test_an_ome_tiff_that_claims_many_planes_is_refused(tmp_path):
    path = small_tiff(tmp_path / "a.tif", OME.format("", PIXELS.format(10**9, "")))
    with pytest.raises(ValueError, match=r"a\.tif: its header names 1 x 1 x 1000000000 x 8 x 8 = "):
        check_stranger(path)


@pytest.mark.parametrize("write", [large_png, large_npz])
def test_other_files_that_claim_too_much_are_refused(tmp_path, write):
    path = write(tmp_path / "a.file")
    with pytest.raises(ValueError, match=r"a\.file: its header names 100000 x 100000 = "):
        check_stranger(path)
    write(path, 8)
    check_stranger(path)


def test_pixels_and_bytes_are_bounded(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((10, 10), np.float64))
    check_stranger(tmp_path / "a.npy", limits=Limits(pixels=100, size=800))
    for limits in (Limits(pixels=99, size=800), Limits(pixels=100, size=799)):
        with pytest.raises(ValueError, match="10 x 10 = 100 pixels, 800 bytes; at most"):
            check_stranger(tmp_path / "a.npy", limits=limits)


def test_the_header_of_an_array_can_not_be_long(tmp_path):
    """It says that it has 4 GB, which the ZIP would unpack."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("a.npy", "w") as array:
        array.write(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1))
        for _ in range(20):
            array.write(bytes(2**20))
    with pytest.raises(ValueError, match=r"a\.npz: can't be read as NumPy's arrays"):
        check_stranger(path)


def test_python_objects_are_never_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        check_stranger(tmp_path / "a.npy")


def uuid(secret, text="urn:uuid:other"):
    return f'<UUID FileName="{secret}">{text}</UUID>'


REFERRING = {
    "a uuid": lambda secret: OME.format(' UUID="urn:uuid:own"', PIXELS.format(1, uuid(secret))),
    "a uuid without its own": lambda secret: OME.format("", PIXELS.format(1, uuid(secret))),
    "another tag": lambda secret: OME.format("", PIXELS.format(1, uuid(secret).replace("UUID", "xUUID"))),
    "binary only": lambda secret: OME.format("", f'<BinaryOnly MetadataFile="{secret}" UUID="urn:uuid:other"/>'),
}
_opened = []


@pytest.fixture(scope="module")
def opened():
    """The paths that this process opens; hooks can't be taken out again, so there is one for all tests."""
    sys.addaudithook(lambda event, found: _opened.append(str(found[0])) if event == "open" else None)
    return _opened


@pytest.mark.parametrize("how", [*REFERRING, "companion"])
def test_no_file_that_another_names_is_opened(tmp_path, opened, how):
    secret = small_tiff(tmp_path / "secret.tif")
    (tmp_path / "sent").mkdir()
    path = tmp_path / "sent" / "a.tif"
    if how == "companion":
        path.write_text('<?xml version="1.0"?>' + REFERRING["a uuid"](secret))
    else:
        small_tiff(path, REFERRING[how](secret))
    opened.clear()
    with pytest.raises(ValueError, match=rf"a\.tif: .*(another file, {re.escape(str(secret))}|lists other files)"):
        check_stranger(path)
    assert str(path) in opened and not any("secret" in each for each in opened)


def test_an_ome_tiff_that_names_itself_is_taken(tmp_path):
    own = "urn:uuid:own"
    xml = OME.format(f' UUID="{own}"', PIXELS.format(1, uuid("once called so.tif", own)))
    check_stranger(small_tiff(tmp_path / "a.tif", xml))


def test_names():
    assert check_name("A cell.OME.TIFF") == ".tiff"
    for name in ("a.zarr", "a.companion.ome", "a.pkl", "a"):
        with pytest.raises(ValueError, match=rf"{re.escape(name)}: files of this name are not taken, but \.tif, "):
            check_name(name)
