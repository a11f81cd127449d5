"""Training a model so that it can be stopped at any moment: the saving, the signals, and Keras' `fit` around them."""

import contextlib
import functools
import math
import signal
import sys
import time
from pathlib import Path

import keras
import tensorflow as tf

from icell_tf.config import ConfigError
from icell_tf.inference.loading import integrator_of
from icell_tf.reports import model_card
from icell_tf.runs import history, weights
from icell_tf.training import callbacks, checkpoints, devices
from icell_tf.training.checkpoints import TrainingError

MONITOR = "val_decoder"  # reconstruction, and in phase 2 integration where it is trained
PICTURES = 8  # cells a picture
PICTURE_TIMES = 20  # pictures of each kind over a run
SAVE_SECONDS = 600  # between saves in an epoch that takes longer
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """Training that a signal has ended; the message says what is saved, and how to go on."""


class StopRequest:
    """Turns a first SIGINT or SIGTERM into the wish to stop after the step; a second one ends the process as usual."""

    signal = None  # the one that came, if any

    @contextlib.contextmanager
    def heeded(self):
        """Within, signals are wishes. Python lets only the main thread say so; in another, they are what they were."""
        try:
            self.before = {number: signal.signal(number, self._note) for number in SIGNALS}
        except ValueError:
            self.before = {}
        try:
            yield
        finally:
            self._forget()

    def _note(self, number, frame):
        self.signal = signal.Signals(number)
        self._forget()

    def _forget(self):
        for number, handler in self.before.items():
            signal.signal(number, handler)


class SaveRun(keras.callbacks.Callback):
    """After each epoch writes the curves, the last weights, and the best ones if the monitored loss was never lower.

    Within an epoch it saves the last weights if it takes long, or if a signal has come. What ends with NaN or infinite
    losses is not saved, and ends the run. Of several workers all save at the same step, and the chief alone writes.

    Args:
      run_dir: where they go.
      monitor: a key of the epoch's logs, to be minimised; where it is absent (no validation cells) best is last.
      steps: of an epoch.
      step: the steps that were trained before, in a resumed run; later rows of the curves are of a lost epoch and go.
      stop: a `StopRequest`.
      workers: the `devices.Workers` that train together.

    Raises: TrainingError: after a step, or at the end of an epoch, with losses that are not finite. Stopped: once what
      a signal has asked for is done.
    """

    def __init__(self, run_dir, monitor, steps, step=0, stop=None, workers=devices.ALONE):
        super().__init__()
        self.run_dir, self.monitor, self.steps, self.step = Path(run_dir), monitor, steps, step
        self.stop, self.workers = stop or StopRequest(), workers
        rows = history.read_history(run_dir) if workers.is_chief else []
        self.rows = [row for row in rows if row["epoch"] < step // steps]
        self.best = min((row.get(monitor, -math.inf) for row in self.rows), default=math.inf)
        self.saved, self.due = step, time.monotonic() + SAVE_SECONDS

    def on_train_begin(self, logs=None):
        self.means = self.model.means if self.step % self.steps else None  # `fit` resets them

    def on_epoch_begin(self, epoch, logs=None):
        if self.means is not None:
            self.model.means, self.means = self.means, None

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        self._refuse_broken(logs or {})
        if self.step % self.steps == 0:
            return  # the epoch's end saves
        stopped, due = self._asked()
        if stopped or due:
            self._commit()
            self._heed(stopped)

    def on_epoch_end(self, epoch, logs=None):
        logs = {name: float(value) for name, value in (logs or {}).items()}
        self._refuse_broken(logs)
        self.rows.append({"epoch": epoch, **logs})
        self.workers.on_chief(lambda: checkpoints.write_history(self.run_dir, self.rows))
        self._commit()
        self.workers.on_chief(lambda: self._keep_if_best(logs.get(self.monitor, -math.inf)))
        self._heed(self._asked()[0])

    def _keep_if_best(self, value):
        """On the chief, which alone knows the curves of before."""
        if value <= self.best:
            self.best = value
            checkpoints.copy_weights(self.run_dir)

    def _asked(self):
        """Returns the signal that came, if any, to whichever worker, and whether the chief's clock says to save."""
        asked = self.workers.gather([self.stop.signal or 0, time.monotonic() > self.due])
        return max(asked[:, 0]), asked[0, 1]

    def _commit(self):
        broken = self.model.broken_networks()
        if broken:
            self._refuse(f"The weights of {', '.join(broken)}")
        self.workers.even_out(self.model)
        try:
            self.workers.on_chief(lambda: checkpoints.commit(self.model, self.run_dir))
        except TrainingError as error:
            raise TrainingError(f"At {self._place()}, {error}. {self._kept()}") from error
        self.saved, self.due = self.step, time.monotonic() + SAVE_SECONDS

    def _heed(self, stopped):
        if stopped:
            raise Stopped(
                f"Stopped by {signal.Signals(stopped).name} after {self._place()}, which is saved in {self.run_dir}. "
                f"From there {checkpoints.GO_ON}, and ends as if it had not been stopped."
            )

    def _refuse_broken(self, logs):
        broken = [name for name, value in logs.items() if not math.isfinite(value)]
        if broken:
            self._refuse(", ".join(broken))

    def _refuse(self, broken):
        if self.saved and self.workers.is_chief:
            weights.load_weights(self.model, self.run_dir / weights.LAST)
        raise TrainingError(
            f"{broken} became NaN or infinite at {self._place()}. {self._kept()} Start anew, with a lower "
            "--learning_rate and another --run_dir or --overwrite"
        )

    def _place(self):
        epoch, step = divmod(self.step - 1, self.steps)
        return f"step {self.step} (epoch {epoch + 1}, step {step + 1} of {self.steps})"

    def _kept(self):
        return f"{self.run_dir} holds the weights after step {self.saved}." if self.saved else "Nothing was saved yet."


class WriteCard(keras.callbacks.Callback):
    """In the last epoch writes what the run was trained with, and its card: before the save that makes it the last.

    Args:
      run_dir, run, prepared: as of `fit`.
      rows: of the curves so far, a list that grows.
    """

    def __init__(self, run_dir, run, prepared, rows):
        super().__init__()
        self.run_dir, self.run, self.prepared, self.rows = run_dir, run, prepared, rows

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.run.config.epochs:
            last = {"epoch": epoch, **{name: float(value) for name, value in logs.items()}}
            try:
                model_card.record_training(self.run_dir, self.run, self.prepared, [*self.rows, last])
            except (OSError, ValueError) as error:  # such as test cells that can't be read: training goes without them
                print(f"Warning: {self.run_dir / model_card.CARD_FILE} is not written: {error}")


def settle(run_dir, step, steps):
    """Finishes what a kill between two writes has left undone, so that all of a run's files are of one step.

    Args:
      run_dir: holds the run.
      step: of the last weights.
      steps: of an epoch.

    Raises: ConfigError: if the curves are damaged.
    """
    checkpoints.drop_events(run_dir, step // steps)
    rows = [row for row in history.read_history(run_dir) if row["epoch"] < step // steps]
    if [row["epoch"] for row in rows] != list(range(step // steps - len(rows), step // steps)):
        raise ConfigError(
            f"{run_dir / history.HISTORY} lacks epochs of the {step // steps} that were trained: put a copy of it "
            "back, or remove it to train on without the curves so far"
        )
    if rows and not step % steps:  # within an epoch the best weights were copied before
        values = [row.get(MONITOR, -math.inf) for row in rows]
        if values[-1] <= min(values):
            checkpoints.copy_weights(run_dir)


def fit(model, run, prepared, run_dir, workers):
    """Trains a run's compiled model from the step that it has to the last, saves it, and says what has come out.

    Args:
      model: with the weights to go on from.
      run: its `Run`.
      prepared: its `PreparedCells`.
      run_dir: exists, and is settled.
      workers: the `devices.Workers` in the scope of whose strategy the model was made.

    Raises: TrainingError, Stopped, and what TensorFlow does where memory ends.
    """
    config, replicas = run.config, workers.strategy.num_replicas_in_sync
    steps, step = prepared.steps_per_epoch(config.batch_size), int(model.step.numpy())
    completed, done = divmod(step, steps)
    stop = StopRequest()
    batches = prepared.training_batches(
        config.batch_size, config.seed, config.epochs, completed, config.balanced, config.mirror, skip=done
    )
    validation = validation_batches(prepared, config.batch_size, replicas)
    following = _callbacks(model, run, prepared, run_dir, SaveRun(run_dir, MONITOR, steps, step, stop, workers))
    workers.adapt(model)

    def train(batches, first, last, steps):
        return model.fit(
            workers.distribute(batches),
            validation_data=validation and workers.distribute(validation),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=steps,
            shuffle=False,  # the batches are shuffled already
            callbacks=following,
            verbose=(1 if sys.stdout.isatty() else 2) if workers.is_chief else 0,
        ).history

    with stop.heeded():
        if done:  # `fit` knows only whole epochs: what is left of this one is a call of its own
            if workers.is_chief:
                print(f"Finishing epoch {completed + 1} of {config.epochs}, which Keras takes for the last:")
            history = train(batches.take(steps - done), completed, completed + 1, steps - done)
            batches, completed = batches.skip(steps - done), completed + 1
        if completed < config.epochs:
            history = train(batches, completed, config.epochs, steps)
    if workers.is_chief:
        _report(model, run, run_dir, history)


def validation_batches(prepared, batch_size, replicas):
    """The validation cells in batches, or None without any. Keras fails if devices can't share the first one evenly."""
    shared = prepared.splits.get("validation", 0) // replicas * replicas
    return prepared.batches("validation", min(batch_size, shared)) if shared else None


@contextlib.contextmanager
def memory_told(batch_size, replicas):
    """Says what to try where memory ends. Args: batch_size, over all replicas. Raises: TrainingError."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        smaller = batch_size // 2 // replicas * replicas
        advice = f"try --batch_size={smaller}" if smaller >= 2 else "try a smaller --width"
        raise TrainingError(
            f"out of memory with batches of {batch_size}: {advice}, with another --run_dir or --overwrite"
        ) from error


def _callbacks(model, run, prepared, run_dir, save):
    """Everything of an epoch is written before `save` commits it."""
    cool_down = callbacks.CoolDown(run.config.learning_rate, run.config.cooldown, run.config.epochs)
    if not save.workers.is_chief:
        return [cool_down, save]
    config, log_dir = run.config, run_dir / checkpoints.EVENTS
    splits = {"train": prepared.train_split, "validation": "validation"}
    fixed = {name: prepared.first(split, PICTURES) for name, split in splits.items() if name in prepared.splits}
    cells = {name: x_rs for name, (x_rs, _) in fixed.items()}
    labels = {name: y for name, (_, y) in fixed.items()}

    if run.phase == "reference":
        draw = functools.partial(callbacks.reference_pictures, model, cells, config.seed)
    else:
        integrator = integrator_of(model, run.cells)
        draw = functools.partial(callbacks.conditional_pictures, integrator, cells, labels, config.seed)

    return [
        cool_down,
        callbacks.LogCurves(log_dir),
        callbacks.LogPictures(log_dir, draw, max(1, config.epochs // PICTURE_TIMES), config.epochs),
        callbacks.WatchDiscriminators(save.steps, save.rows),
        WriteCard(run_dir, run, prepared, save.rows),
        save,
    ]


def _report(model, run, run_dir, history):
    last = {name: history[name][-1] for name in ("reconstruction", "val_reconstruction") if name in history}
    values = ", ".join(f"{name} {value:.4f}" for name, value in last.items())
    print(
        f"Trained the {run.phase} model ({model.count_params():,} weights) for {run.config.epochs} epochs on "
        f"{run.cells.dataset}: {values}. Weights, curves and TensorBoard's files: {run_dir}"
    )
