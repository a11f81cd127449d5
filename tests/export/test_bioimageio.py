"""Packages for bioimage.io: their files, what rdf.yaml says of them, and what is refused."""

import dataclasses
import hashlib
import io
import sys
import zipfile

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tifffile
import yaml
from PIL import Image

from icell_tf.config import ConfigError
from icell_tf.data.records import DatasetError
from icell_tf.export import bioimageio
from icell_tf.inference.loading import load
from icell_tf.reports.model_card import CARD_FILE
from icell_tf.spec import CellSpec, Channel, Preparation

from ..conftest import SPEC

LICENSE = "CC-BY-4.0"
AUTHORS = ("Ann Lee (annlee)", "Zoë O'Neil")


@pytest.fixture(scope="module")
def package(conditional_run, prepared, tmp_path_factory):
    """A package of `conditional_run`, whose test cell is from its own data set."""
    path = tmp_path_factory.mktemp("packages") / "package.zip"
    return bioimageio.export_package(
        conditional_run, path, dataset=str(prepared.folder), license=LICENSE, authors=AUTHORS
    )


@pytest.fixture(scope="module")
def files(package):
    """{name: bytes} of the package's files."""
    with zipfile.ZipFile(package) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.fixture(scope="module")
def rdf(files):
    """The content of the package's rdf.yaml."""
    return yaml.safe_load(files["rdf.yaml"])


def array(files, name):
    return np.load(io.BytesIO(files[name]))


def test_axes_have_units_and_pixel_sizes(rdf, prepared):
    expected = [
        {"type": "space", "id": axis, "size": 32, "unit": "micrometer", "scale": 1.2}
        for axis in prepared.spec.axes.lower()
    ]
    for tensors, names in (("inputs", ["membrane", "nucleus"]), ("outputs", list(prepared.spec.structures))):
        (tensor,) = rdf[tensors]
        batch, *space, channel = tensor["axes"]
        assert batch == {"type": "batch"}
        assert space == expected
        assert channel == {"type": "channel", "channel_names": names}
        assert tensor["data"] == {"type": "float32", "range": [0.0, 1.0]}


def mentioned(content):
    """Yields {"source", "sha256", ...} of each file that rdf.yaml names."""
    if isinstance(content, dict):
        if "source" in content:
            yield content
        content = list(content.values())
    if isinstance(content, list):
        for part in content:
            yield from mentioned(part)


def test_rdf_names_each_file_with_its_hash(rdf, files):
    found = {file["source"]: file["sha256"] for file in mentioned(rdf)}
    assert found == {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != "rdf.yaml"}


def test_rdf_says_who_made_the_model_and_how_to_cite_it(rdf, conditional_run, prepared):
    assert (rdf["type"], rdf["format_version"][:4]) == ("model", "0.5.")
    assert rdf["name"] == "Integrated Cell conditional"
    assert rdf["authors"] == [{"name": "Ann Lee", "github_user": "annlee"}, {"name": "Zoë O'Neil"}]
    assert rdf["license"] == LICENSE
    assert [entry["doi"] for entry in rdf["cite"]] == ["10.48550/arXiv.1705.00092"]
    assert {"2d", "tensorflow", "onnx"} <= set(rdf["tags"])
    assert CellSpec.from_dict(rdf["config"]["icell_tf"]["spec"]) == prepared.spec
    enc_r, _, dec_rs = load(conditional_run).networks.networks
    counted = rdf["config"]["bioimageio"]["model_parameter_count"]
    assert counted == sum(int(np.prod(weight.shape)) for net in (enc_r, dec_rs) for weight in net.weights)


def test_test_tensors_are_a_cell_and_what_the_model_finds_in_it(files, conditional_run, prepared):
    x_r, found = array(files, "test_input.npy"), array(files, "test_output.npy")
    assert x_r.dtype == found.dtype == np.float32
    x_rs, _ = prepared.first("test", 1)
    np.testing.assert_array_equal(x_r, prepared.spec.reference(x_rs))
    np.testing.assert_allclose(found, load(conditional_run).integrate(x_r)["structures"], rtol=0, atol=1e-4)
    for name, images in (("input", x_r), ("output", found)):
        (image,) = images
        shown = tifffile.imread(io.BytesIO(files[f"sample_{name}.ome.tif"]))
        np.testing.assert_array_equal(shown, np.moveaxis(image, -1, 0))


def test_saved_model_has_the_structures_alone_and_refuses_images_of_8_bits(files, rdf, tmp_path):
    with zipfile.ZipFile(io.BytesIO(files["saved_model.zip"])) as bundle:
        bundle.extractall(tmp_path)
    loaded = tf.saved_model.load(str(tmp_path))
    assert list(loaded.signatures) == ["serving_default"]
    x_r, expected = array(files, "test_input.npy"), array(files, "test_output.npy")
    cells = np.concatenate([x_r, 0.5 * x_r])
    found = loaded.signatures["serving_default"](tf.constant(cells))  # without its name, as bioimageio.core calls it
    assert list(found) == ["structures"]
    np.testing.assert_allclose(found["structures"][:1], expected, rtol=0, atol=1e-4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="divide 8-bit images by 255"):
        loaded.signatures["serving_default"](tf.constant(255 * x_r))
    assert rdf["weights"]["tensorflow_saved_model_bundle"]["tensorflow_version"] == tf.__version__


def test_onnx_has_the_structures_alone(files, rdf):
    session = onnxruntime.InferenceSession(files["integrate.onnx"])
    assert [tensor.name for tensor in session.get_inputs()] == ["x_r"]
    x_r, expected = array(files, "test_input.npy"), array(files, "test_output.npy")
    (found,) = session.run(None, {"x_r": np.concatenate([x_r, 0.5 * x_r])})
    np.testing.assert_allclose(found[:1], expected, rtol=0, atol=1e-4)
    assert [tensor.name for tensor in session.get_outputs()] == ["structures"]
    assert rdf["weights"]["onnx"]["parent"] == "tensorflow_saved_model_bundle"


def test_cover_and_documentation(files, conditional_run):
    cover = Image.open(io.BytesIO(files["cover.png"]))
    assert cover.width == 2 * cover.height and len(files["cover.png"]) < 500_000
    text = files["README.md"].decode()
    assert text.startswith((conditional_run / CARD_FILE).read_text(encoding="utf-8").rstrip())
    assert "\n## Validation\n" in text and "the first cell of the split test" in text


def test_package_is_not_overwritten(package, conditional_run):
    before = package.read_bytes()
    with pytest.raises(FileExistsError, match="package.zip exists .* --output"):
        bioimageio.export_package(conditional_run, package, license=LICENSE)
    assert package.read_bytes() == before


def test_package_that_another_export_wrote_meanwhile_is_kept(conditional_run, tmp_path, monkeypatch):
    path = tmp_path / "package.zip"
    monkeypatch.setattr(bioimageio, "_write_files", lambda *given: path.write_text("theirs"))
    monkeypatch.setattr(bioimageio, "_described_files", lambda *given: {})
    with pytest.raises(FileExistsError, match="package.zip exists and is not overwritten"):
        bioimageio.export_package(conditional_run, path, license=LICENSE)
    assert path.read_text() == "theirs" and list(tmp_path.iterdir()) == [path]


def test_package_appears_complete_or_not_at_all(conditional_run, tmp_path, monkeypatch):
    def fails(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bioimageio, "write_graph", fails)
    with pytest.raises(OSError, match="No space"):
        bioimageio.export_package(conditional_run, tmp_path / "package.zip", license=LICENSE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "given, message",
    [
        ({"path": "package"}, "--output is .*package, but .* ends in .zip"),
        ({"license": None}, r"--license: .* trained on integrated_cell/tiny/.* CC-BY-4.0"),
        ({"license": "ask me"}, "--license is 'ask me'"),
        ({"authors": ["Ann/Lee"]}, "--authors: 'Ann/Lee'"),
        ({"dataset": "nobody/knows"}, "no prepared data set nobody/knows"),
    ],
)
def test_refused(conditional_run, tmp_path, given, message):
    arguments = {"path": "package.zip", "license": LICENSE} | given
    path = tmp_path / arguments.pop("path")
    with pytest.raises((ValueError, DatasetError), match=message):
        bioimageio.export_package(conditional_run, path, **arguments)
    assert not list(tmp_path.iterdir())


def test_missing_package_is_named_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ImportError, match=r"icell_tf\[onnx\]"):
        bioimageio.export_package(tmp_path / "nothing", tmp_path / "package.zip")


def test_phase_1_is_refused(reference_run, tmp_path):
    with pytest.raises(ConfigError, match="conditional"):
        bioimageio.export_package(reference_run, tmp_path / "package.zip", license=LICENSE)


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        dataclasses.replace(SPEC, preparation=Preparation("none", "percentile")),
        CellSpec("ZYX", (16, 32, 32), (1.2, 1.2, 1.2), SPEC.structures),
    ],
    ids=str,
)
def test_simulated_test_cell_is_prepared_as_the_models_cells(spec):
    x_r, _ = bioimageio.find_test_cell(spec)
    assert x_r.shape == (1, *spec.reference_shape) and x_r.dtype == np.float32
    assert x_r.min() == 0 and 0.5 < x_r.max() <= 1


def test_simulated_test_cell_has_the_models_orientation():
    aligned, _ = bioimageio.find_test_cell(SPEC)
    own, _ = bioimageio.find_test_cell(dataclasses.replace(SPEC, preparation=Preparation("none")))
    assert not np.array_equal(aligned, own)


def test_cells_that_cannot_be_simulated_are_refused(prepared):
    actin = (Channel("membrane", "reference"), Channel("actin", "reference"), Channel("structure", "structure"))
    with pytest.raises(ValueError, match="--dataset: cells with channels membrane, actin, structure"):
        bioimageio.find_test_cell(dataclasses.replace(SPEC, channels=actin))
    with pytest.raises(ValueError, match=r"--dataset: .* none of 20 .* 16 x 16 px at 0.2 µm"):
        bioimageio.find_test_cell(CellSpec("YX", (16, 16), (0.2, 0.2), SPEC.structures))
    with pytest.raises(ValueError, match=r"its cells have 32 x 32 px at 1.2 µm.* the model takes 32 x 32 px at 0.6 µm"):
        bioimageio.find_test_cell(CellSpec("YX", (32, 32), (0.6, 0.6), SPEC.structures), str(prepared.folder))
