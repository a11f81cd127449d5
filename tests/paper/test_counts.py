import dataclasses

import numpy as np

from icell_tf.paper import counts
from tests.short_evaluation import some_of


def test_table_s8_counts_whole_splits_also_where_only_a_part_was_coded(subject, cells):
    train = cells["train"]
    part = some_of(dataclasses.replace(train, split="train[:5]"), slice(5))
    header, rows = counts.split_table(subject, cells | {"train": part}).table
    assert header == ("structure", "total", "train", "validation", "test")
    assert rows[0][0] == "α-actinin" and rows[-1][0] == "all" and len(rows) == 11
    assert rows[-1][2:] == tuple(f"{subject.prepared.splits[split]}" for split in header[2:])
    for k, row in enumerate(rows[:-1]):
        assert row[1] == "8" and row[2:] == tuple(f"{(cells[split].y == k).sum()}" for split in header[2:])


def test_table_s9_has_the_true_structure_in_rows_and_recall(subject, cells):
    y = np.array([0, 0, 0, 1, 9])
    taken_for = np.array([0, 0, 2, 1, 8])
    held_out = dataclasses.replace(cells["test"], y=y, probabilities=np.eye(10)[taken_for])
    exhibit = counts.confusion_table(subject, {"test": held_out}, seed=3)
    header, rows = exhibit.table
    assert header[:2] == ("true structure", "α-actinin") and header[-2:] == ("ZO1", "recall")
    assert rows[0] == ("α-actinin", "2", "0", "1", *"0000000", "0.667")
    assert rows[1][2] == "1" and rows[1][-1] == "1.000"
    assert rows[2][-1] == "-"  # no such cell is held out
    assert rows[9][-3:] == ("1", "0", "0.000")
    assert "3 of 5 are right (60.0%)" in exhibit.caption
