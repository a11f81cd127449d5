"""A run's folder while it is trained: commits, resuming, curves, events, the lock; nothing is lost by a kill."""

import errno
import os
from pathlib import Path

import pytest
import tensorflow as tf

from icell_tf.config import ConfigError, ReferenceConfig
from icell_tf.runs.history import HISTORY, read_history
from icell_tf.runs.run import Run
from icell_tf.runs.weights import BEST, LAST, PREVIOUS
from icell_tf.spec import CellSpec
from icell_tf.training import metric_state, store
from icell_tf.training.errors import TrainingError
from icell_tf.training.store import REFUSED, RunStore

from ..models.conftest import assert_equal, state, trained_models
from ..runs.test_weights import spoil
from .test_callbacks import logged


def commit(model, run_dir):
    RunStore(run_dir).commit(model, metric_state.read(model))


def resume(model, run_dir):
    found = RunStore(run_dir)
    found.continues = True
    return found.resume(model)


def test_a_commit_comes_back_with_the_state_of_the_metrics(tmp_path):
    model, other = trained_models()
    commit(model, tmp_path)
    metrics = resume(other, tmp_path)
    assert_equal(state(model), state(other))
    assert metrics.any() and int(other.step) == 1
    metric_state.write(other, metrics)
    for ours, theirs in zip(model.metrics, other.metrics, strict=True):
        assert float(ours.result()) == float(theirs.result())
    assert resume(other, tmp_path / "new") is None


def test_damaged_weights_are_set_aside_and_the_ones_before_are_used(tmp_path, capsys):
    model, other = trained_models()
    commit(model, tmp_path)
    commit(model, tmp_path)
    spoil(tmp_path / LAST)
    resume(other, tmp_path)
    assert_equal(state(model), state(other))
    assert f"checksum is another). It is renamed {REFUSED}" in (out := capsys.readouterr().out) and PREVIOUS in out
    assert [(tmp_path / name).exists() for name in (LAST, PREVIOUS, REFUSED)] == [True, False, True]

    spoil(tmp_path / LAST)
    with pytest.raises(ConfigError, match=LAST):  # and there are none before
        resume(other, tmp_path)


def test_a_run_is_not_continued_on_other_cells_of_the_same_name(tmp_path):
    cells = CellSpec("YX", (16, 16), (0.5, 0.5), ("tom20", "zo1")), "integrated_cell/mine/1.0.0"
    run, other = (Run("reference", ReferenceConfig(), *cells, cells=letter * 64).with_key() for letter in "ab")
    run.save(tmp_path)
    RunStore(tmp_path).find(run, False)
    message = (
        "--run_dir: .*integrated_cell/mine/1.0.0 has other cells .*fingerprint aaaaaaaa, now bbbbbbbb.*--overwrite"
    )
    with pytest.raises(ConfigError, match=message):
        RunStore(tmp_path).find(other, False)
    RunStore(tmp_path).find(other, True)


def test_a_kill_between_two_renames_leaves_the_weights_before(tmp_path):
    model, other = trained_models()
    commit(model, tmp_path)
    (tmp_path / LAST).rename(tmp_path / PREVIOUS)
    resume(other, tmp_path)
    assert_equal(state(model), state(other))
    assert (tmp_path / LAST).is_file()


def test_a_full_disk_leaves_what_was_saved_and_no_part(tmp_path, monkeypatch):
    model, _ = trained_models()
    commit(model, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fill_disk(path, overwrite):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(model, "save_weights", fill_disk)
    with pytest.raises(TrainingError, match=f"{LAST} can't be written .No space left.*same command continues"):
        commit(model, tmp_path)
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
    store.drop_events(tmp_path, completed=4)
    kept = {name: [step for step, _ in logged(tmp_path / "tensorboard" / name)] for name in ("train", "pictures")}
    assert kept == {"train": [0, 1, 2], "pictures": [0, 1, 2, 3]}
    store.drop_events(tmp_path, completed=2)
    for name, steps in (("train", [0, 1]), ("pictures", [0, 1]), ("evaluation", [0, 1, 2, 3])):
        assert [step for step, _ in logged(tmp_path / "tensorboard" / name)] == steps


def test_a_run_is_cleared_and_nothing_else(tmp_path, monkeypatch):
    mine = [tmp_path / name for name in ("notes.txt", "other.weights.h5")]
    runs = [tmp_path / name for name in ("config.json", HISTORY, LAST, PREVIOUS, BEST, "partial." + LAST)]
    for path in mine + runs:
        path.touch()
    write_events(tmp_path / "tensorboard" / "train", [0])
    with monkeypatch.context() as patch:
        removed = []
        patch.setattr(Path, "unlink", lambda path, missing_ok: removed.append(path.name))
        store.clear(tmp_path)
    assert removed[0].startswith("events") and removed[-1] == "config.json"  # killed on the way, the run is still known
    store.clear(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == mine


def test_a_folder_is_locked_by_one_at_a_time_and_removed_if_it_is_empty(tmp_path):
    run_dir = tmp_path / "runs" / "run"
    with store.lock_run(run_dir), pytest.raises(ConfigError, match="another process trains in .*run: let it end"):
        with store.lock_run(run_dir):
            pass
    assert not run_dir.exists()
    with store.lock_run(run_dir):
        (run_dir / "config.json").touch()
    with store.lock_run(run_dir):
        assert (run_dir / "config.json").is_file()


def test_curves_may_gain_a_metric(tmp_path):
    rows = [{"epoch": 0, "encoder": 0.1}, {"epoch": 1, "encoder": 1 / 3, "integration": 2.0}]
    store.write_history(tmp_path, rows)
    assert read_history(tmp_path) == rows
