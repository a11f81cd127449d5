"""What both back ends of an `Integrator` offer: the functions that an export serves, and a description."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.inference.backends import DESCRIPTION_FILE, SavedModel

from ..conftest import SIZE, STRUCTURES

K = len(STRUCTURES)


@pytest.fixture(params=["networks", "export"])
def backend(request, make_integrator, make_export):
    return make_integrator().backend if request.param == "networks" else SavedModel(make_export())


def test_classify_names_the_likeliest(backend):
    cells = np.random.default_rng(1).random((5, SIZE, SIZE, 3), np.float32)
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
