"""Tables S8 and S9: how many cells of each structure a split has, and how held-out cells are classified."""

import numpy as np

from icell_tf.evaluation.classification import confusion
from icell_tf.paper.choice import HELD_OUT, source
from icell_tf.reports.exhibit import Exhibit
from icell_tf.structures import display


def split_table(subject, cells):
    """Returns Table S8: the cells of each structure in each split.

    Args:
      subject: a `Subject`.
      cells: {split: `CodedCells`}; of a split that is coded only in part, all cells of the data set count.
    """
    names = subject.integrator.structures
    splits = {name: subject.prepared.train_split if name == "train" else name for name in cells}
    counts = np.array([_counts(subject, splits[name], coded) for name, coded in cells.items()])
    header = ("structure", "total", *splits.values())
    rows = [(display(name), *_texts(counts[:, k])) for k, name in enumerate(names)]
    rows.append(("all", *_texts(counts.sum(axis=1))))
    caption = "Labelled structures and their split into training, validation and test cells; " + source(
        subject, f"{counts.sum():,} cells", "none, as the split follows from the cells' ids"
    )
    return Exhibit("table_s8", "Cells by structure and split", caption, table=(header, rows), paper="Table S8")


def confusion_table(subject, cells, seed):
    """Returns Table S9: true structures of the test cells in rows, predictions of Enc_{r,s} in columns, and recall."""
    names, held_out = subject.integrator.structures, cells[HELD_OUT]
    predicted = held_out.probabilities.argmax(axis=-1)
    counts = confusion(held_out.y, predicted, len(names))
    rows = []
    for name, row, right in zip(names, counts, np.diagonal(counts), strict=True):
        recall = f"{right / row.sum():.3f}" if row.sum() else "-"
        rows.append((display(name), *map(str, row.tolist()), recall))
    right = int(np.trace(counts))
    caption = (
        "Structures of the held-out cells, the true one in rows, the predicted one in columns, and recall, "
        f"the share of a row that is right. {right} of {len(held_out)} are right ({right / len(held_out):.1%}); "
        + source(subject, f"{len(held_out)} cells of {held_out.split}", seed)
    )
    header = ("true structure", *map(display, names), "recall")
    return Exhibit("table_s9", "Classification of held-out cells", caption, table=(header, rows), paper="Table S9")


def _counts(subject, split, coded):
    """(K,) cells of each structure in a whole split."""
    y = coded.y
    if len(coded) != subject.prepared.size(split):
        y = subject.prepared.labels(split)["structure"]
    return np.bincount(y, minlength=len(subject.integrator.structures))


def _texts(counts):
    return (f"{counts.sum():,}", *(f"{count:,}" for count in counts))
