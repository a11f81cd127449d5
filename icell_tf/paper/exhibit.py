"""A figure or table of the paper, made from a trained model, and what its caption has to say."""

from dataclasses import dataclass

import numpy as np

TRAINING, HELD_OUT = "train", "test"  # the keys of the cells that exhibits show


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One of the paper's figures or tables.

    Attributes:
      key: names its file.
      title: a phrase.
      caption: what is seen, then n, seed, data set and run.
      picture: uint8 (h, w, 3), or None for a table.
      table: (header, rows), texts, or None for a picture.
      paper: which it is there: "Figure 2".
    """

    key: str
    title: str
    caption: str
    picture: np.ndarray | None = None
    table: tuple[tuple[str, ...], list[tuple[str, ...]]] | None = None
    paper: str = ""


def source(subject, n, seed):
    """Returns the end of a caption: n is a text that counts what is shown."""
    return f"n = {n}; seed {seed}; data set {subject.prepared.cells.dataset}; run {subject.name}."


def choose(y, structure, count, rng):
    """Returns the indices of up to `count` cells of one structure, drawn without replacement and in order."""
    found = np.flatnonzero(np.asarray(y) == structure)
    return np.sort(rng.permutation(found)[:count])
