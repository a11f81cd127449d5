"""What a run keeps of its training: weights, the optimizers' state, and the curves."""

import csv
import math
from pathlib import Path

import keras

from icell_tf.config import ConfigError

LAST, BEST = "last.weights.h5", "best.weights.h5"
HISTORY = "history.csv"


class TrainingError(ValueError):
    """Training that has broken down; the message says when, and what is left."""


def save_weights(model, path):
    """Writes all weights of a model, and its optimizers' moments, so that a reader never meets half a file."""
    partial = Path(path).with_name("partial." + Path(path).name)
    model.save_weights(partial, overwrite=True)
    partial.replace(path)


def load_weights(model, path):
    """Loads what `save_weights` wrote. Raises: ConfigError: if the file is damaged, or is of another model."""
    try:
        model.load_weights(path)
    except (OSError, ValueError, RuntimeError, KeyError) as error:  # what h5py and Keras raise
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"{path} does not hold this model's weights: it is damaged, or of another run ({reason}). Put back a copy "
            "of it, or remove the run's folder and train again"
        ) from error


def completed_epochs(model, steps_per_epoch):
    """Returns the epochs that a model has been trained for, from its optimizers' step count."""
    return int(model.optimizers["enc"].iterations.numpy()) // steps_per_epoch


def read_history(run_dir):
    """Returns a run's curves, one {"epoch": int, metric: float} an epoch; none if nothing was trained.

    Raises: ConfigError: if the file is damaged.
    """
    path = Path(run_dir) / HISTORY
    if not path.is_file():
        return []
    try:
        with path.open(newline="") as lines:
            rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(lines)]
        return [{**row, "epoch": int(row["epoch"])} for row in rows]
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise ConfigError(f"{path} is damaged ({error}): remove it to train on without the curves so far") from error


class SaveRun(keras.callbacks.Callback):
    """After each epoch writes the curves, the last weights, and the best ones if the monitored loss was never lower.

    An epoch that ends with NaN or infinite losses is not written, so that the weights before it stay, and ends the run.

    Args:
      run_dir: where they go.
      monitor: a key of the epoch's logs, to be minimised; where it is absent (no validation cells) best is last.
      completed: epochs trained before, in a resumed run; later rows of the curves are of a lost epoch and go.

    Raises: TrainingError: at the end of an epoch with losses that are not finite.
    """

    def __init__(self, run_dir, monitor, completed=0):
        super().__init__()
        self.run_dir, self.monitor = Path(run_dir), monitor
        self.rows = [row for row in read_history(run_dir) if row["epoch"] < completed]
        self.best = min((row.get(monitor, math.inf) for row in self.rows), default=math.inf)

    def on_epoch_end(self, epoch, logs=None):
        logs = {name: float(value) for name, value in (logs or {}).items()}
        broken = [name for name, value in logs.items() if not math.isfinite(value)]
        if broken:
            raise TrainingError(
                f"{', '.join(broken)} became NaN or infinite in epoch {epoch + 1}; {self.run_dir} holds what was "
                "trained before it. Start anew in another --run_dir, with a lower --learning_rate"
            )
        self.rows.append({"epoch": epoch, **logs})
        self._write_history()
        value = logs.get(self.monitor, -math.inf)
        if value <= self.best:
            self.best = value
            save_weights(self.model, self.run_dir / BEST)
        save_weights(self.model, self.run_dir / LAST)

    def _write_history(self):
        partial = self.run_dir / ("partial." + HISTORY)
        with partial.open("w", newline="") as lines:
            writer = csv.DictWriter(lines, dict.fromkeys(name for row in self.rows for name in row))
            writer.writeheader()
            writer.writerows(self.rows)
        partial.replace(self.run_dir / HISTORY)
