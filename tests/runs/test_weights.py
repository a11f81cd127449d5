"""Weights files: what comes back, and files that are damaged or of another run are refused."""

import dataclasses

import h5py
import numpy as np
import pytest

from icell_tf.config import ConfigError
from icell_tf.runs.weights import LAST, RUN, load_weights, save_weights
from icell_tf.training import metric_state

from ..models.conftest import SPEC, assert_equal, make_model, state, trained_models

RENAMED = dataclasses.replace(SPEC, structures=("tomm20", "actb", "lmnb1"))


def spoil(path):
    """Turns one bit over in the middle of a file, where the weights are."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("phase", ["reference", "conditional"])
def test_weights_moments_step_and_metrics_come_back(phase, tmp_path):
    model, other = trained_models(phase)
    save_weights(model, tmp_path / LAST, 7, metric_state.read(model))
    metrics = load_weights(other, tmp_path / LAST, 7)
    assert_equal(state(model), state(other))
    np.testing.assert_array_equal(metrics, metric_state.read(model))
    assert metrics.any() and int(other.step) == 1


def test_a_model_that_is_not_compiled_takes_the_weights_alone(tmp_path):
    (model, _), other = trained_models(), make_model("reference")
    save_weights(model, tmp_path / LAST)
    load_weights(other, tmp_path / LAST)
    assert_equal(model.weights, other.weights)


def test_a_bit_that_has_turned_over_is_found(tmp_path):
    model, other = trained_models()
    save_weights(model, tmp_path / LAST)
    spoil(tmp_path / LAST)
    with pytest.raises(ConfigError, match=f"{LAST} does not hold .*checksum.*--overwrite"):
        load_weights(other, tmp_path / LAST)


def test_weights_of_another_model_or_that_no_run_has_saved_are_refused(tmp_path):
    (model, same), other = trained_models(), make_model("conditional")
    other.compile()
    save_weights(model, tmp_path / LAST)
    with pytest.raises(ConfigError, match="or of another run"):
        load_weights(other, tmp_path / LAST)
    for spoilt in (None, 1.0, {"key": 0, "checksums": 1, "metrics": 0}, {"key": 0, "checksums": [], "metrics": 0}):
        model.save_weights(tmp_path / LAST, overwrite=True)
        with h5py.File(tmp_path / LAST, "a") as file:
            for name, value in (spoilt if isinstance(spoilt, dict) else {} if spoilt is None else {"": spoilt}).items():
                file[f"{RUN}/{name}".rstrip("/")] = value
        with pytest.raises(ConfigError, match=LAST):
            load_weights(same, tmp_path / LAST)


def test_weights_bear_the_names_of_the_classes(tmp_path):
    (model, _), renamed = trained_models("conditional"), make_model("conditional", spec=RENAMED)
    save_weights(model, tmp_path / LAST)
    before = state(renamed)
    told = "its classes are actb, lmnb1, tomm20, generated, the model's tomm20, actb, lmnb1, generated"
    with pytest.raises(ConfigError, match=f"{LAST} does not hold .*{told}"):
        load_weights(renamed, tmp_path / LAST)
    assert_equal(before, state(renamed))
    with h5py.File(tmp_path / LAST, "a") as file:
        del file[RUN]["classes"]
    with pytest.raises(ConfigError, match="its classes are none, the model's actb"):
        load_weights(model, tmp_path / LAST)


def test_weights_of_the_reference_model_name_no_classes(tmp_path):
    model, _ = trained_models()
    save_weights(model, tmp_path / LAST)
    with h5py.File(tmp_path / LAST) as file:
        assert set(file[RUN]) == {"key", "checksums", "metrics"}
    load_weights(make_model("reference", spec=RENAMED), tmp_path / LAST)


def test_another_runs_weights_of_the_same_networks_are_refused_and_change_nothing(tmp_path):
    model, other = trained_models()
    before = state(other)
    save_weights(model, tmp_path / LAST, key=1)
    with pytest.raises(ConfigError, match="it bears the key of another run.*--overwrite"):
        load_weights(other, tmp_path / LAST, key=2)
    assert_equal(before, state(other))
