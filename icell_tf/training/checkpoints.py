"""What a run keeps of its training, so that it can be killed at any moment: weights, the optimizers' state, curves.

The last weights are the commit: an epoch is done once they are renamed into place. Its curves and TensorBoard's events
are written before, and dropped if the run goes on from an earlier step; the best weights are copied from the last ones
after.
"""

import contextlib
import csv
import fcntl
import filecmp
import os
import shutil
from pathlib import Path

import tensorflow as tf

from icell_tf import files
from icell_tf.config import ConfigError
from icell_tf.runs.history import HISTORY
from icell_tf.runs.run import CONFIG_FILE
from icell_tf.runs.weights import BEST, LAST, PREVIOUS, load_weights, reason

REFUSED = "refused.weights.h5"
EVENTS = "tensorboard"
CURVES = ("train", "validation")
PICTURES = "pictures"
GO_ON = "the same command goes on (without --overwrite, which would start anew)"


class TrainingError(ValueError):
    """Training that has broken down; the message says when, and what is left."""


@contextlib.contextmanager
def writing(path):
    """Names the file, and what to do, if what is written within fails: a full disk, a folder that is read-only."""
    try:
        yield
    except (OSError, RuntimeError, tf.errors.OpError) as error:  # RuntimeError: h5py's, when it closes the file
        raise TrainingError(
            f"{path} can't be written ({reason(error)}). What was saved before is whole: free space there, or make it "
            f"writable, and {GO_ON}"
        ) from error


@contextlib.contextmanager
def replacing(path):
    """`files.atomic_write` with the errors of `writing`."""
    with writing(path), files.atomic_write(path) as partial:
        yield partial


def save_weights(model, path):
    """Writes all weights of a model, and its optimizers' moments, so that a reader never meets half a file."""
    with replacing(path) as partial:
        model.save_weights(partial, overwrite=True)


def resume(model, run_dir):
    """Loads the last weights, or the ones before if those are damaged or missing; without any, leaves the model as is.

    Raises: ConfigError: if there are some, and none can be used.
    """
    last, previous = Path(run_dir) / LAST, Path(run_dir) / PREVIOUS
    if last.is_file():
        try:
            return load_weights(model, last)
        except ConfigError as error:
            if not previous.is_file():
                raise
            load_weights(model, previous)
            last.replace(last.with_name(REFUSED))
            print(
                f"{last} is damaged, or of another run ({reason(error.__cause__)}). It is now {REFUSED}, and the run "
                f"goes on from {PREVIOUS}, which was saved before it. There is nothing to do."
            )
    elif previous.is_file():
        load_weights(model, previous)
    if previous.is_file():
        previous.replace(last)


def commit(model, run_dir):
    """Makes a model's state the last of its run, and the last before it the previous one.

    Raises: TrainingError: if it can't be written; what was saved before is whole then.
    """
    last = Path(run_dir) / LAST
    with replacing(last) as partial:
        model.save_weights(partial, overwrite=True)
        files.sync(partial)
        if last.is_file():
            last.replace(last.with_name(PREVIOUS))


def copy_weights(run_dir):
    """Makes the last weights the best ones, if they aren't."""
    last, best = Path(run_dir) / LAST, Path(run_dir) / BEST
    if best.is_file() and filecmp.cmp(last, best, shallow=False):
        return
    with replacing(best) as partial:
        shutil.copyfile(last, partial)


def write_history(run_dir, rows):
    """Writes what `read_history` reads."""
    with replacing(Path(run_dir) / HISTORY) as partial, partial.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, dict.fromkeys(name for row in rows for name in row))
        writer.writeheader()
        writer.writerows(rows)


def drop_events(run_dir, completed):
    """Drops TensorBoard's events of epochs that were not completed, and what a kill left half written."""
    for path in sorted(Path(run_dir, EVENTS).glob("*/events*")):
        if path.parent.name not in (*CURVES, PICTURES):
            continue  # the evaluation's
        records, whole = [], True
        try:
            records.extend(record.numpy() for record in tf.data.TFRecordDataset(str(path)))
        except tf.errors.DataLossError:
            whole = False
        kept = [record for record in records if _step_of(record) < completed]
        if whole and len(kept) == len(records):
            continue
        with replacing(path) as partial, tf.io.TFRecordWriter(str(partial)) as writer:
            for record in kept:
                writer.write(record)


def _step_of(record):
    event = tf.compat.v1.Event.FromString(record)
    return event.step if event.HasField("summary") else -1  # a file's first event tells its version


def clear(run_dir):
    """Removes a run's files, and nothing else that lies in its folder."""
    run_dir = Path(run_dir)
    events = [path for folder in (*CURVES, PICTURES) for path in (run_dir / EVENTS / folder).glob("*events*")]
    names = (HISTORY, LAST, PREVIOUS, BEST, REFUSED, CONFIG_FILE)
    for path in events + [run_dir / part for name in names for part in (f"partial.{name}", name)]:
        path.unlink(missing_ok=True)  # config.json last: while it is there, the others are of its run


@contextlib.contextmanager
def taken(run_dir):
    """Makes a run's directory and keeps other processes from training there; removes it if it is still empty then.

    The system forgets the lock when a process ends, however it does. Some network file systems know no locks.

    Raises: ConfigError: if the directory can't be made or read, or another process trains there.
    """
    run_dir = Path(run_dir)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        directory = os.open(run_dir, os.O_RDONLY)
    except OSError as error:
        raise unwritable(run_dir, error) from error
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"--run_dir: another process trains in {run_dir}: let it end, or give another directory"
            ) from error
        except OSError:  # of a file system without locks
            pass
        yield
    finally:
        os.close(directory)
        with contextlib.suppress(OSError):
            run_dir.rmdir()


def unwritable(run_dir, error):
    """Returns the ConfigError of a directory that an OSError keeps from being made or written to."""
    return ConfigError(f"--run_dir: {run_dir} can't be written to ({error}); give another directory")
