"""What figures and tables of the paper share: which cells they show, and the end of their captions."""

import numpy as np

TRAINING, HELD_OUT = "train", "test"  # the keys of the cells that exhibits show


def source(subject, n, seed):
    """Returns the end of a caption: n is a text that counts what is shown."""
    return f"n = {n}; seed {seed}; data set {subject.prepared.dataset}; run {subject.name}."


def reconstructed(subject, cells, rows):
    """Returns what Dec_{r,s} makes of the codes of some cells as prepared, (n, *spec.image_shape).

    A decoder that has seen no estimates (`Run.from_targets`) gets the likeliest structure in place of probabilities.
    """
    y = cells.probabilities[rows]
    if subject.run.from_targets:
        y = np.eye(y.shape[-1], dtype=np.float32)[y.argmax(axis=-1)]
    return subject.integrator.decode(y, cells.z_r_hat[rows], cells.z_s[rows])["x_rs_hat"]


def choose(y, structure, count, rng):
    """Returns the indices of up to `count` cells of one structure, drawn without replacement and in order."""
    found = np.flatnonzero(np.asarray(y) == structure)
    return np.sort(rng.permutation(found)[:count])
