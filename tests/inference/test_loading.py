"""`icell_tf.load` on runs, on exports, and on what is neither."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

import icell_tf
from icell_tf.config import ARCHITECTURES, ConfigError
from icell_tf.runs import trained, weights
from icell_tf.runs.known import Known

from ..conftest import REPOSITORY, SPEC, STRUCTURES

LOAD_AN_EXPORT = """
import sys
import icell_tf
assert icell_tf.load(sys.argv[1]).structures
print(*[name for name in sys.modules if name.startswith("icell_tf.")])
"""


@pytest.mark.parametrize("options", [("best",), ("last",), ()])
def test_a_run_is_loaded_with_the_weights_asked_for(conditional_run, prepared, tmp_path, options):
    run_dir = shutil.copytree(conditional_run, tmp_path / "run")
    model, run = trained.load_model(run_dir)
    model.enc_r.set_weights([values + 1 for values in model.enc_r.get_weights()])
    weights.save_weights(model, run_dir / weights.LAST, run.key)
    x_r = np.zeros((1, 32, 32, 2), np.float32)
    expected = trained.load_model(run_dir, weights.LAST if options == ("last",) else weights.BEST)[0].enc_r(x_r)
    integrator = icell_tf.load(run_dir, *options)
    np.testing.assert_allclose(integrator.encode_reference(x_r)["z_r"], expected, rtol=1e-5, atol=1e-5)
    assert integrator.spec == prepared.spec


def test_a_run_has_the_threshold_that_lies_in_its_folder_for_its_weights(conditional_run, tmp_path, capsys):
    run_dir = shutil.copytree(conditional_run, tmp_path / "run")
    assert icell_tf.load(run_dir).known is None
    model, run = trained.load_model(run_dir)
    rates = {"accepted": {"value": 1.0, "interval": [0.5, 1.0], "n": 4}, "rejected": None}
    known = Known(np.zeros((8, len(run.spec.structures)), np.float32), 0.0, 0.95, rates)
    known.save(run_dir, model.enc)
    x_rs = np.random.default_rng(1).random((2, *run.spec.image_shape), np.float32)
    integrator = icell_tf.load(run_dir)
    assert integrator.known == known.about and integrator.classify(x_rs)["unknown"].tolist() == [True, True]
    assert "left out" not in capsys.readouterr().out
    model.enc.set_weights([values + 1 for values in model.enc.get_weights()])
    weights.save_weights(model, run_dir / weights.BEST, run.key)  # as after further training: the same key
    assert icell_tf.load(run_dir).known is None
    assert f"{run_dir / 'known.npz'} is left out" in capsys.readouterr().out


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_export_answers_as_the_networks_do(make_integrator, make_export, architecture):
    other = "mirrored" if architecture == "released" else "from_targets"
    options = {"architecture": architecture, other: True}
    integrator, exported = make_integrator(**options), make_export(**options)
    cells = np.random.default_rng(1).random((2, *SPEC.image_shape), np.float32)
    x_r, zero = SPEC.reference(cells), np.zeros(integrator.latent_dim)
    loaded = icell_tf.load(exported)
    assert loaded.backend.description == integrator.backend.description
    for method, arguments in {
        "integrate": (x_r, 2, 9),
        "encode_reference": (x_r,),
        "encode": (cells,),
        "classify": (cells,),
        "reconstruct": (cells,),
        "decode": (np.eye(3), zero, zero),
        "sample": ([1, 1], 3),
    }.items():
        here, there = getattr(integrator, method)(*arguments), getattr(loaded, method)(*arguments)
        assert here.keys() == there.keys()
        for key in here:
            np.testing.assert_allclose(there[key], here[key], atol=1e-5, err_msg=f"{method}: {key}")
    with pytest.raises(ValueError, match="no networks"):
        _ = loaded.networks


def test_the_highest_version_is_loaded(make_export, tmp_path):
    shutil.copytree(make_export(), tmp_path / "10")
    (tmp_path / "9").mkdir()
    assert icell_tf.load(tmp_path).structures == STRUCTURES


def test_an_export_loads_without_the_code_of_models_and_training(make_export):
    command = [sys.executable, "-c", LOAD_AN_EXPORT, str(make_export())]
    imported = subprocess.run(command, check=True, cwd=REPOSITORY, capture_output=True, text=True).stdout.split()
    wings = {name.split(".")[1] for name in imported}
    assert "inference" in wings and not wings & {"networks", "models", "training", "export"}


def test_what_is_no_trained_model_is_refused_with_what_was_found(reference_run, make_export, tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        icell_tf.load(tmp_path / "absent")
    with pytest.raises(ValueError, match="config.json.*saved_model.pb.*empty"):
        icell_tf.load(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="notes.txt"):
        icell_tf.load(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(ValueError, match="lacks .*integrator.json"):
        icell_tf.load(tmp_path)
    with pytest.raises(ConfigError, match="phase 'reference'.*icell train conditional"):
        icell_tf.load(reference_run)
    with pytest.raises(ValueError, match="'first'.*best, last"):
        icell_tf.load(reference_run, "first")
    with pytest.raises(ValueError, match="one set of weights"):
        icell_tf.load(make_export(), "last")
