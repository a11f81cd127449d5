from types import SimpleNamespace

import numpy as np
import pytest

from icell_tf.config import FIRST_PREPARATION
from icell_tf.data import DatasetError, PreparedCells, find_prepared
from icell_tf.imaging.preprocess import Preparation, describe


def order(batches):
    """What tells cells apart in a run's batches: their first pixels' sum."""
    return [tuple(np.asarray(batch["x_rs"]).sum(axis=(1, 2, 3)).tolist()) for batch in batches]


def test_cells_of_a_prepared_data_set(prepared):
    assert prepared.cells.image_size == 32
    assert prepared.cells.pixel_size == 1.2
    assert len(prepared.cells.structures) == 10
    assert prepared.cells.dataset == "integrated_cell/tiny/" + str(prepared.builder.version)
    assert prepared.cells.preparation == describe(Preparation())
    assert sum(prepared.splits.values()) == 80


def test_preparation_is_read_from_the_data_set(prepared):
    def cells(metadata):
        builder = SimpleNamespace(info=SimpleNamespace(metadata=metadata))
        return PreparedCells._preparation(SimpleNamespace(builder=builder))

    assert cells({"pixel_size": 0.3}) == cells(None) == FIRST_PREPARATION
    found = {"alignment": "none", "normalization": "percentile", "preprocessing_version": 7}
    assert cells(found) == "none, percentile, 7"


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


def test_balanced_epochs_show_structures_equally_often(prepared, monkeypatch):
    y = np.array([0] * 55 + [1] * 5)
    images = np.zeros((60, 32, 32, 3), np.uint8)
    monkeypatch.setattr(PreparedCells, "_in_memory", lambda self, split: (images, y.astype(np.int32)))
    monkeypatch.setattr(PreparedCells, "size", lambda self, split: 60)
    drawn = np.concatenate([batch["y"] for batch in prepared.training_batches(60, seed=0, epochs=20, balanced=True)])
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


def test_mirrored_epochs_depend_on_seed_and_number_alone(prepared):
    whole = list(prepared.training_batches(8, seed=3, epochs=2, mirror=True))
    resumed = list(prepared.training_batches(8, seed=3, epochs=2, initial_epoch=1, mirror=True))
    for a, b in zip(whole[len(resumed) :], resumed, strict=True):
        np.testing.assert_array_equal(a["x_rs"], b["x_rs"])


def test_mean_logits_are_those_of_the_training_cells(prepared):
    whole = np.concatenate([batch["x_rs"] for batch in prepared.batches("train", 100)])
    np.testing.assert_allclose(
        1 / (1 + np.exp(-np.array(prepared.mean_logits()))), whole.mean(axis=(0, 1, 2)), rtol=1e-4
    )


def test_too_few_cells_for_a_batch_name_the_flag(prepared):
    with pytest.raises(DatasetError, match="fewer than one batch of 1000.*--batch_size"):
        prepared.training_batches(1000, seed=0, epochs=1)


def test_a_missing_split_is_named(prepared):
    with pytest.raises(DatasetError, match="no cells in split 'holdout'"):
        prepared.batches("holdout", 1)


def test_a_missing_data_set_is_named_with_what_to_do(tmp_path):
    with pytest.raises(DatasetError, match="no prepared data set integrated_cell/none in .*tfds build"):
        find_prepared("integrated_cell/none", tmp_path)


def test_the_newest_version_is_found(tmp_path):
    for version in ("1.0.0", "1.10.0", "1.9.0"):
        (tmp_path / "a/b" / version).mkdir(parents=True)
        (tmp_path / "a/b" / version / "dataset_info.json").touch()
    assert find_prepared("a/b", tmp_path).name == "1.10.0"
    assert find_prepared("a/b:1.9.0", tmp_path).name == "1.9.0"
    assert find_prepared(tmp_path / "a/b/1.0.0").name == "1.0.0"


def test_a_slice_of_the_training_cells(prepared):
    part = PreparedCells(prepared.folder, "train[:20]")
    assert part.size("train[:20]") == 20
    (batch,) = part.training_batches(20, seed=0, epochs=1)
    first, _ = prepared.first("train", 20)
    assert sorted(order([batch])[0]) == sorted(order([{"x_rs": first}])[0])
    with pytest.raises(DatasetError, match="20 cells in 'train\\[:20\\]', fewer than one batch of 21"):
        part.steps_per_epoch(21)
