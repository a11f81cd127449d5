"""A run's folder while it is trained: weights, the optimizers' state, curves. The process may be killed at any moment.

The last weights are the commit: an epoch is done once they are renamed into place. Its curves and TensorBoard's events
are written before; if the run continues from an earlier step, they are removed. The best weights are copied from the
last ones after the commit.
"""

import contextlib
import csv
import dataclasses
import filecmp
import functools
import math
import shutil
from pathlib import Path

import tensorflow as tf

from icell_tf import files
from icell_tf.config import CHANGEABLE, ConfigError, differences
from icell_tf.messages import reason, show, system_error
from icell_tf.runs.history import HISTORY, read_history
from icell_tf.runs.run import CONFIG_FILE, Run
from icell_tf.runs.weights import BEST, LAST, PREVIOUS, load_weights, save_weights
from icell_tf.training import devices
from icell_tf.training.errors import writing

REFUSED = "refused.weights.h5"
EVENTS = "tensorboard"
CURVES = ("train", "validation")
PICTURES = "pictures"
# The best weights have the lowest: reconstruction, and in phase 2 integration if it is trained. Phase 3 doesn't log it:
# its generators are averages over the steps, and the last are taken for the best.
MONITOR = "val_decoder"


def on_chief(method):
    """Makes all workers call a method of `RunStore` together, of which the chief alone runs it; the others get None.

    Such a method must not call another one: the chief would wait for the others. Raises: on all workers if it fails.
    """

    @functools.wraps(method)
    def call(store, *arguments):
        return store.workers.on_chief(lambda: method(store, *arguments))

    return call


@contextlib.contextmanager
def replacing(path):
    """`files.atomic_write` with the errors of `writing`."""
    with writing(path), files.atomic_write(path) as partial:
        yield partial


class RunStore:
    """Reads and writes the folder of a run that is trained.

    Args: run_dir; workers, the `devices.Workers` that train the run, of which the chief alone uses the folder.

    Attributes:
      continues: whether the folder holds the run, and it is continued. Known to the chief.
      has_weights: whether it holds weights to continue from. Known to the chief.
      rows: the curves so far, as `read_history` returns them. Known to the chief.
    """

    def __init__(self, run_dir, workers=devices.ALONE):
        self.run_dir, self.workers = Path(run_dir), workers
        self.key, self.continues, self.has_weights, self.rows = 0, False, False, []

    @contextlib.contextmanager
    def lock(self):
        """`lock_run` on the chief."""
        with contextlib.ExitStack() as held:
            self.workers.on_chief(lambda: held.enter_context(lock_run(self.run_dir)))
            yield

    @on_chief
    def find(self, run, overwrite):
        """Looks for a run to continue, unless it is to be overwritten.

        Args: run, that is to be trained. Raises: ConfigError: if the folder holds another run, or weights without
        settings.
        """
        self.key, self.continues = run.key, not overwrite and _holds_run(self.run_dir)
        self.has_weights = self.continues and any((self.run_dir / name).is_file() for name in (LAST, PREVIOUS))
        if self.continues:
            self.key = _check_same(run, self.run_dir).key

    @on_chief
    def resume(self, model):
        """Loads the last weights, or the previous ones if those are damaged or missing; without any, does nothing.

        Returns: the state of the metrics, or None. Raises: ConfigError: if there are weights, and none can be used.
        """
        last, previous = self.run_dir / LAST, self.run_dir / PREVIOUS
        refused = None
        if self.continues and last.is_file():
            try:
                return load_weights(model, last, self.key)
            except ConfigError as error:
                if not previous.is_file() or system_error(error.__cause__):  # such as a disk that failed for a while
                    raise
                refused = reason(error.__cause__)
        if not self.continues or not previous.is_file():
            return None
        metrics = load_weights(model, previous, self.key)
        if refused:
            last.replace(last.with_name(REFUSED))
            show(
                f"{last} is damaged, or of another run ({refused}). It is renamed {REFUSED}, and the run continues "
                f"from {PREVIOUS}, which was saved before it. There is nothing to do."
            )
        previous.replace(last)
        return metrics

    @on_chief
    def repair(self, step, steps):
        """Finishes what a kill between two writes left undone, so that all files are of one step; reads the curves.

        Args: step, of the last weights; steps, of an epoch. Raises: ConfigError: if the curves are damaged.
        """
        if not self.continues:
            return
        completed = step // steps
        drop_events(self.run_dir, completed)
        self.rows = [row for row in read_history(self.run_dir) if row["epoch"] < completed]
        if [row["epoch"] for row in self.rows] != list(range(completed - len(self.rows), completed)):
            raise ConfigError(
                f"{self.run_dir / HISTORY} lacks some of the {completed} epochs that were trained: restore it from a "
                "copy, or remove it to train on without the curves so far"
            )
        if self.rows and not step % steps:  # within an epoch the best weights were copied before
            self._copy_if_best()

    @on_chief
    def begin(self, run, overwrite, card=None):
        """Writes the run's config.json; clears the folder before if `overwrite` is set.

        Args: card, as of `experiment.train_reference`. Raises: ConfigError: if the folder can't be written.
        """
        try:
            if overwrite:
                if card:
                    card.forget(self.run_dir)
                clear(self.run_dir)
            dataclasses.replace(run, key=self.key).save(self.run_dir)
        except OSError as error:
            raise _unwritable(self.run_dir, error) from error

    @on_chief
    def write_curves(self, row):
        """Adds an epoch's {"epoch": int, metric: float} to the curves."""
        self.rows.append(row)
        write_history(self.run_dir, self.rows)

    @on_chief
    def commit(self, model, metrics):
        """Makes a model's state the last of its run, and the last one before it the previous one.

        Args: metrics, as `metric_state.read` returns them. Raises: TrainingError: if it can't be written; what was
        saved before is intact then.
        """
        last = self.run_dir / LAST
        with replacing(last) as partial:
            save_weights(model, partial, self.key, metrics)
            files.sync(partial)
            if last.is_file():
                last.replace(last.with_name(PREVIOUS))

    def _copy_if_best(self):
        """After an epoch's commit, copies the last weights to the best ones if the monitored loss was never lower."""
        values = [row.get(MONITOR, -math.inf) for row in self.rows]  # not logged: the last is the best
        last, best = self.run_dir / LAST, self.run_dir / BEST
        if values[-1] <= min(values) and not (best.is_file() and filecmp.cmp(last, best, shallow=False)):
            with replacing(best) as partial:
                shutil.copyfile(last, partial)

    keep_best = on_chief(_copy_if_best)


def _holds_run(run_dir):
    """Whether a folder holds a run. Raises: ConfigError: if it holds weights without the run's settings."""
    left = [name for name in (LAST, PREVIOUS) if (run_dir / name).is_file()]
    found = (run_dir / CONFIG_FILE).is_file()
    if left and not found:
        raise ConfigError(
            f"--run_dir: {run_dir} has {left[0]} without {CONFIG_FILE}: put that back, give another directory, or "
            "--overwrite to start anew there"
        )
    return found


def _check_same(run, run_dir):
    """Returns the run in a folder. Raises: ConfigError: if it has other settings or other cells than `run`."""
    old = Run.load(run_dir)
    other = "give another directory, or --overwrite to start anew there"
    if old.phase != run.phase:
        raise ConfigError(f"--run_dir: {run_dir} holds a run of phase {old.phase!r}; {other}")
    changed = differences(old.config, run.config, ignore=CHANGEABLE) + old.spec.differences(run.spec)
    if old.dataset != run.dataset:
        changed.append(f"the data set was {old.dataset}, now {run.dataset}")
    elif old.cells != run.cells:
        told = f"fingerprint {old.cells[:8]}, now {run.cells[:8]}"
        changed.append(f"{run.dataset} has other cells or other splits than it had: {told}")
    for phase, config in run.configs.items():
        if phase != run.phase:
            changed += [f"the {phase} run's {line}" for line in differences(old.configs[phase], config)]
    if changed:
        raise ConfigError(f"--run_dir: {run_dir} holds a run with other settings ({'; '.join(changed)}); {other}")
    if old.config.jit != run.config.jit:
        show(
            f"Warning: jit was {old.config.jit}, now {run.config.jit}: the run continues, with other rounding and "
            "other noise."
        )
    return old


def write_history(run_dir, rows):
    """Writes what `read_history` reads."""
    with replacing(Path(run_dir) / HISTORY) as partial, partial.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, dict.fromkeys(name for row in rows for name in row))
        writer.writeheader()
        writer.writerows(rows)


def drop_events(run_dir, completed):
    """Removes TensorBoard's events of epochs that were not completed, and an event that a kill left incomplete."""
    for path in sorted(Path(run_dir, EVENTS).glob("*/events*")):
        if path.parent.name not in (*CURVES, PICTURES):
            continue  # the evaluation's
        records, complete = [], True
        try:
            records.extend(record.numpy() for record in tf.data.TFRecordDataset(str(path)))
        except tf.errors.DataLossError:
            complete = False
        kept = [record for record in records if _step_of(record) < completed]
        if complete and len(kept) == len(records):
            continue
        with replacing(path) as partial, tf.io.TFRecordWriter(str(partial)) as writer:
            for record in kept:
                writer.write(record)


def _step_of(record):
    event = tf.compat.v1.Event.FromString(record)
    return event.step if event.HasField("summary") else -1  # a file's first event tells its version


def clear(run_dir):
    """Removes a run's files, and nothing else that lies in its folder."""
    events = [path for folder in (*CURVES, PICTURES) for path in Path(run_dir, EVENTS, folder).glob("*events*")]
    names = (HISTORY, LAST, PREVIOUS, BEST, REFUSED, CONFIG_FILE)
    for path in events + [Path(run_dir, part) for name in names for part in (f"partial.{name}", name)]:
        path.unlink(missing_ok=True)  # config.json last: while it is there, the others are of its run


@contextlib.contextmanager
def lock_run(run_dir):
    """Makes a run's folder and locks it against other processes; at the end, removes it if it is still empty.

    The system releases the lock when a process ends, however it ends. Some network file systems have no locks.

    Raises: ConfigError: if the folder can't be made or read, or another process trains there.
    """
    run_dir = Path(run_dir)
    with contextlib.ExitStack() as lock:
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            lock.enter_context(files.locked(run_dir))
        except BlockingIOError as error:
            raise ConfigError(
                f"--run_dir: another process trains in {run_dir}: let it end, or give another directory"
            ) from error
        except OSError as error:
            raise _unwritable(run_dir, error) from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                run_dir.rmdir()


def _unwritable(run_dir, error):
    return ConfigError(f"--run_dir: {run_dir} can't be written to ({error}); give another directory")
