"""Training both phases on a tiny data set: what a run leaves, resuming, and what is refused."""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from icell_tf.config import ConfigError
from icell_tf.data.prepared import open_prepared
from icell_tf.inference import loading
from icell_tf.reports import model_card
from icell_tf.runs import history, trained, weights
from icell_tf.runs.run import Run
from icell_tf.spec import Preparation
from icell_tf.training import experiment, store

from .test_callbacks import logged

TENSORBOARD = ("train", "validation", "pictures")


@pytest.fixture(scope="module")
def first_epoch(reference_config, tmp_path_factory):
    """A run of one epoch, which others go on with in a copy, and what was printed."""
    run_dir, out = tmp_path_factory.mktemp("runs") / "first", io.StringIO()
    with contextlib.redirect_stdout(out):
        experiment.train_reference(dataclasses.replace(reference_config, epochs=1), run_dir)
    return run_dir, out.getvalue()


@pytest.fixture
def run_dir(reference_run, tmp_path):
    """A copy of the finished run of phase 1."""
    return shutil.copytree(reference_run, tmp_path / "run")


def change(run_dir, of_config=(), **changes):
    """Makes a run one with other settings or other parts: its config.json, and the key of its weights."""
    run = Run.load(run_dir)
    config = dataclasses.replace(run.config, **dict(of_config))
    run = dataclasses.replace(run, config=config, **changes).with_key()
    run.save(run_dir)
    for path in run_dir.glob("*.weights.h5"):
        with h5py.File(path, "r+") as file:
            file[weights.RUN]["key"][()] = run.key


def weights_of(run_dir):
    return [np.array(weights) for weights in trained.load_model(run_dir, weights.LAST)[0].weights]


def assert_equal(a, b):
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_run_leaves_config_weights_curves_and_events(reference_run, reference_config, prepared):
    on_a_cpu = dataclasses.replace(reference_config, precision="float32", jit="off")
    assert (
        Run.load(reference_run)
        == Run("reference", on_a_cpu, prepared.spec, prepared.dataset, cells=prepared.fingerprint).with_key()
    )
    rows = history.read_history(reference_run)
    assert [row["epoch"] for row in rows] == [0, 1]
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert {"val_reconstruction", store.MONITOR} <= set(rows[0])
    assert not list(reference_run.glob("partial*"))


def test_a_finished_run_has_a_model_card_without_scores_and_says_what_it_was_trained_with(conditional_run):
    text = (conditional_run / model_card.CARD_FILE).read_text(encoding="utf-8")
    assert text.startswith("# Model card: conditional\n") and "trained for 2 of 2 epochs" in text
    assert "Not evaluated yet" in text and "| `latent_dim` | 4 | 4 |" in text
    environment = json.loads((conditional_run / model_card.ENVIRONMENT_FILE).read_text(encoding="utf-8"))
    assert environment["devices"] and "tensorflow" in environment["versions"]


@pytest.mark.parametrize("phase", ["reference", "conditional"])
def test_tensorboard_has_every_loss_and_picture_of_both_splits(phase, request):
    run_dir = request.getfixturevalue(f"{phase}_run")
    model = trained.load_model(run_dir)[0]
    tags = {folder: {tag for _, tag in logged(run_dir / "tensorboard" / folder)} for folder in TENSORBOARD}
    scalars = {f"epoch_{name}" for name in model.metric_names} - {"epoch_discrepancy", "epoch_dependence"}  # if trained
    assert scalars - {"epoch_integration"} <= tags["train"]  # decoded in training only where it is trained
    assert scalars <= tags["validation"]
    kinds = ("reconstructed", "predicted") if phase == "conditional" else ("reconstructed",)
    assert tags["pictures"] == {"generated"} | {f"{kind}/{split}" for kind in kinds for split in TENSORBOARD[:2]}


def test_phase_two_keeps_phase_ones_encoder(reference_run, conditional_run):
    reference, _ = trained.load_model(reference_run)
    conditional, run = trained.load_model(conditional_run)
    assert_equal([np.array(w) for w in reference.enc.weights], [np.array(w) for w in conditional.enc_r.weights])
    assert run.reference == Run.load(reference_run).config


def test_a_finished_run_is_left_as_it_is(reference_run, reference_config, run_dir, capsys):
    experiment.train_reference(reference_config, run_dir)
    assert "is trained for 2 epochs already" in capsys.readouterr().out
    assert_equal(weights_of(reference_run), weights_of(run_dir))


def test_a_run_is_started_anew_only_where_that_is_asked_for(run_dir, reference_config, monkeypatch):
    (run_dir / "notes.txt").touch()
    with (run_dir / model_card.CARD_FILE).open("ab") as file:
        file.write(b"M\xfcller's microscope\n")  # under Notes, and not in UTF-8
    other = dataclasses.replace(reference_config, seed=7, epochs=1)
    with pytest.raises(ConfigError, match="seed was 0, now 7.*--overwrite"):
        experiment.train_reference(other, run_dir)
    with monkeypatch.context() as patch:
        patch.setattr(store.RunStore, "commit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            longer = dataclasses.replace(other, epochs=2)
            experiment.train_reference(longer, run_dir, overwrite=True, card=model_card)
    known = (run_dir / model_card.CARD_FILE).read_text()
    assert known.startswith("# Model card: not trained yet") and known.endswith("ller's microscope\n")
    assert not (run_dir / model_card.ENVIRONMENT_FILE).exists()
    experiment.train_reference(other, run_dir, overwrite=True, card=model_card)
    assert "ller's microscope" in (run_dir / model_card.CARD_FILE).read_text()
    assert Run.load(run_dir).config.seed == 7 and (run_dir / "notes.txt").is_file()
    assert [row["epoch"] for row in history.read_history(run_dir)] == [0]
    assert {step for step, _ in logged(run_dir / "tensorboard")} == {0}
    assert not (run_dir / weights.PREVIOUS).exists()


def test_the_closing_line_says_what_was_trained_and_where_it_lies(first_epoch):
    run_dir, out = first_epoch
    first, *_, line = out.splitlines()
    assert first.startswith("Computes in ")
    assert "The same seed gives the same run, bit for bit, on this machine with " in first
    assert line.startswith("Trained the reference model (") and line.endswith(str(run_dir))
    assert "for 1 epoch on integrated_cell/tiny/" in line and "val_reconstruction 0." in line


def test_more_epochs_also_interrupted_end_as_one_run_of_the_same_seed(
    first_epoch, reference_run, reference_config, tmp_path, monkeypatch, capsys
):
    """A finished run of one epoch goes on to two, and meets Ctrl-C before the second is saved; then does it anew."""
    one = shutil.copytree(first_epoch[0], tmp_path / "run")
    assert not (one / model_card.ENVIRONMENT_FILE).exists()  # nobody asked for a card
    with monkeypatch.context() as patch:
        patch.setattr(store.RunStore, "commit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            experiment.train_reference(reference_config, one, card=model_card)
    assert (one / model_card.ENVIRONMENT_FILE).is_file()  # all but the save itself was done before it
    experiment.train_reference(reference_config, one)
    assert capsys.readouterr().out.count("Resuming") == 2
    assert any(np.any(a != b) for a, b in zip(weights_of(first_epoch[0]), weights_of(one), strict=True))
    assert [row["epoch"] for row in history.read_history(one)] == [0, 1]
    assert history.read_history(one) == history.read_history(reference_run)
    assert_equal(weights_of(reference_run), weights_of(one))


def interrupt(*_):
    raise KeyboardInterrupt


TWO_DEVICES = """
import sys
import numpy as np
import tensorflow as tf
from icell_tf.config import ReferenceConfig
from icell_tf.data.batches import ordered_batches
from icell_tf.data.cells import CachedCells
from icell_tf.models.factory import build_model
from icell_tf.runs.run import Run
from icell_tf.training import devices, experiment, loop

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
settings = dict(dataset=sys.argv[1], width=1 / 16, latent_dim=4, architecture="released")
for _ in range(2):  # goes on from the first epoch; then loads what was saved, and has nothing to do
    experiment.train_reference(ReferenceConfig(**settings, batch_size=16, epochs=2), sys.argv[2])
strategy = devices.make_strategy()
with strategy.scope():
    model = build_model(Run.load(sys.argv[2]))
    model.compile()
cells = CachedCells(np.zeros((1, 32, 32, 3), np.uint8), np.zeros(1, np.int32))
batches = ordered_batches(cells, 1)
test_step = loop._compile_step(model.test_step, batches, devices.Workers(strategy), jit=False)
for batch in batches:  # of its one cell one of the devices gets none
    test_step(batch)
count = model.trackers["reconstruction"].count.value.read_value()
print("replicas", strategy.num_replicas_in_sync, "cells", int(count))
"""


def test_two_devices_resume_train_validate_and_save(first_epoch, prepared, tmp_path):
    run_dir = shutil.copytree(first_epoch[0], tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(prepared.folder), str(run_dir)],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert done.stdout.splitlines()[-1:] == ["replicas 2 cells 1"], done.stdout + done.stderr[-3000:]
    assert "after epoch 1" in done.stdout and "is trained for 2 epochs already" in done.stdout
    rows = history.read_history(run_dir)
    assert [row["epoch"] for row in rows] == [0, 1]
    assert all(np.isfinite(row["val_reconstruction"]) for row in rows)


def test_weights_without_what_they_are_of_are_not_overwritten(run_dir, reference_config):
    (run_dir / "config.json").unlink()
    kept = (run_dir / weights.LAST).read_bytes()
    with pytest.raises(ConfigError, match="has last.weights.h5 without config.json: put that back"):
        experiment.train_reference(reference_config, run_dir)
    assert (run_dir / weights.LAST).read_bytes() == kept
    experiment.train_reference(dataclasses.replace(reference_config, epochs=1), run_dir, overwrite=True)
    assert {step for step, _ in logged(run_dir / "tensorboard")} == {0}


def test_a_run_goes_on_in_the_arithmetic_that_it_was_begun_in(run_dir, reference_config, capsys):
    with pytest.raises(ConfigError, match="precision was float32, now bfloat16"):  # as auto may be on another machine
        experiment.train_reference(dataclasses.replace(reference_config, precision="bfloat16"), run_dir)
    experiment.train_reference(dataclasses.replace(reference_config, precision="float32", jit="on"), run_dir)
    assert "jit was off, now on: the run continues, with other rounding" in (out := capsys.readouterr().out)
    assert "is trained for 2 epochs already" in out


def test_weights_of_another_run_are_not_gone_on_with(first_epoch, reference_run, reference_config, tmp_path, capsys):
    """Its last weights are foreign: the ones before are taken, and the run ends as it would have."""
    run_dir = shutil.copytree(first_epoch[0], tmp_path / "run")
    own, foreign = run_dir / weights.LAST, tmp_path / "foreign"
    shutil.copy(own, run_dir / weights.PREVIOUS)
    experiment.train_reference(dataclasses.replace(reference_config, epochs=1, seed=7), foreign)
    shutil.copy(foreign / weights.LAST, own)
    experiment.train_reference(reference_config, run_dir)
    assert "it bears the key of another run" in capsys.readouterr().out
    assert_equal(weights_of(reference_run), weights_of(run_dir))


def test_a_run_on_another_reference_is_not_continued(run_dir, conditional_run, conditional_config):
    change(run_dir, {"epochs": 9})
    with pytest.raises(ConfigError, match="the reference run's epochs was 2, now 9"):
        experiment.train_conditional(conditional_config, run_dir, conditional_run)


def test_a_run_of_the_other_phase_is_not_overwritten(reference_run, conditional_run, conditional_config):
    with pytest.raises(ConfigError, match="--run_dir: .* holds a run of phase 'reference'"):
        experiment.train_conditional(conditional_config, reference_run, reference_run)
    with pytest.raises(ConfigError, match="--reference: .* is a run of phase 'conditional'"):
        experiment.train_conditional(conditional_config, conditional_run, conditional_run.parent / "new")
    with pytest.raises(ConfigError, match="is a run of phase 'reference'"):
        loading.load(reference_run)


def test_a_reference_of_another_latent_dimension_is_refused(reference_run, conditional_config, tmp_path):
    config = dataclasses.replace(conditional_config, latent_dim=5)
    with pytest.raises(ConfigError, match="latent_dim is 5, but .* has 4: give --latent_dim=4, or"):
        experiment.train_conditional(config, reference_run, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_phase_two_trains_without_structures_in_the_fold_of_its_reference(
    run_dir, conditional_config, prepared, tmp_path
):
    reference = run_dir
    change(reference, {"fold": "2/4"})
    config = dataclasses.replace(conditional_config, fold="2/4", leave_out="TOM20, zo1", epochs=1)
    with pytest.raises(ConfigError, match="fold is '1/4', but .* was trained with fold '2/4'.*the same --fold"):
        experiment.train_conditional(dataclasses.replace(config, fold="1/4"), reference, tmp_path / "other")
    run_dir = experiment.train_conditional(config, reference, tmp_path / "conditional")
    known = open_prepared(Run.load(run_dir).config)
    assert known.splits == {"train": 48, "test": 16}  # no validation: best are the last weights
    assert loading.load(run_dir).structures == known.spec.structures == prepared.spec.structures[:8]
    with pytest.raises(ConfigError, match="leave_out was TOM20, zo1, now "):
        experiment.train_conditional(dataclasses.replace(config, leave_out=""), reference, run_dir)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"pixel_size": (0.3, 1.2)}, r"\(pixel_size was \(0.3, 1.2\), now \(1.2, 1.2\)\)"),
        ({"preparation": Preparation("none")}, r"\(preparation was none, .* now major_axis, maximum, version \d\)"),
    ],
)
def test_a_reference_of_cells_prepared_otherwise_is_refused(run_dir, conditional_config, tmp_path, other, message):
    change(run_dir, spec=dataclasses.replace(Run.load(run_dir).spec, **other))
    with pytest.raises(ConfigError, match=f"run was trained on cells .*{message}"):
        experiment.train_conditional(conditional_config, run_dir, tmp_path / "new")


def spoil_tree(path):
    """Zeroes what HDF5 finds its groups by, and leaves the file's length and signature as they are."""
    with path.open("r+b") as file:
        file.seek(1024)
        file.write(bytes(200_000))


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(path.read_bytes()[:9999]), spoil_tree])
def test_damaged_weights_are_refused_by_name(run_dir, reference_config, spoil):
    (run_dir / weights.PREVIOUS).unlink()  # or it would be taken instead
    for name in (weights.LAST, weights.BEST):
        spoil(run_dir / name)
        with pytest.raises(ConfigError, match=f"run/{name} does not hold this model's weights: it is damaged"):
            trained.load_model(run_dir, name)
    with pytest.raises(ConfigError, match=weights.LAST):
        experiment.train_reference(dataclasses.replace(reference_config, epochs=3), run_dir)


def test_a_file_as_run_dir_is_refused(reference_config, tmp_path):
    (tmp_path / "file").touch()
    for run_dir in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ConfigError, match="--run_dir: .* can't be written to"):
            experiment.train_reference(reference_config, run_dir)
