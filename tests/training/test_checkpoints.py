"""What a run keeps: weights whole or not at all, the ones before them, curves, and events of what was completed."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.config import ConfigError
from icell_tf.runs import weights
from icell_tf.runs.history import HISTORY, read_history
from icell_tf.runs.weights import BEST, LAST, PREVIOUS
from icell_tf.training import checkpoints
from icell_tf.training.checkpoints import REFUSED, TrainingError

from ..models.conftest import make_batch, make_model
from .test_callbacks import logged


@pytest.fixture
def trained():
    """A model after one step, and another of the same networks with other weights."""
    models = make_model("reference", seed=1), make_model("reference", seed=2)
    for model in models:
        model.compile()
    models[0].train_step(make_batch())
    return models


def state(model):
    moments = [variable for optimizer in model.optimizers.values() for variable in optimizer.variables]
    return [np.array(variable) for variable in model.weights + moments]


def assert_equal(model, other):
    for ours, theirs in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(model.means, other.means)


def spoil(path):
    """Turns one bit over in the middle of a file, where the weights are."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_weights_moments_step_and_the_epochs_means_come_back(trained, tmp_path):
    model, other = trained
    checkpoints.commit(model, tmp_path)
    checkpoints.resume(other, tmp_path)
    assert_equal(model, other)
    assert other.means.any() and int(other.step) == 1


def test_weights_in_which_a_bit_has_turned_over_are_refused_and_those_before_taken(trained, tmp_path, capsys):
    model, other = trained
    checkpoints.commit(model, tmp_path)
    checkpoints.commit(model, tmp_path)
    spoil(tmp_path / LAST)
    with pytest.raises(ConfigError, match=f"{LAST} does not hold this model's weights.*checksum.*--overwrite"):
        weights.load_weights(other, tmp_path / LAST)
    checkpoints.resume(other, tmp_path)
    assert_equal(model, other)
    assert f"checksum is another). It is now {REFUSED}, and the run goes on from {PREVIOUS}" in capsys.readouterr().out
    assert [(tmp_path / name).exists() for name in (LAST, PREVIOUS, REFUSED)] == [True, False, True]

    spoil(tmp_path / LAST)
    with pytest.raises(ConfigError, match=LAST):  # and there is none before it
        checkpoints.resume(other, tmp_path)


def test_another_models_weights_are_refused(trained, tmp_path):
    other = make_model("conditional")
    other.compile()
    checkpoints.commit(trained[0], tmp_path)
    with pytest.raises(ConfigError, match="or of another run"):
        checkpoints.resume(other, tmp_path)


def test_a_kill_between_two_renames_leaves_the_weights_before(trained, tmp_path):
    model, other = trained
    checkpoints.commit(model, tmp_path)
    (tmp_path / LAST).rename(tmp_path / PREVIOUS)
    checkpoints.resume(other, tmp_path)
    assert_equal(model, other)
    assert (tmp_path / LAST).is_file()


def test_another_runs_weights_of_the_same_networks_are_refused(trained, tmp_path):
    model, other = trained
    model.key, other.key = 1, 2
    checkpoints.commit(model, tmp_path)
    with pytest.raises(ConfigError, match="of another run .it bears the key of another run.*--overwrite"):
        checkpoints.resume(other, tmp_path)
    for key in (1, 0):  # its own, and of a version that knew no keys
        other.key = key
        checkpoints.resume(other, tmp_path)
        assert_equal(model, other)


def test_networks_with_nan_are_named(trained):
    model, _ = trained
    assert model.broken_networks() == []
    variable = model.dec.trainable_variables[0]
    variable.assign(variable * float("nan"))
    assert model.broken_networks() == [model.dec.name]


def test_a_full_disk_leaves_what_was_saved_and_no_part(trained, tmp_path, monkeypatch):
    model, other = trained
    checkpoints.commit(model, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fill_disk(path, overwrite):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(model, "save_weights", fill_disk)
    with pytest.raises(TrainingError, match=f"{LAST} can't be written .*No space left on device.*same command goes on"):
        checkpoints.commit(model, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def write_events(folder, steps):
    with tf.summary.create_file_writer(str(folder)).as_default():
        for step in steps:
            tf.summary.scalar("loss", 0.5, step=step)


def test_events_of_lost_epochs_are_dropped_and_so_is_half_an_event(tmp_path):
    for name in ("train", "pictures", "evaluation"):
        write_events(tmp_path / "tensorboard" / name, range(4))
    (path,) = (tmp_path / "tensorboard" / "train").glob("events*")
    path.write_bytes(path.read_bytes()[:-5])
    checkpoints.drop_events(tmp_path, completed=4)
    kept = {name: [step for step, _ in logged(tmp_path / "tensorboard" / name)] for name in ("train", "pictures")}
    assert kept == {"train": [0, 1, 2], "pictures": [0, 1, 2, 3]}
    checkpoints.drop_events(tmp_path, completed=2)
    for name, steps in (("train", [0, 1]), ("pictures", [0, 1]), ("evaluation", [0, 1, 2, 3])):
        assert [step for step, _ in logged(tmp_path / "tensorboard" / name)] == steps


def test_a_run_is_cleared_and_nothing_else(tmp_path):
    mine = [tmp_path / name for name in ("notes.txt", "other.weights.h5")]
    runs = [tmp_path / name for name in ("config.json", HISTORY, LAST, PREVIOUS, BEST, "partial." + LAST)]
    for path in mine + runs:
        path.touch()
    write_events(tmp_path / "tensorboard" / "train", [0])
    checkpoints.clear(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == mine


def test_a_run_that_is_half_cleared_is_still_known(tmp_path, monkeypatch):
    """Killed on the way, it leaves its config.json, so that what else is left is not taken for another run's."""
    for name in ("config.json", LAST, BEST, "partial." + LAST):
        (tmp_path / name).touch()
    write_events(tmp_path / "tensorboard" / "train", [0])
    removed = []
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok: removed.append(path.name))
    checkpoints.clear(tmp_path)
    assert removed[0].startswith("events") and removed[-1] == "config.json"


def test_a_directory_is_taken_by_one_at_a_time_and_left_as_it_was(tmp_path):
    run_dir = tmp_path / "runs" / "run"
    with (
        checkpoints.taken(run_dir),
        pytest.raises(ConfigError, match="--run_dir: another process trains in .*run: let"),
    ):
        with checkpoints.taken(run_dir):
            pass
    assert not run_dir.exists()
    with checkpoints.taken(run_dir):
        (run_dir / "config.json").touch()
    with checkpoints.taken(run_dir):
        assert (run_dir / "config.json").is_file()


def test_curves_may_gain_a_metric(tmp_path):
    rows = [{"epoch": 0, "encoder": 0.1}, {"epoch": 1, "encoder": 1 / 3, "integration": 2.0}]
    checkpoints.write_history(tmp_path, rows)
    assert read_history(tmp_path) == rows


@pytest.mark.parametrize("content", [b"epoch,loss\nx,y\n", b"loss\n1\n", b"epoch,loss\n1,2,3\n", b"\xff\xfe\n1\n"])
def test_damaged_curves_are_refused_by_name(tmp_path, content):
    (tmp_path / HISTORY).write_bytes(content)
    with pytest.raises(ConfigError, match=f"{HISTORY} is damaged"):
        read_history(tmp_path)


def test_a_run_without_curves_has_none(tmp_path):
    assert read_history(tmp_path) == []
