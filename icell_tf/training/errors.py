"""How training ends before its last epoch, and messages for the usual reasons."""

import contextlib

import tensorflow as tf

from icell_tf.messages import reason

GO_ON = "the same command continues the run (without --overwrite, which would start anew)"


class TrainingError(ValueError):
    """Training failed. The message says when, what was saved, and what to do."""


class Stopped(KeyboardInterrupt):
    """A signal ended training. The message says what was saved, and how to continue."""


@contextlib.contextmanager
def writing(path):
    """Names the file if it can't be written, as on a full or read-only disk. Raises: TrainingError."""
    try:
        yield
    except (OSError, RuntimeError, tf.errors.OpError) as error:  # RuntimeError: h5py's, when it closes the file
        raise TrainingError(
            f"{path} can't be written ({reason(error)}). What was saved before is intact: free space there, or make it "
            f"writable, and {GO_ON}"
        ) from error


@contextlib.contextmanager
def explain_out_of_memory(batch_size, replicas):
    """Says what to try when memory runs out. Args: batch_size, over all replicas. Raises: TrainingError."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        smaller = batch_size // 2 // replicas * replicas
        advice = f"try --batch_size={smaller}" if smaller >= 2 else "try a smaller --width"
        raise TrainingError(
            f"out of memory with batches of {batch_size}: {advice}, with another --run_dir or --overwrite"
        ) from error
