"""A prepared data set: its splits, folds, left-out structures, and errors that name what is missing or damaged."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from icell_tf.data.prepared import DatasetError, PreparedCells, find_prepared
from icell_tf.imaging.frame.preprocess import Preparation, describe
from tests.data.test_batches import order


def test_a_truncated_file_of_records_is_named(prepared, tmp_path):
    folder = shutil.copytree(prepared.folder, tmp_path / "tiny" / prepared.folder.name)
    (path,) = folder.glob("*-train.tfrecord-*")
    path.write_bytes(path.read_bytes()[:-100])
    for read in (
        lambda: PreparedCells(folder).training_batches(16, seed=0, epochs=1),
        lambda: list(PreparedCells(folder).examples("train", 50)),
        lambda: PreparedCells(folder, fold="1/2").size("train"),
    ):
        with pytest.raises(DatasetError, match=f"{path.name} .*prepare the data set anew"):
            read()


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_a_truncated_description_of_a_data_set_is_named(prepared, tmp_path, name):
    folder = shutil.copytree(prepared.folder, tmp_path / "tiny" / prepared.folder.name)
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(DatasetError, match=f"{folder} .*prepare the data set anew"):
        _ = PreparedCells(folder).cells


def test_cells_of_a_prepared_data_set(prepared):
    assert prepared.cells.image_size == 32
    assert prepared.cells.pixel_size == 1.2
    assert len(prepared.cells.structures) == 10
    assert prepared.cells.dataset == "integrated_cell/tiny/" + str(prepared.builder.version)
    assert prepared.cells.preparation == describe(Preparation())
    assert sum(prepared.splits.values()) == 80


def test_preparation_is_read_from_the_data_set(prepared):
    def preparation(metadata):
        builder = SimpleNamespace(info=SimpleNamespace(metadata=metadata))
        return PreparedCells._preparation(SimpleNamespace(builder=builder, folder="cells/1.2.0"))

    found = {"alignment": "none", "normalization": "percentile", "preprocessing_version": 7}
    assert preparation(found) == "none, percentile, 7"
    for metadata in ({"pixel_size": 0.3}, None):
        with pytest.raises(DatasetError, match="cells/1.2.0 .*prepare the data set anew"):
            preparation(metadata)


def test_mean_logits_are_those_of_the_training_cells(prepared):
    whole = np.concatenate([batch["x_rs"] for batch in prepared.batches("train", 100)])
    means = 1 / (1 + np.exp(-np.array(prepared.mean_logits())))
    np.testing.assert_allclose(means, whole.mean(axis=(0, 1, 2)), rtol=1e-4)


def test_a_missing_split_is_named(prepared):
    with pytest.raises(DatasetError, match="'holdout'.* only in train, validation, test"):
        prepared.batches("holdout", 1)


def test_a_missing_data_set_is_named_with_what_to_do(tmp_path):
    with pytest.raises(DatasetError, match="integrated_cell/none in .*tfds build"):
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
    with pytest.raises(DatasetError, match=r"20 cells in 'train\[:20\]'.* 21: .*--batch_size"):
        part.training_batches(21, seed=0, epochs=1)


def ids(prepared, split):
    return [cell for batch in prepared.examples(split, 7) for cell in batch["cell_id"].tolist()]


def test_a_folds_splits_are_its_part_and_all_other_cells(prepared):
    folds = [PreparedCells(prepared.folder, fold=f"{part}/4") for part in (1, 2, 3, 4)]
    everything = sorted(cell for split in prepared.splits for cell in ids(prepared, split))
    assert sorted(cell for fold in folds for cell in ids(fold, "test")) == everything
    for fold in folds:
        assert fold.splits == {"train": 60, "test": 20}
        assert sorted(ids(fold, "train") + ids(fold, "test")) == everything
        assert fold.cells == prepared.cells
        assert fold.steps_per_epoch(16) == 3
    batch = next(folds[0].examples("test", 20))
    np.testing.assert_array_equal(np.bincount(batch["structure"]), 2)
    assert "expected" not in batch  # which cells of the other splits lack
    x_rs, y = folds[0].first("train", 5)
    (first,) = folds[0].training_batches(60, seed=0, epochs=1)
    assert {*order([{"x_rs": x_rs}])[0]} <= {*order([first])[0]} and np.bincount(first["y"]).tolist() == [6] * 10
    with pytest.raises(DatasetError, match="'validation' of fold 1/4"):
        folds[0].batches("validation", 8)
    with pytest.raises(DatasetError, match=r"fold 1/4.* train and test.*'train\[:9\]'"):
        folds[0].size("train[:9]")


def test_left_out_structures_are_in_no_split_and_the_others_are_numbered_without_them(prepared):
    part = PreparedCells(prepared.folder, leave_out=("Tom20", "ACTB"))
    assert part.cells.structures == tuple(n for n in prepared.cells.structures if n not in ("tom20", "beta-actin"))
    assert part.splits == {name: count * 8 // 10 for name, count in prepared.splits.items()}
    (whole,) = prepared.examples("test", 100)
    names = [prepared.cells.structures[k] for k in whole["structure"]]
    named = dict(zip(whole["cell_id"], names, strict=True))
    (batch,) = part.examples("test", 100)
    assert batch["cell_id"].tolist() == [c for c, name in named.items() if name not in ("tom20", "beta-actin")]
    assert [part.cells.structures[k] for k in batch["structure"]] == [named[cell] for cell in batch["cell_id"]]
    rows = np.isin(whole["cell_id"], batch["cell_id"])
    np.testing.assert_array_equal(batch["expected"], np.delete(whole["expected"][rows], [2, 8], axis=-1))
    np.testing.assert_array_equal(batch["ceiling"], np.delete(whole["ceiling"][rows], [2, 8], axis=-1))
    assert part.size("train[:20]") == sum(cell[:5] not in (b"tom20", b"beta-") for cell in ids(prepared, "train[:20]"))


def test_left_out_structures_are_a_data_set_of_their_own(prepared):
    part = PreparedCells(prepared.folder, leave_out=("tom20", "zo1"))
    assert part.unseen.cells.structures == ("tom20", "zo1")
    assert sorted(ids(part, "test") + ids(part.unseen, "test")) == sorted(ids(prepared, "test"))
    assert prepared.unseen is None


def test_a_fold_has_the_same_parts_with_and_without_structures(prepared):
    whole, part = (PreparedCells(prepared.folder, "train", "3/4", left_out) for left_out in ((), ("tom20",)))
    assert ids(part, "test") == [cell for cell in ids(whole, "test") if not cell.startswith(b"tom20")]


def test_unknown_structures_and_leaving_out_all_are_refused_with_those_there_are(prepared):
    with pytest.raises(DatasetError, match="--leave_out: .* no lysosome, only alpha-actinin, .*zo1"):
        PreparedCells(prepared.folder, leave_out=("zo1", "lysosome")).cells  # noqa: B018
    with pytest.raises(DatasetError, match="--leave_out: .*without alpha-actinin, .*zo1"):
        PreparedCells(prepared.folder, leave_out=prepared.cells.structures).splits  # noqa: B018
