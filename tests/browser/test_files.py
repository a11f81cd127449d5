"""Cells and OME-TIFFs of the page: read by Python's packages, and what `icell` writes is read by the page."""

import base64
import dataclasses
import io
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.ome import ome_metadata
from icell_tf.inference.outputs import Settings, integrate_cells
from icell_tf.spec import Preparation

from ..conftest import SPEC
from ..made_up import OBLONG, VOLUMES
from .arrays import found, given, run

READ = """
const { readFile, readExample } = await import("./cellfile.js");
const file = (bytes, name) => new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt())], name);
const cellOf = ({ name, structure, image }) => ({ name, structure, image: plain(image) });
const told = (error) => ({ kind: error.name, message: error.message, differences: error.differences });
"""


def as_text(content):
    return base64.b64encode(content).decode()


def read(page, content, name, spec):
    """The cell that the page reads, or what it says is wrong."""
    code = f"{READ} return readFile(file(argument.bytes, argument.name), argument.spec).then(cellOf, told);"
    return run(page, code, {"bytes": as_text(content), "name": name, "spec": spec.to_dict()})


@pytest.mark.parametrize("spec", [SPEC, OBLONG, VOLUMES], ids=lambda spec: spec.described_shape)
def test_a_tiff_of_the_page_is_read_by_tifffile(blank, spec):
    channels, rng = ["membrane", "nucleus", 'a "b" & <c>', "β-actin"], np.random.default_rng(0)
    image = rng.random((*spec.shape, len(channels)), np.float32)
    code = """const { writeTiff } = await import("./tiff.js");
        const image = tensor(argument.image);
        const bytes = writeTiff({ ...argument, image });
        return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));"""
    about = {"name": "cell 1", "channels": channels, "pixelSize": spec.pixel_size, "spec": spec.to_dict()}
    content = base64.b64decode(run(blank, code, about | {"image": given(image)}))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        (series,) = file.series
        assert file.is_ome and series.axes == f"{spec.axes[:-2]}CYX" and series.name == "cell 1"
        np.testing.assert_array_equal(series.asarray(), np.moveaxis(image, -1, -3))
        root = ElementTree.fromstring(file.ome_metadata)
    assert [channel.get("Name") for channel in root.iterfind(".//{*}Channel")] == channels
    pixels = root.find("{*}Image/{*}Pixels")
    assert tuple(float(pixels.get(f"PhysicalSize{axis}")) for axis in spec.axes) == spec.pixel_size
    comment = root.find("{*}StructuredAnnotations/{*}CommentAnnotation[@Namespace='icell_tf/spec']/{*}Value")
    assert json.loads(comment.text) == spec.to_dict()


def written(spec, channels, name="cell 1", about=None, **options):
    """An OME-TIFF with random channels, and these."""
    planes = np.random.default_rng(0).random((len(channels), *spec.shape), np.float32)
    metadata = ome_metadata(channels, spec.pixel_size, spec if about is None else about or None) | {"Name": name}
    content = io.BytesIO()
    planes_in_order = np.moveaxis(planes, 0, -3)
    tifffile.imwrite(content, planes_in_order, ome=True, photometric="minisblack", metadata=metadata, **options)
    return content.getvalue(), planes


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("spec", [SPEC, OBLONG, VOLUMES], ids=lambda spec: spec.described_shape)
def test_a_tiff_of_tifffile_is_read(blank, spec, compression):
    channels = ["nucleus", "tom20", "membrane", "observed structure"]
    content, planes = written(spec, channels, compression=compression, rowsperstrip=5)
    cell = read(blank, content, "a.ome.tif", spec)
    assert cell["name"] == "cell 1" and cell["structure"] is None
    np.testing.assert_array_equal(found(cell["image"]), np.moveaxis(planes[[2, 0, 3]], 0, -1))


def test_what_icell_integrate_writes_is_read(blank, make_model, small_cells, tmp_path):
    integrate_cells(make_model(), small_cells.all[:1], tmp_path, Settings(samples=1))
    cell = read(blank, (tmp_path / "cell 0.ome.tif").read_bytes(), "0.ome.tif", make_model().spec)
    np.testing.assert_allclose(found(cell["image"]), small_cells.all[0].image / 255, rtol=0, atol=1e-7)


def test_examples_are_read_as_they_are_and_when_they_are_dropped(small_page, small_site, small_cells, make_model):
    config = json.loads((small_site / "explorer.json").read_text())
    assert config["examples"] == 2 and len(config["cells"]) == 5
    for entry, expected in zip(config["cells"], small_cells.all, strict=True):
        spec = make_model().spec
        code = f"{READ} return cellOf(await readExample(argument.entry, argument.spec));"
        cell = run(small_page, code, {"entry": entry, "spec": spec.to_dict()})
        dropped = read(small_page, (small_site / entry["file"]).read_bytes(), "x.safetensors", spec)
        for each in (cell, dropped):
            assert (each["name"], each["structure"]) == (expected.name, expected.structure)
            np.testing.assert_allclose(found(each["image"]), expected.image / 255, rtol=0, atol=1e-7)


def test_what_differs_from_the_models_spec_is_named(blank):
    other = dataclasses.replace(SPEC, pixel_size=(0.6, 0.6), preparation=Preparation("none"))
    content, _ = written(SPEC, ["membrane", "nucleus"], about=other)
    refused = read(blank, content, "a.ome.tif", SPEC)
    assert refused["kind"] == "CellError" and refused["differences"] == [
        "pixel_size 1.2 x 1.2 in the model, 0.6 x 0.6 in the file",
        "preparation major_axis, maximum, version 2 in the model, none, maximum, version 2 in the file",
    ]
    assert refused["message"].startswith("a.ome.tif: its cell is not prepared as the model's cells: pixel_size 1.2")


def test_other_structures_and_a_rounded_pixel_size_do_not_matter(blank):
    other = dataclasses.replace(SPEC, pixel_size=(1.2000001, 1.2), structures=("zo1",))
    content, _ = written(SPEC, ["membrane", "nucleus"], about=other)
    assert read(blank, content, "a.ome.tif", SPEC)["name"] == "cell 1"


def broken_files():
    content, _ = written(SPEC, ["membrane", "nucleus"])
    plain = io.BytesIO()
    tifffile.imwrite(plain, np.zeros((2, 32, 32), np.float32))
    sixteen = io.BytesIO()
    metadata = ome_metadata(["membrane", "nucleus"], SPEC.pixel_size, SPEC)
    tifffile.imwrite(sixteen, np.zeros((2, 32, 32), np.uint16), ome=True, metadata=metadata)
    big = io.BytesIO()
    tifffile.imwrite(big, np.zeros((2, 32, 32), np.float32), ome=True, bigtiff=True)
    yield "empty", b"", "no file of safetensors"
    yield "text", b"a picture, it is said", "no file of safetensors"
    yield "cut", content[:-100], "cut short"
    yield "cut in its pages", content[:300], "cut short"
    yield "no OME", plain.getvalue(), "no OME-TIFF"
    yield "16 bits", sixteen.getvalue(), "not of float32"
    yield "BigTIFF", big.getvalue(), "BigTIFF"
    yield "other channels", written(SPEC, ["membrane", "actin"])[0], "its channels are membrane, actin, expected"
    yield "no spec", written(SPEC, ["membrane", "nucleus"], about=False)[0], "doesn't say how its cell was prepared"


@pytest.mark.parametrize(("content", "message"), [pytest.param(*rest, id=name) for name, *rest in broken_files()])
def test_a_file_that_is_no_cell_is_refused_with_its_name(blank, content, message):
    refused = read(blank, content, "a.tif", SPEC)
    assert refused["kind"] == "CellError" and refused["message"].startswith("a.tif: ")
    assert message in refused["message"] and "Give a file that icell integrate has written" in refused["message"]
