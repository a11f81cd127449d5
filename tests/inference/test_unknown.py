"""Distances to training cells, against values worked out by hand; and what back ends say by them."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

import icell_tf
from icell_tf.export.plain import plain_networks
from icell_tf.export.saved_model import export_integrator
from icell_tf.inference import unknown
from icell_tf.inference.backends import Description

from .. import made_up
from ..conftest import SPEC

CELLS = np.random.default_rng(1).random((9, *SPEC.image_shape), np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def centred(logits):
    return logits - logits.mean(axis=-1, keepdims=True)


def fifth(logits, of_training):
    return np.sort(np.linalg.norm(centred(logits)[:, None] - centred(of_training), axis=-1), axis=1)[:, 4]


def test_distance_is_to_the_fifth_nearest_training_cell_by_centred_logits():
    # Logits (t, -t), centred, of training cells with t = 1 .. 6; of a cell with t = 0 the fifth nearest is t = 5.
    of_training = np.stack([np.arange(1.0, 7), -np.arange(1.0, 7)], axis=1)
    training = unknown.chosen_logits(special.softmax(of_training + 3, axis=1).astype(np.float32))
    np.testing.assert_allclose(training, of_training, atol=1e-5)
    found = unknown.distances(np.array([[0.5, 0.5]], np.float32), training)
    np.testing.assert_allclose(found, [5 * np.sqrt(2)], rtol=1e-6)
    nearest_two = unknown.distances(np.array([[0.5, 0.5]], np.float32), training[:2])  # fewer than five: the farthest
    np.testing.assert_allclose(nearest_two, [2 * np.sqrt(2)], rtol=1e-6)


def test_distances_are_those_of_numpy_also_small_ones_between_large_logits(rng):
    for scale in (1, 15):
        of_training = scale * rng.normal(size=(50, 4))
        logits = np.concatenate([of_training[:6] + 1e-2, scale * rng.normal(size=(6, 4))])
        p, of_p = (special.softmax(values, axis=1).astype(np.float32) for values in (logits, of_training))
        expected = fifth(np.log(np.maximum(p, 1e-30)), np.log(np.maximum(of_p, 1e-30)))
        np.testing.assert_allclose(unknown.distances(p, unknown.chosen_logits(of_p)), expected, rtol=1e-4)


def test_distances_of_certain_cells_are_finite_and_zero_to_their_like():
    certain = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    np.testing.assert_array_equal(unknown.distances(certain, unknown.chosen_logits(certain)), np.zeros(15))


def test_of_many_training_cells_some_are_chosen_always_the_same(rng, monkeypatch):
    p = special.softmax(rng.normal(size=(30, 3)), axis=1).astype(np.float32)
    everything = unknown.chosen_logits(p)
    np.testing.assert_allclose(everything, centred(np.log(p)), atol=1e-6)
    monkeypatch.setattr(unknown, "MOST", 10)
    some = unknown.chosen_logits(p)
    np.testing.assert_array_equal(some, unknown.chosen_logits(p))
    rows = [int(np.flatnonzero((everything == row).all(axis=1))[0]) for row in some]
    assert len(rows) == 10 and rows == sorted(set(rows)) and rows != list(range(10))


@pytest.fixture(scope="module")
def knowing(make_integrator):
    return made_up.knowing(make_integrator(), CELLS)


def test_classify_says_which_cells_are_unknown(knowing, make_integrator):
    found, plain = knowing.classify(CELLS), make_integrator().classify(CELLS)
    assert set(found) == {"probabilities", "distance", "unknown"} and set(plain) == {"probabilities"}
    np.testing.assert_allclose(found["probabilities"], plain["probabilities"], rtol=1e-5)
    expected = fifth(np.log(found["probabilities"]), knowing.networks.known.logits)
    np.testing.assert_allclose(found["distance"], expected, rtol=1e-4)
    assert found["unknown"].dtype == bool and found["unknown"].sum() == 5
    np.testing.assert_array_equal(found["unknown"], found["distance"] > knowing.known["threshold"])


def test_an_export_says_the_same_and_carries_threshold_and_rates(knowing, tmp_path):
    exported = icell_tf.load(export_integrator(knowing, tmp_path))
    assert exported.known == knowing.known == knowing.networks.known.about
    here, there = knowing.classify(CELLS), exported.classify(CELLS)
    assert here.keys() == there.keys() and there["unknown"].dtype == bool
    for name in ("probabilities", "distance"):
        np.testing.assert_allclose(there[name], here[name], rtol=1e-4)
    np.testing.assert_array_equal(there["unknown"], here["unknown"])


def test_the_plain_form_keeps_what_is_known(knowing):
    plain = plain_networks(knowing)
    assert plain.known is knowing.networks.known and plain.description == knowing.networks.description
    signature = plain.functions["classify"].get_concrete_function().structured_outputs
    assert signature["unknown"].dtype == tf.bool and signature["distance"].shape.as_list() == [None]


def test_a_description_of_before_has_no_threshold(knowing):
    about = Description(SPEC, 4, False)
    before = about.to_json().replace(',\n  "known": null', "")
    assert "known" not in before and Description.from_json(before) == about
    assert Description.from_json(knowing.backend.description.to_json()) == knowing.backend.description
