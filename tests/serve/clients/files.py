"""Files of images that are damaged, or whose headers claim what can't be. No stack can be read from any of them.

A kind of file is a function of a `random.Random` and a `Subject` (see hostile.py) to a file's name and its bytes.
"""

import io
import struct
import zipfile
import zlib

import numpy as np
import tifffile

SIDES = (100_000, 2**20, 2**31 - 1, 2**32 - 1)


def _tiff(tags, rest=b""):
    """Returns a TIFF of one page. Args: tags: {number: value}, stored in 16 bits where it fits; rest: its pixels."""
    entries = b"".join(
        struct.pack("<HHIHH", tag, 3, 1, value, 0) if value < 2**16 else struct.pack("<HHII", tag, 4, 1, value)
        for tag, value in sorted(tags.items())
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + rest


def _tags(width, height, **more):
    tags = {256: width, 257: height, 258: 16, 259: 1, 262: 1, 273: 200, 277: 1, 278: height, 279: 16}
    return tags | {int(number.lstrip("t")): value for number, value in more.items()}


def huge_tiff(rng, subject):
    width, height = rng.choice(SIDES), rng.choice(SIDES)
    compressed = {"t259": rng.choice((1, 5, 8, 32773))}
    return "a.tif", _tiff(_tags(width, height, **compressed), bytes(1000))


def tiff_with_wrong_tags(rng, subject):
    """Tags of a TIFF that are missing or can't be: no size, unknown compression, bits, strips outside the file."""
    odd = (
        {"t256": 0},
        {"t257": 0},
        {"t258": rng.choice((0, 3, 999))},
        {"t259": rng.choice((7, 99, 50_000, 65_535))},
        {"t273": 2**32 - 1},
        {"t279": 2**32 - 1},
        {"t277": 60_000},
        {"t322": 16, "t323": 0},
    )
    return "a.tif", _tiff(_tags(64, 64, **rng.choice(odd)), bytes(100))


def tiff_whose_pages_never_end(rng, subject):
    """A page that is followed by itself."""
    content = _tiff(_tags(8, 8), bytes(300))
    end = 8 + 2 + 12 * 9
    return "a.tif", content[:end] + struct.pack("<I", 8) + content[end + 4 :]


def tiff_start(rng, subject):
    start = rng.choice((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))
    return "a.tif", start + rng.choice((b"", bytes(4), b"\xff" * 12, rng.randbytes(200)))


def tiff_cut(rng, subject):
    """tifffile writes the pages' directory before the pixels, which are compressed: no cut leaves all of them."""
    content = subject.stack
    return "a.tif", content[: rng.randrange(1, len(content) * 9 // 10)]


def tiff_of_strange_values(rng, subject):
    file, shape = io.BytesIO(), (2, 4, 32, 32)
    values = rng.choice((np.full(shape, np.nan, np.float32), np.full(shape, np.inf), np.zeros(shape, np.complex64)))
    tifffile.imwrite(file, values)
    return "a.tif", file.getvalue()


def ome_that_names_files(rng, subject):
    """OME-XML whose planes lie in another file: the server's own must never be opened."""
    name = rng.choice(
        ("/etc/passwd", "../../etc/passwd", "stack.tif", "C:\\windows\\win.ini", "http://127.0.0.1:1/a.tif")
    )
    planes = (
        f'<TiffData IFD="0"><UUID FileName="{name}">urn:uuid:00000000-0000-0000-0000-000000000001</UUID></TiffData>'
    )
    return "a.ome.tif", _ome(_xml(8, 8, planes))


def huge_ome(rng, subject):
    return "a.ome.tif", _ome(_xml(rng.choice(SIDES), rng.choice(SIDES)))


def broken_ome(rng, subject):
    xml = rng.choice(
        (
            '<?xml version="1.0"?><OME><Image><Pixels SizeX="a" SizeY="-1"/></Image></OME>',
            '<?xml version="1.0"?><OME ',
            _bomb(),
            _xml(-1, 8),
            _xml("nan", 8),
        )
    )
    return "a.ome.tif", _ome(xml)


def _xml(width, height, planes=""):
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        'UUID="urn:uuid:00000000-0000-0000-0000-000000000000"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'DimensionOrder="XYZCT" Type="uint16" SizeX="{width}" SizeY="{height}" SizeZ="4" SizeC="4" SizeT="1">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
    )


def _bomb():
    """XML whose entities grow to gigabytes."""
    entities = '<!ENTITY a0 "aaaaaaaaaa">'
    entities += "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    return f'<?xml version="1.0"?><!DOCTYPE OME [{entities}]><OME>&a11;</OME>'


def _ome(xml):
    file = io.BytesIO()
    tifffile.imwrite(file, np.ones((8, 8), np.uint16), description=xml.encode(), metadata=None)
    return file.getvalue()


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width, height, depth=8, color=0, data=b""):
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def huge_png(rng, subject):
    """Pixels that are claimed, and that a few bytes of zlib may really hold."""
    zeros = zlib.compress(bytes(2**22))
    return "a.png", _png(rng.choice(SIDES[:3]), rng.choice(SIDES[:3]), data=rng.choice((b"", zeros)))


def wrong_png(rng, subject):
    content = rng.choice(
        (
            _png(8, 8),
            _png(0, 8),
            _png(8, 8, depth=3),
            _png(8, 8, color=7),
            _png(8, 8, data=b"no zlib"),
            _png(8, 8, data=zlib.compress(bytes(10))),
        )
    )
    return "a.png", content


def png_cut(rng, subject):
    content = _png(64, 64, data=zlib.compress(rng.randbytes(65 * 64)))
    return "a.png", content[: rng.randrange(len(content) - 40)]


def _npy(header, data=b""):
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text) % 2**16) + text + data


def wrong_npy(rng, subject):
    shape = rng.choice(
        ("(100000, 100000)", "(2, 4, 1000000, 1000000)", "(-1, 8)", "(2**9,)", "(8,)", "()", "(0, 8)", "x")
    )
    kind = rng.choice(("<u2", "<f4", "|O", "<U9", "V3", "<c8", "nonsense", "[('a', '<u2')]"))
    header = rng.choice(
        (
            f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}",
            f"{{'descr': '|O', 'fortran_order': False, 'shape': {shape}, }}",
            "{'descr': __import__('os').system('true')}",
            "(" * 5000,
            "{" + "'a': 1, " * 2000 + "}",
            "",
        )
    )
    return "a.npy", _npy(header, rng.randbytes(rng.choice((0, 10, 1000))))


def pickle(rng, subject):
    """Objects, of which NumPy would run code."""
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return "a.npy", file.getvalue()


def npy_cut(rng, subject):
    file = io.BytesIO()
    np.save(file, np.ones((4, 4, 32, 32), np.uint16))
    content = file.getvalue()
    return "a.npy", content[: rng.randrange(1, len(content))]


def zip_bomb(rng, subject):
    """A .npz of some hundred kilobytes that unpacks to very much more than a stack may have."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("image.npy", "w", force_zip64=True) as entry,
    ):
        side = rng.choice((20_000, 100_000))
        entry.write(_npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({side}, {side}), }}"))
        zeros = bytes(2**20)
        for _ in range(100):
            entry.write(zeros)
    return "a.npz", file.getvalue()


def wrong_zip(rng, subject):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in rng.choice((("../../evil.npy",), ("/etc/passwd",), ("a.txt",), ("a.npy", "b.npy", "c.npy"), ())):
            archive.writestr(name, rng.choice((b"", b"no npy", _npy("x"))))
    content = file.getvalue()
    return "a.npz", rng.choice((content, content[: len(content) // 2], b"PK\x03\x04" + rng.randbytes(100)))


def other_format(rng, subject):
    start = rng.choice(
        (b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"%PDF-1.7", b"\x1f\x8b\x08", b"<html>", b"\x89HDF\r\n\x1a\n", b"")
    )
    name = rng.choice(("a.tif", "a.png", "a.npy", "a.npz", "a.czi", "a.lif", "a.nd2", "a.lsm", "a.stk"))
    return name, start + rng.randbytes(rng.randint(0, 500))


def unknown_name(rng, subject):
    names = (
        "a.exe",
        "a",
        "",
        ".tif",
        "a.zarr",
        "a.csv",
        "a.tif.exe",
        "a.ome.xml",
        "a.companion.ome",
        "..",
        "a.jpg",
        "a.h5",
    )
    return rng.choice(names), rng.randbytes(300)
