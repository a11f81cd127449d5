"""What both back ends of an `Integrator` offer: the functions that an export serves, and a description."""

import json
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.inference.backends import DESCRIPTION_FILE, SavedModel
from icell_tf.inference.checks import check_arrays

from ..conftest import LATENT, SPEC, STRUCTURES

K = len(STRUCTURES)


@pytest.fixture(scope="module", params=["networks", "export"])
def backend(request, make_integrator, make_export):
    return make_integrator().backend if request.param == "networks" else SavedModel(make_export())


def test_classify_names_the_likeliest(backend):
    cells = np.random.default_rng(1).random((5, *SPEC.image_shape), np.float32)
    result = backend.functions["classify"](x_rs=tf.constant(cells))
    likeliest = [STRUCTURES[k].encode() for k in result["probabilities"].numpy().argmax(axis=1)]
    assert result["structure"].numpy().tolist() == likeliest
    assert result["names"].numpy().tolist() == [[name.encode() for name in STRUCTURES]] * len(cells)


def test_a_decoder_that_saw_no_estimates_is_given_the_likeliest_structure_and_what_enc_r_says(make_integrator):
    cells = np.random.default_rng(1).random((3, *SPEC.image_shape), np.float32)
    estimating, knowing = make_integrator(), make_integrator(from_targets=True)
    z_r = knowing.encode_reference(SPEC.reference(cells))["z_r"]
    coded, estimated = knowing.encode(cells), estimating.encode(cells)
    np.testing.assert_array_equal(coded["z_r"], z_r)
    assert np.abs(estimated["z_r"] - z_r).max() > 0.1
    for name in ("probabilities", "z_s"):
        np.testing.assert_array_equal(coded[name], estimated[name])
    likeliest = np.eye(K)[coded["probabilities"].argmax(axis=1)]
    x_rs_hat = knowing.decode(likeliest, z_r, coded["z_s"])["x_rs_hat"]
    np.testing.assert_allclose(knowing.reconstruct(cells)["x_rs_hat"], x_rs_hat, atol=1e-6)


CELLS = np.random.default_rng(1).random((2, *SPEC.image_shape), np.float32)
CODES = np.zeros((2, LATENT), np.float32)
ONE_HOT = np.eye(K, dtype=np.float32)
TWO = np.array([0, 1])
RANGE = r"must lie in \[0, 1\], without NaN; divide 8-bit images by 255; it ranges from"
COUNTS = "as many cells of each must be given, at least one"


def with_nan(values):
    values = values.copy()
    values.flat[-1] = np.nan
    return values


@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        *((name, {"x_r": 255 * CELLS[..., :2]}, f"x_r {RANGE} .* to 25") for name in ("integrate", "encode_reference")),
        *((name, {"x_rs": 255 * CELLS}, f"x_rs {RANGE}") for name in ("classify", "encode", "reconstruct")),
        ("classify", {"x_rs": with_nan(CELLS)}, f"x_rs {RANGE}"),
        ("classify", {"x_rs": CELLS - 1}, f"x_rs {RANGE} -"),
        ("integrate", {"x_r": with_nan(CELLS[..., :2])}, f"x_r {RANGE}"),
        ("integrate", {"x_r": CELLS[:0, ..., :2]}, f"x_r: {COUNTS}"),
        ("classify", {"x_rs": CELLS[:0]}, f"x_rs: {COUNTS}"),
        ("integrate_draw", {"x_r": CELLS[..., :2] + 1, "seed": TWO, "draw": TWO}, f"x_r {RANGE}"),
        (
            "integrate_draw",
            {"x_r": CELLS[..., :2], "seed": TWO[:1], "draw": TWO},
            rf"x_r, seed, draw: {COUNTS}.*\[2 1 2\]",
        ),
        ("sample", {"y": [K], "seed": [0]}, "y must be in 0..2, indices of structures; it ranges from 3 to 3"),
        ("sample", {"y": [1, -1], "seed": TWO}, "y must be in 0..2"),
        ("sample", {"y": [], "seed": []}, f"y, seed: {COUNTS}"),
        ("sample", {"y": [0], "seed": TWO}, f"y, seed: {COUNTS}"),
        ("decode", {"probabilities": ONE_HOT[:2], "z_r": with_nan(CODES), "z_s": CODES}, "z_r must be finite"),
        ("decode", {"probabilities": ONE_HOT[:2] + np.inf, "z_r": CODES, "z_s": CODES}, "probabilities must be finite"),
        ("decode", {"probabilities": ONE_HOT[:1], "z_r": CODES, "z_s": CODES}, f"probabilities, z_r, z_s: {COUNTS}"),
    ],
)
def test_what_the_python_interface_refuses_the_functions_refuse_too(backend, name, inputs, message):
    integers = ("y", "seed", "draw")
    inputs = {key: np.asarray(value, np.int64 if key in integers else np.float32) for key, value in inputs.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        backend.functions[name](**{key: tf.constant(array) for key, array in inputs.items()})
    with pytest.raises(ValueError, match=message):
        check_arrays(inputs, {key: array.shape[1:] for key, array in inputs.items()}, K)


def test_the_ends_of_the_range_are_not_refused(backend):
    for value in (0.0, 1.0):
        backend.functions["classify"](x_rs=tf.fill([1, *SPEC.image_shape], value))


def test_methods_have_no_checks_so_that_they_can_be_converted(make_integrator):
    networks = make_integrator().networks
    for name, inputs in networks.inputs.items():
        plain = tf.function(getattr(networks, name), input_signature=inputs)
        graphs = [function.get_concrete_function().graph for function in (plain, networks.functions[name])]
        found = ["Assert" in {operation.type for operation in graph.get_operations()} for graph in graphs]
        assert found == [False, True]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"structures": ["zo1"]}'])
def test_a_description_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / DESCRIPTION_FILE
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ValueError, match="integrator.json"):
        SavedModel(tmp_path)


@pytest.mark.parametrize(
    "field, value",
    [("structures", "zo1"), ("structures", ["zo1"]), ("format", 2), ("axes", "ZYX"), ("shape", [64, 32])],
)
def test_a_description_that_does_not_fit_the_model_is_refused(make_export, tmp_path, field, value):
    folder = shutil.copytree(make_export(), tmp_path / "1")
    content = json.loads((folder / DESCRIPTION_FILE).read_text())
    content["spec"][field] = value
    (folder / DESCRIPTION_FILE).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="integrator.json"):
        SavedModel(folder)


@pytest.mark.parametrize(
    "part", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
@pytest.mark.parametrize("kept", [None, 0.5])
def test_an_export_that_is_incomplete_is_refused_by_its_folder(make_export, tmp_path, part, kept):
    path = shutil.copytree(make_export(), tmp_path / "1") / part
    content = path.read_bytes()
    path.unlink() if kept is None else path.write_bytes(content[: int(kept * len(content))])
    message = f"lacks {part}.*not copied completely" if kept is None else "can't be loaded.*copy it again"
    with pytest.raises(ValueError, match=f"{tmp_path}/1 {message}"):
        SavedModel(tmp_path / "1")


def test_an_export_that_may_not_be_read_is_not_called_damaged(make_export, tmp_path, monkeypatch):
    def load(folder):
        raise tf.errors.PermissionDeniedError(None, None, f"{folder}/variables/variables.index; Permission denied")

    folder = shutil.copytree(make_export(), tmp_path / "1")
    monkeypatch.setattr(tf.saved_model, "load", load)
    with pytest.raises(tf.errors.PermissionDeniedError):
        SavedModel(folder)


@pytest.mark.parametrize("name", ["model_[200].ckpt", "what? a*b"])
def test_an_export_in_a_folder_that_tensorflow_takes_for_a_pattern_is_loaded(
    make_integrator, make_export, tmp_path, name
):
    networks = make_integrator().networks
    loaded = SavedModel(shutil.copytree(make_export(), tmp_path / name / "1"))
    inputs = {"probabilities": tf.constant(ONE_HOT[:2]), "z_r": tf.constant(CODES), "z_s": tf.constant(CODES)}
    found, expected = (each.functions["decode"](**inputs)["x_rs_hat"] for each in (loaded, networks))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_temporary_folder_with_brackets_is_named(make_export, tmp_path, monkeypatch):
    folder = shutil.copytree(make_export(), tmp_path / "[1]" / "1")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "[1]"))
    with pytest.raises(ValueError, match=r"can't load a model from .*\[1\]/1.*set TMPDIR"):
        SavedModel(folder)
