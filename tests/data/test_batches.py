"""Batches: their order, balance and mirroring depend on seed and epoch alone."""

import numpy as np
import pytest

from icell_tf.data.batches import shuffled_batches


def order(batches):
    """What tells cells apart in a run's batches: their first pixels' sum."""
    return [tuple(np.asarray(batch["x_rs"]).sum(axis=(1, 2, 3)).tolist()) for batch in batches]


def test_batches_are_all_cells_in_order_scaled_to_one(prepared):
    batches = list(prepared.batches("train", 7))
    whole = np.concatenate([batch["image"] for batch in prepared.examples("train", 100)])
    x_rs = np.concatenate([batch["x_rs"] for batch in batches])
    np.testing.assert_allclose(x_rs, whole / np.float32(255))
    assert x_rs.dtype == np.float32
    assert 0.9 < x_rs.max() <= 1


def test_an_epochs_order_depends_on_seed_and_number_alone(prepared):
    whole = order(prepared.training_batches(8, seed=3, epochs=3))
    steps = prepared.steps_per_epoch(8)
    assert len(whole) == 3 * steps
    assert order(prepared.training_batches(8, seed=3, epochs=3, initial_epoch=1)) == whole[steps:]
    assert whole[:steps] != whole[steps : 2 * steps]
    assert order(prepared.training_batches(8, seed=4, epochs=1)) != whole[:steps]


def test_an_epoch_shows_each_cell_once(prepared):
    (batch,) = prepared.training_batches(prepared.splits["train"], seed=0, epochs=1)
    (all_cells,) = prepared.batches("train", 100)
    np.testing.assert_array_equal(np.sort(batch["y"]), np.sort(all_cells["y"]))


def test_balanced_epochs_show_structures_equally_often():
    y = np.array([0] * 55 + [1] * 5, np.int32)
    images = np.zeros((60, 32, 32, 3), np.uint8)
    drawn = np.concatenate([batch["y"] for batch in shuffled_batches(images, y, 60, 0, range(20), balanced=True)])
    assert drawn.mean() == pytest.approx(0.5, abs=0.05)


def test_mirrored_epochs_show_each_cell_once_in_one_of_its_four_poses(prepared):
    (plain,) = prepared.training_batches(prepared.splits["train"], seed=0, epochs=1)
    first, second = prepared.training_batches(prepared.splits["train"], seed=0, epochs=2, mirror=True)
    np.testing.assert_array_equal(first["y"], plain["y"])
    poses = [np.flip(plain["x_rs"], axes) for axes in ((), 1, 2, (1, 2))]
    shown = np.array([[np.array_equal(a, b) for a, b in zip(first["x_rs"], pose, strict=True)] for pose in poses])
    assert (shown.sum(axis=0) == 1).all()
    assert shown.any(axis=1).all()
    assert sorted(order([first])[0]) == pytest.approx(sorted(order([second])[0]))
    assert not np.array_equal(np.sort(first["x_rs"], axis=0), np.sort(second["x_rs"], axis=0))


@pytest.mark.parametrize(("options", "missing"), [({"initial_epoch": 1}, 6), ({"skip": 2}, 2)])
def test_a_resumed_run_sees_the_same_mirrored_batches(prepared, options, missing):
    whole = list(prepared.training_batches(8, seed=3, epochs=2, mirror=True))
    rest = list(prepared.training_batches(8, seed=3, epochs=2, mirror=True, **options))
    for a, b in zip(whole[missing:], rest, strict=True):
        np.testing.assert_array_equal(a["x_rs"], b["x_rs"])
