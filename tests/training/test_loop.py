"""Saving a run so that it can be killed between any two writes; signals, faults and a discriminator that wins."""

import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.config import ConfigError, ReferenceConfig
from icell_tf.files import sync
from icell_tf.runs import history, weights
from icell_tf.runs.history import read_history
from icell_tf.runs.run import Run
from icell_tf.runs.weights import BEST, LAST
from icell_tf.training import callbacks, devices, errors, loop, metric_state, store
from icell_tf.training.errors import TrainingError
from icell_tf.training.store import MONITOR, RunStore

EPOCHS, STEPS = 4, 3
LOSSES = [3.0, 1.0, 2.0, 0.5]  # of the epochs: the second and the last are the best so far


class Model:
    """Its weights are the steps that it was trained for; its metrics, the steps of the epoch."""

    def __init__(self):
        self.step = 0
        self.metrics = 0
        self.trained = {}


@pytest.fixture(autouse=True)
def text_files(monkeypatch):
    """Saves and loads such models as text."""

    def load(model, path, key):
        model.step, metrics = map(int, Path(path).read_text().split())
        return metrics

    def save(model, path, key, metrics):
        Path(path).write_text(f"{model.step} {int(metrics)}")

    monkeypatch.setattr(store, "save_weights", save)
    monkeypatch.setattr(store, "load_weights", load)
    monkeypatch.setattr(metric_state, "read", lambda model: model.metrics)
    monkeypatch.setattr(metric_state, "write", lambda model, metrics: setattr(model, "metrics", int(metrics)))


def resumed(run_dir, model, **options):
    """Returns the store of a run that is continued, if there is anything to continue, and the metrics' state."""
    found = RunStore(run_dir, **options)
    found.continues = True
    metrics = found.resume(model)
    found.repair(model.step, STEPS)
    return found, metrics


def train(run_dir, stop=None, losses=LOSSES, monitor=MONITOR):
    """What `experiment` and `fit` do, without a network: from the step that was saved to the last."""
    model = Model()
    found, metrics = resumed(run_dir, model)
    save = loop.SaveRun(found, STEPS, model.step, stop)
    save.set_model(model)
    for epoch in range(model.step // STEPS, EPOCHS):
        done = model.step % STEPS
        model.metrics = metrics if done else 0
        for batch in range(done, STEPS):
            model.step += 1
            model.metrics += 1
            save.on_train_batch_end(batch, {"encoder": float(model.metrics)})
        save.on_epoch_end(epoch, {"encoder": np.float32(model.metrics), monitor: np.float32(losses[epoch])})


def files(run_dir):
    return {path.name: path.read_text() for path in run_dir.iterdir()}


@pytest.fixture
def whole(tmp_path):
    (tmp_path / "whole").mkdir()
    train(tmp_path / "whole")
    return files(tmp_path / "whole")


def test_best_weights_are_those_with_the_lowest_monitored_loss(tmp_path):
    train(tmp_path, losses=[3.0, 1.0, 2.0, 2.5])
    assert ((tmp_path / LAST).read_text(), (tmp_path / BEST).read_text()) == ("12 3", "6 3")
    assert [row["epoch"] for row in read_history(tmp_path)] == [0, 1, 2, 3]
    assert [row[MONITOR] for row in read_history(tmp_path)] == [3.0, 1.0, 2.0, 2.5]


def test_without_validation_the_last_weights_are_the_best(tmp_path):
    train(tmp_path, monitor="other")
    assert (tmp_path / BEST).read_text() == (tmp_path / LAST).read_text() == "12 3"


class Killed(BaseException):
    """As SIGKILL: nothing cleans up."""


@pytest.mark.parametrize("after_every_step", [False, True])
def test_killed_before_any_write_a_run_ends_as_if_it_had_not_been(tmp_path, whole, monkeypatch, after_every_step):
    """Kills before the n-th sync or rename, for every n, and again on the way from there."""
    if after_every_step:
        monkeypatch.setattr(loop, "SAVE_SECONDS", -1)
    kills = 0
    for at in range(1, 1000):
        run_dir = tmp_path / str(at)
        run_dir.mkdir()
        attempts = 0
        while killed(run_dir, at + attempts * 7, monkeypatch):  # later each time, so that it gets on
            attempts += 1
        kills += attempts
        found = {name: text for name, text in files(run_dir).items() if not name.startswith("partial.")}
        assert found | {weights.PREVIOUS: ""} == whole | {weights.PREVIOUS: ""}, at
        if not attempts:
            break
    assert kills > 40


def killed(run_dir, at, monkeypatch):
    """Trains, and returns whether the end came before the at-th sync or rename."""
    calls = 0

    def count(original):
        def call(*args):
            nonlocal calls
            calls += 1
            if calls >= at:  # what comes after a kill does not happen either
                raise Killed
            return original(*args)

        return call

    with monkeypatch.context() as patch:
        patch.setattr("icell_tf.files.sync", count(sync))
        patch.setattr(Path, "replace", count(Path.replace))
        patch.setattr(Path, "unlink", lambda *args, **kwargs: None)
        try:
            train(run_dir)
        except Killed:
            return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", [1, 2, 3, 7])
def test_a_signal_saves_the_step_and_the_same_command_goes_on(tmp_path, whole, monkeypatch, number, at):
    run_dir, stop = tmp_path / "run", loop.StopRequest()
    run_dir.mkdir()
    before = signal.getsignal(number)
    with stop.handling(), monkeypatch.context() as patch:
        refuse = loop.SaveRun._refuse_broken

        def raise_and_refuse(save, logs):
            if save.step == at and not stop.signal:
                signal.raise_signal(number)
            refuse(save, logs)

        patch.setattr(loop.SaveRun, "_refuse_broken", raise_and_refuse)
        with pytest.raises(KeyboardInterrupt, match=f"Stopped by {number.name} after step {at} .*same command"):
            train(run_dir, stop)
    assert signal.getsignal(number) == before
    assert (run_dir / LAST).read_text() == f"{at} {(at - 1) % STEPS + 1}"
    train(run_dir)
    found = files(run_dir)
    for name in (LAST, BEST, history.HISTORY):
        assert found[name] == whole[name]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_breaks_down_is_named_with_its_step_and_the_last_good_weights_stay(tmp_path, loss):
    with pytest.raises(TrainingError, match=f"{MONITOR} became NaN or infinite at step 6 .epoch 2, step 3 of 3"):
        train(tmp_path, losses=[3.0, loss])
    assert (tmp_path / LAST).read_text() == (tmp_path / BEST).read_text() == "3 3"
    assert len(read_history(tmp_path)) == 1


def test_losses_and_weights_that_break_down_within_an_epoch_are_named_and_the_last_good_weights_stay(tmp_path):
    train(tmp_path)
    model = Model()
    save = loop.SaveRun(resumed(tmp_path, model)[0], STEPS, model.step)
    save.set_model(model)
    for name, value in (("enc_r", 1.0), ("dec_r", np.nan)):
        save.model.trained[name] = SimpleNamespace(name=name, weights=[tf.Variable(value)])
    assert loop.broken_networks(save.model) == ["dec_r"]
    with pytest.raises(TrainingError, match="The weights of dec_r became NaN.*at step 12 .*after step 12.*--learn"):
        save.on_epoch_end(3, {MONITOR: 0.1})
    with pytest.raises(TrainingError, match="encoder became NaN.*step 13 .*holds the weights after step 12.*--learn"):
        save.on_train_batch_end(0, {"encoder": float("nan")})
    assert (tmp_path / LAST).read_text() == "12 3"


def test_all_workers_make_as_many_calls_whether_or_not_an_epoch_was_the_best(tmp_path):
    """Only the chief knows the curves, by which it decides; the others must not wait for a call it doesn't make."""
    train(tmp_path, losses=[3.0, 1.0, 2.0, 2.5])
    calls = []

    class Counted(devices.Workers):
        def sum(self, values):
            calls[-1] += 1
            return np.asarray(values)

    for index in (1, 0):
        calls.append(0)
        model, workers = Model(), Counted(None, devices.Cluster(("a:1", "b:1"), index))
        found, _ = resumed(tmp_path, model, workers=workers)
        save = loop.SaveRun(found, STEPS, 12)
        save.set_model(model)
        save.on_epoch_end(4, {MONITOR: 2.0})
    assert calls[0] == calls[1] > 0
    assert (tmp_path / BEST).read_text() == "6 3"


def test_curves_that_lack_epochs_are_refused_and_missing_ones_begin_anew(tmp_path):
    train(tmp_path)
    path = tmp_path / history.HISTORY
    lines = path.read_text().splitlines()
    for kept in (lines[:2], lines[:2] + lines[3:]):
        path.write_text("\n".join(kept) + "\n")
        with pytest.raises(ConfigError, match="history.csv lacks some of the 4 epochs.*remove it"):
            resumed(tmp_path, Model())
    path.unlink()
    assert resumed(tmp_path, Model())[0].rows == []


def test_a_card_that_can_not_be_written_does_not_stop_a_run(tmp_path, capsys):
    def refuse(*_):
        raise OSError("no space")

    run = Run("reference", ReferenceConfig(epochs=2), None)
    given = SimpleNamespace(record_training=refuse), RunStore(tmp_path), run, None
    loop.write_card(*given, 0, {})
    assert not capsys.readouterr().out
    loop.write_card(*given, 1, {})
    assert "Warning: " in (out := capsys.readouterr().out) and f"card of {tmp_path}" in out and "no space" in out


def test_a_discriminator_that_wins_is_named_once(capsys):
    steps = callbacks.WINNING_STEPS // 2
    watch = callbacks.WatchDiscriminators(steps)
    won = {"image_discriminator_accuracy": 0.995, "latent_discriminator_accuracy": 0.99}
    for epoch, logs in enumerate([won, {}, won, won, won]):
        watch.on_epoch_end(epoch, logs)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"Warning: image_discriminator has won: in the {2 * steps} steps up to step {4 * steps} ")

    callbacks.WatchDiscriminators(steps, rows=[won, won, won]).on_epoch_end(3, won)
    assert not capsys.readouterr().out  # a resumed run has said so


@pytest.mark.parametrize(("batch_size", "replicas", "advice"), [(32, 1, "16"), (12, 4, "4"), (2, 1, None)])
def test_out_of_memory_says_which_batch_to_try(batch_size, replicas, advice):
    for error in (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"), MemoryError()):
        with pytest.raises(TrainingError, match="out of memory with batches of") as told:
            with errors.explain_out_of_memory(batch_size, replicas):
                raise error
        assert (f"--batch_size={advice}," if advice else "--width") in str(told.value)
