"""Records of several files, read in any order, and what is said of files that are missing or damaged."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.streaming import write_cells
from icell_tf.data.prepared import PreparedCells
from icell_tf.data.records import DatasetError, Records
from icell_tf.spec import CellSpec
from tests.data.test_batches import order

SPEC = CellSpec("YX", (16, 32), (0.5, 0.5), ("tom20", "zo1"))
COUNTS = {"train": [300, 7, 93], "test": [5]}


@pytest.fixture(scope="module")
def sharded(tmp_path_factory):
    """A data set of several files: 400 cells to train on and 5 to test on, of which the first 100 differ."""
    return PreparedCells(write_cells(tmp_path_factory.mktemp("data") / "cells" / "1.0.0", SPEC, COUNTS))


def numbers(prepared, split):
    return [int(cell.decode().removeprefix("cell-")) for cell in prepared.labels(split)["cell_id"]]


@pytest.mark.parametrize(
    ("split", "rows"),
    [
        ("train", range(400)),
        ("test", range(400, 405)),
        ("train[290:320]", range(290, 320)),
        ("train[99%:]", range(396, 400)),
        ("train[398:]+test[:2]", range(398, 402)),
    ],
)
def test_splits_are_in_the_order_of_their_files(sharded, split, rows):
    assert numbers(sharded, split) == list(rows)
    assert sharded.size(split) == len(rows)


def test_records_are_read_in_any_order_and_more_than_once(sharded):
    rows = [399, 0, 306, 300, 300, 307, 299]
    read = sharded.read("train", rows)
    assert [int(cell[5:]) for cell in read["cell_id"]] == rows
    whole = sharded.read("train", slice(None))
    for name, values in read.items():
        np.testing.assert_array_equal(values, whole[name][rows])
    assert read["image"].shape == (7, 16, 32, 3) and read["image"].dtype == np.uint8
    np.testing.assert_array_equal(sharded.read("train", slice(298, 302))["cell_id"], whole["cell_id"][298:302])
    with pytest.raises(IndexError, match="400"):
        sharded.read("train", [400])


def test_threads_read_the_same_files_at_a_time(sharded):
    records = Records(sharded.builder.info.splits["train"].file_instructions)
    whole = records.read(range(400))
    orders = [np.random.default_rng(seed).permutation(400) for seed in range(40)]
    with ThreadPoolExecutor(8) as threads:
        for rows, read in zip(orders, threads.map(records.read, orders), strict=True):
            assert read == [whole[row] for row in rows]


def test_no_records_have_the_shapes_of_records(prepared):
    none = prepared.read("test", [])
    assert none["image"].shape == (0, 32, 32, 3) and none["expected"].shape == (0, 32, 32, 10)
    assert none["cell_id"].tolist() == []


def test_examples_are_all_records_in_order(sharded):
    batches = list(sharded.examples("train", 150))
    assert [len(batch["image"]) for batch in batches] == [150, 150, 100]
    whole = sharded.read("train", range(400))
    for name, values in whole.items():
        np.testing.assert_array_equal(np.concatenate([batch[name] for batch in batches]), values)


def test_labels_are_those_of_the_records(prepared, sharded):
    for cells, split in ((prepared, "train"), (prepared, "test"), (sharded, "train")):
        labels, whole = cells.labels(split), cells.read(split, slice(None))
        assert set(labels) == {"cell_id", "fov_id", "structure"}
        for name, values in labels.items():
            assert values.tolist() == whole[name].tolist()


def test_labels_are_read_once(prepared, monkeypatch):
    cells = PreparedCells(prepared.folder, leave_out=("tom20",))
    cells.labels("train")
    monkeypatch.setattr(Records, "read", lambda *_: pytest.fail("read again"))
    assert len(cells.labels("train")["cell_id"]) == cells.size("train")


def test_an_epoch_over_several_files_shows_each_cell_once(sharded):
    (batch,) = sharded.training_batches(400, seed=0, epochs=1, cache="off")
    assert sorted(order([batch])[0]) == sorted(order(sharded.batches("train", 400))[0])


def test_files_are_closed_when_nothing_reads_them_any_more(prepared):
    def opened():
        return [fd for fd in os.listdir("/proc/self/fd") if "array_record" in os.path.realpath(f"/proc/self/fd/{fd}")]

    before = len(opened())
    records = Records(prepared.builder.info.splits["train"].file_instructions)
    records.read([0])
    assert len(opened()) == before + 1
    del records
    assert len(opened()) == before


@pytest.fixture
def copy(sharded, tmp_path):
    """A copy of the data set to damage, and its second training file."""
    folder = shutil.copytree(sharded.folder, tmp_path / "cells" / "1.0.0")
    return folder, folder / "cells-train.array_record-00001-of-00003"


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def corrupt(path):
    content = bytearray(path.read_bytes())
    middle = content.index(b"cell-000303")  # in the fourth of seven records
    content[middle] ^= 1
    path.write_bytes(content)


def replace(path):
    shutil.copy(path.with_name("cells-test.array_record-00000-of-00001"), path)


DAMAGES = [
    (truncate, ""),
    (empty, ""),
    (corrupt, ""),
    (os.remove, "there is no such file"),
    (replace, "it has 5 records, expected 7"),
]


@pytest.mark.parametrize(("damage", "found"), DAMAGES)
def test_a_damaged_file_is_named(copy, damage, found):
    folder, path = copy
    damage(path)
    for read in (
        lambda cells: cells.training_batches(16, seed=0, epochs=1, cache="on"),
        lambda cells: list(cells.examples("train", 50)),
        lambda cells: cells.labels("train"),
        lambda cells: cells.mean_logits(),
        lambda cells: PreparedCells(folder, fold="1/2").size("train"),
    ):
        with pytest.raises(DatasetError, match=rf"^{path} can't be read \(.*{found}.*\); prepare the data set anew$"):
            read(PreparedCells(folder))
    PreparedCells(folder).read("test", [0])  # from a file that is whole


@pytest.mark.parametrize(("damage", "found"), DAMAGES)
def test_a_file_that_is_damaged_is_named_in_the_middle_of_training(copy, damage, found):
    folder, path = copy
    damage(path)
    batches = PreparedCells(folder).training_batches(16, seed=0, epochs=2, cache="off")
    with pytest.raises(DatasetError, match=rf"^{path} can't be read \(.*{found}.*\); prepare the data set anew$"):
        for _ in batches:
            pass


def test_a_file_that_becomes_shorter_while_it_is_read_is_named(copy):
    folder, path = copy
    cells = PreparedCells(folder)
    cells.read("train", [300])
    os.truncate(path, 100)
    with pytest.raises(DatasetError, match=f"{path} can't be read"):
        cells.read("train", [306])
