"""What both back ends of an `Integrator` offer: the functions that an export serves, and a description."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.inference.backends import DESCRIPTION_FILE, SavedModel

from ..conftest import SPEC, STRUCTURES

K = len(STRUCTURES)


@pytest.fixture(params=["networks", "export"])
def backend(request, make_integrator, make_export):
    return make_integrator().backend if request.param == "networks" else SavedModel(make_export())


def test_classify_names_the_likeliest(backend):
    cells = np.random.default_rng(1).random((5, *SPEC.image_shape), np.float32)
    result = backend.functions["classify"](x_rs=tf.constant(cells))
    likeliest = [STRUCTURES[k].encode() for k in result["probabilities"].numpy().argmax(axis=1)]
    assert result["structure"].numpy().tolist() == likeliest
    assert result["names"].numpy().tolist() == [[name.encode() for name in STRUCTURES]] * len(cells)


def test_a_structure_beyond_the_last_is_refused_by_the_graph(backend):
    with pytest.raises(tf.errors.InvalidArgumentError, match="y must be in 0..2"):
        backend.functions["sample"](y=tf.constant([K], tf.int64), seed=tf.constant([0], tf.int64))


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
    with pytest.raises(ValueError, match=f"{tmp_path}/1 can't be loaded.*export it again"):
        SavedModel(tmp_path / "1")
