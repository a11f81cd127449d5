"""Batches: their order, balance and mirroring depend on seed and epoch alone; what is skipped is not read."""

import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.data.batches import shuffled_batches
from icell_tf.data.cells import CachedCells
from icell_tf.data.records import Records
from icell_tf.spec import image_axes

OPTIONS = [{}, {"balanced": True}, {"mirror": True}, {"mirror": True, "skip": 2, "initial_epoch": 1}]


def order(batches):
    """What tells cells apart in a run's batches: their pixels' sum."""
    images = (np.asarray(batch["x"]) for batch in batches)
    return [tuple(x.sum(axis=image_axes(x)).tolist()) for x in images]


def assert_equal(batches, others):
    for a, b in zip(batches, others, strict=True):
        np.testing.assert_array_equal(a["x"], b["x"])
        np.testing.assert_array_equal(a["structure"], b["structure"])


@pytest.fixture
def reads(monkeypatch):
    """The number of records of every read."""
    counts, read = [], Records.read
    monkeypatch.setattr(Records, "read", lambda self, rows: counts.append(len(rows)) or read(self, rows))
    return counts


def test_batches_are_all_cells_in_order_scaled_to_one(prepared):
    batches = list(prepared.batches("train", 7))
    whole = prepared.read("train", slice(None))
    x = np.concatenate([batch["x"] for batch in batches])
    np.testing.assert_array_equal(x, whole["image"] / np.float32(255))
    np.testing.assert_array_equal(np.concatenate([batch["structure"] for batch in batches]), whole["structure"])
    assert x.dtype == np.float32 and batches[0]["structure"].dtype == tf.int32
    assert 0.9 < x.max() <= 1


def test_an_epochs_order_depends_on_seed_and_number_alone(prepared):
    whole = order(prepared.training_batches(8, seed=3, epochs=3))
    steps = prepared.steps_per_epoch(8)
    assert len(whole) == 3 * steps
    assert order(prepared.training_batches(8, seed=3, epochs=3, initial_epoch=1)) == whole[steps:]
    assert whole[:steps] != whole[steps : 2 * steps]
    assert order(prepared.training_batches(8, seed=4, epochs=1)) != whole[:steps]


def test_an_epochs_order_is_tensorflows_shuffle_by_seed_and_number(prepared):
    count, size = prepared.splits["train"], 8
    x, _ = prepared.first("train", count)
    epochs = [tf.random.experimental.stateless_shuffle(tf.range(count), [3, number]) for number in range(2)]
    expected = [x[index[start : start + size]] for index in epochs for start in range(0, count - size + 1, size)]
    for batch, images in zip(prepared.training_batches(size, seed=3, epochs=2), expected, strict=True):
        np.testing.assert_array_equal(batch["x"], images)


def test_an_epoch_shows_each_cell_once(prepared):
    (batch,) = prepared.training_batches(prepared.splits["train"], seed=0, epochs=1)
    (all_cells,) = prepared.batches("train", 100)
    assert sorted(order([batch])[0]) == sorted(order([all_cells])[0])


def test_balanced_epochs_show_structures_equally_often():
    y = np.array([0] * 55 + [1] * 5, np.int32)
    cells = CachedCells(np.zeros((60, 32, 32, 3), np.uint8), y)
    drawn = np.concatenate([batch["structure"] for batch in shuffled_batches(cells, 60, 0, range(20), balance=y)])
    assert drawn.mean() == pytest.approx(0.5, abs=0.05)


def test_mirrored_epochs_show_each_cell_once_in_one_of_its_four_poses(prepared):
    (plain,) = prepared.training_batches(prepared.splits["train"], seed=0, epochs=1)
    first, second = prepared.training_batches(prepared.splits["train"], seed=0, epochs=2, mirror=True)
    np.testing.assert_array_equal(first["structure"], plain["structure"])
    poses = [np.flip(plain["x"], axes) for axes in ((), *prepared.spec.mirrored_poses)]
    shown = np.array([[np.array_equal(a, b) for a, b in zip(first["x"], pose, strict=True)] for pose in poses])
    assert (shown.sum(axis=0) == 1).all()
    assert shown.any(axis=1).all()
    assert sorted(order([first])[0]) == pytest.approx(sorted(order([second])[0]))
    assert not np.array_equal(np.sort(first["x"], axis=0), np.sort(second["x"], axis=0))


@pytest.mark.parametrize(("options", "missing"), [({"initial_epoch": 1}, 6), ({"skip": 2}, 2)])
def test_a_resumed_run_sees_the_same_mirrored_batches(prepared, options, missing):
    whole = list(prepared.training_batches(8, seed=3, epochs=2, mirror=True))
    assert_equal(whole[missing:], prepared.training_batches(8, seed=3, epochs=2, mirror=True, **options))


@pytest.mark.parametrize("options", OPTIONS)
def test_batches_are_the_same_with_and_without_a_cache(prepared, options):
    on, off = (prepared.training_batches(8, 3, 3, **options, cache=cache) for cache in ("on", "off"))
    assert_equal(on, off)


def test_cells_of_validation_are_the_same_with_and_without_a_cache(prepared):
    assert_equal(prepared.batches("validation", 4, cache="on"), prepared.batches("validation", 4, cache="off"))


def test_skipped_batches_are_not_read(prepared, reads):
    list(prepared.training_batches(8, seed=3, epochs=1, skip=4, cache="off"))
    assert reads == [8, 8]


def test_a_cache_reads_each_cell_once(prepared, reads):
    list(prepared.training_batches(8, seed=3, epochs=3, cache="on"))
    assert sum(reads) == prepared.splits["train"]


@pytest.mark.parametrize(("share", "epochs_read"), [(4, 1), (3.9, 3)])
def test_auto_caches_cells_that_fit_into_a_quarter_of_the_free_memory(prepared, reads, share, epochs_read):
    free = int(share * 50 * 32 * 32 * 3)
    list(prepared.training_batches(25, seed=3, epochs=3, cache="auto", free=free))
    assert sum(reads) == epochs_read * prepared.splits["train"]


def test_another_kind_of_cache_is_refused(prepared):
    with pytest.raises(ValueError, match="cache is 'yes', expected one of auto, on, off"):
        prepared.batches("train", 8, cache="yes")


def test_two_passes_over_the_same_batches_are_equal(prepared):
    batches = prepared.training_batches(8, seed=3, epochs=1, mirror=True, cache="off")
    assert_equal(list(batches), batches)


def test_a_share_of_the_batches_reads_its_own_cells_alone(prepared, reads):
    whole = prepared.training_batches(8, seed=3, epochs=1, mirror=True, cache="off")
    halves = [list(whole.share(number, 2)) for number in range(2)]
    assert set(reads) == {4}
    for batch, *parts in zip(whole, *halves, strict=True):
        for name, values in batch.items():
            np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), values)


def test_batches_that_are_not_taken_to_the_end_let_the_process_go(prepared, monkeypatch):
    read = Records.read
    monkeypatch.setattr(Records, "read", lambda self, rows: time.sleep(0.2) or read(self, rows))
    batches = iter(prepared.training_batches(8, seed=3, epochs=9, cache="off"))
    next(batches)  # threads now read those after it
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]
