"""What figures and tables of the paper share: which cells they show, and the end of their captions."""

import numpy as np

TRAINING, HELD_OUT = "train", "test"  # the keys of the cells that exhibits show


def source(subject, n, seed):
    """Returns the end of a caption: n is a text that counts what is shown."""
    return f"n = {n}; seed {seed}; data set {subject.prepared.dataset}; run {subject.name}."


def choose(y, structure, count, rng):
    """Returns the indices of up to `count` cells of one structure, drawn without replacement and in order."""
    found = np.flatnonzero(np.asarray(y) == structure)
    return np.sort(rng.permutation(found)[:count])
