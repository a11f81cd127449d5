"""A prepared data set: its splits, folds, left-out structures, and errors that name what is missing or damaged."""

import json
import shutil

import numpy as np
import pytest

from benchmarks.streaming import write_cells
from icell_tf.data.folders import find_prepared
from icell_tf.data.prepared import DatasetError, PreparedCells
from icell_tf.spec import CellSpec, Preparation
from tests.data.test_batches import assert_equal, order


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json", "metadata.json"])
def test_a_truncated_description_of_a_data_set_is_named(prepared, tmp_path, name):
    folder = shutil.copytree(prepared.folder, tmp_path / "tiny" / prepared.folder.name)
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(DatasetError, match=f"{folder} .*prepare the data set anew"):
        _ = PreparedCells(folder).spec


def test_a_prepared_data_set_describes_its_cells(prepared):
    spec = prepared.spec
    assert (spec.axes, spec.shape, spec.pixel_size) == ("YX", (32, 32), (1.2, 1.2))
    assert len(spec.structures) == 10 and spec.preparation == Preparation()
    assert prepared.dataset == "integrated_cell/tiny/" + str(prepared.builder.version)
    assert sum(prepared.splits.values()) == 80


@pytest.fixture
def copy(prepared, tmp_path):
    """The folder of a copy of the data set, to change."""
    return shutil.copytree(prepared.folder, tmp_path / "tiny" / prepared.folder.name)


def change(path, **changes):
    content = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in (content | changes).items() if value is not None}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spec": None}, "has no spec in metadata.json; prepare the data set anew"),
        ({"spec": {"format": 0}}, "can't be used: its format is 0, .* reads 1; prepare the data set anew"),
        ({"spec": [1]}, "can't be used: .*; prepare the data set anew"),
    ],
)
def test_a_data_set_without_a_usable_description_of_its_cells_is_refused(copy, changes, message):
    change(copy / "metadata.json", **changes)
    with pytest.raises(DatasetError, match=f"^{copy} {message}$"):
        _ = PreparedCells(copy).spec


@pytest.mark.parametrize("change_of", [{"shape": [64, 32]}, {"structures": ["tom20"]}, {"channels": None}])
def test_a_description_that_its_records_do_not_have_is_refused(copy, change_of):
    spec = json.loads((copy / "metadata.json").read_text())["spec"]
    if "channels" in change_of:
        change_of = {"channels": [{"name": "dye", "role": "reference"}, *spec["channels"]]}
    change(copy / "metadata.json", spec=spec | change_of)
    with pytest.raises(DatasetError, match=f"^{copy} can't be used: metadata.json describes the feature"):
        _ = PreparedCells(copy).spec


def test_a_data_set_in_another_format_is_refused(copy):
    change(copy / "dataset_info.json", fileFormat="tfrecord")
    with pytest.raises(DatasetError, match=f"^{copy} is stored as tfrecord, expected array_record.*anew$"):
        _ = PreparedCells(copy).splits


def test_a_file_of_another_data_set_is_named(tmp_path):
    spec = CellSpec("YX", (16, 16), (0.5, 0.5), ("tom20", "zo1"))
    here, there = (
        write_cells(tmp_path / f"cells_{'ab'[seed]}" / "1.0.0", spec, {"train": [8]}, seed) for seed in (0, 1)
    )
    PreparedCells(here).check()
    ours, theirs = (next(folder.glob("*array_record*")) for folder in (here, there))
    ours.write_bytes(theirs.read_bytes())
    with pytest.raises(DatasetError, match=f"{ours} can't be read .it is not the file that this data set was prepared"):
        PreparedCells(here).check()


def test_a_data_set_without_a_fingerprint_is_refused(copy):
    change(copy / "metadata.json", cells_sha256=None)
    with pytest.raises(DatasetError, match="has no cells_sha256 in metadata.json; prepare the data set anew"):
        _ = PreparedCells(copy).fingerprint


def test_volumes_are_read_as_they_were_written(tmp_path):
    spec = CellSpec("ZYX", (8, 16, 16), (0.5, 0.2, 0.2), ("tom20", "zo1"))
    cells = PreparedCells(write_cells(tmp_path / "volumes" / "1.0.0", spec, {"train": [12, 12], "validation": [5]}))
    assert cells.spec == spec
    images = cells.read("train", slice(None))["image"]
    assert images.shape == (24, 8, 16, 16, 3) and images.dtype == np.uint8
    assert len(np.unique(images)) > 50 and not images[:, 0, 0, 0].any() and len({*images.sum((1, 2, 3, 4))}) == 24
    (batch,) = cells.batches("train", 24)
    np.testing.assert_array_equal(batch["x"], images / np.float32(255))
    means = 1 / (1 + np.exp(-np.array(cells.mean_logits())))
    np.testing.assert_allclose(means, images.mean(axis=(0, 1, 2, 3)) / 255)

    (plain,), (mirrored,) = (cells.training_batches(24, 0, 1, mirror=mirror, cache="off") for mirror in (False, True))
    poses = [np.flip(plain["x"], axes) for axes in ((), *spec.mirrored_poses)]
    shown = np.array([[np.array_equal(a, b) for a, b in zip(mirrored["x"], pose, strict=True)] for pose in poses])
    assert (shown.sum(axis=0) == 1).all() and shown.any(axis=1).all()  # along y and x, never along z
    assert_equal([mirrored], cells.training_batches(24, 0, 1, mirror=True, cache="on"))


def test_mean_logits_are_those_of_the_training_cells(prepared):
    images = prepared.read("train", slice(None))["image"]
    means = images.mean(axis=(0, 1, 2)) / 255
    assert prepared.mean_logits() == tuple(np.log(means / (1 - means)))


def test_a_missing_split_is_named(prepared):
    with pytest.raises(DatasetError, match="'holdout'.* only in train, validation, test"):
        prepared.batches("holdout", 1)


def test_a_missing_data_set_is_named_with_what_to_do(tmp_path):
    with pytest.raises(DatasetError, match="integrated_cell/none in .*icell build"):
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
    assert sorted(order([batch])[0]) == sorted(order([{"x": first}])[0])
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
        assert fold.spec == prepared.spec
        assert fold.steps_per_epoch(16) == 3
    batch = next(folds[0].examples("test", 20))
    np.testing.assert_array_equal(np.bincount(batch["structure"]), 2)
    assert "expected" not in batch  # which cells of the other splits lack
    x, _ = folds[0].first("train", 5)
    (first,) = folds[0].training_batches(60, seed=0, epochs=1)
    assert {*order([{"x": x}])[0]} <= {*order([first])[0]} and np.bincount(first["structure"]).tolist() == [6] * 10
    with pytest.raises(DatasetError, match="'validation' of fold 1/4"):
        folds[0].batches("validation", 8)
    with pytest.raises(DatasetError, match=r"fold 1/4.* train and test.*'train\[:9\]'"):
        folds[0].size("train[:9]")


def test_left_out_structures_are_in_no_split_and_the_others_are_numbered_without_them(prepared):
    part = PreparedCells(prepared.folder, leave_out=("Tom20", "ACTB"))
    assert part.spec.structures == tuple(n for n in prepared.spec.structures if n not in ("tom20", "beta-actin"))
    assert part.splits == {name: count * 8 // 10 for name, count in prepared.splits.items()}
    (whole,) = prepared.examples("test", 100)
    names = [prepared.spec.structures[k] for k in whole["structure"]]
    named = dict(zip(whole["cell_id"], names, strict=True))
    (batch,) = part.examples("test", 100)
    assert batch["cell_id"].tolist() == [c for c, name in named.items() if name not in ("tom20", "beta-actin")]
    assert [part.spec.structures[k] for k in batch["structure"]] == [named[cell] for cell in batch["cell_id"]]
    rows = np.isin(whole["cell_id"], batch["cell_id"])
    np.testing.assert_array_equal(batch["expected"], np.delete(whole["expected"][rows], [2, 8], axis=-1))
    np.testing.assert_array_equal(batch["ceiling"], np.delete(whole["ceiling"][rows], [2, 8], axis=-1))
    assert part.size("train[:20]") == sum(cell[:5] not in (b"tom20", b"beta-") for cell in ids(prepared, "train[:20]"))


def test_left_out_structures_are_a_data_set_of_their_own(prepared):
    part = PreparedCells(prepared.folder, leave_out=("tom20", "zo1"))
    assert part.unseen.spec.structures == ("tom20", "zo1")
    assert sorted(ids(part, "test") + ids(part.unseen, "test")) == sorted(ids(prepared, "test"))
    assert prepared.unseen is None


def test_a_fold_has_the_same_parts_with_and_without_structures(prepared):
    whole, part = (PreparedCells(prepared.folder, "train", "3/4", left_out) for left_out in ((), ("tom20",)))
    assert ids(part, "test") == [cell for cell in ids(whole, "test") if not cell.startswith(b"tom20")]


def test_unknown_structures_and_leaving_out_all_are_refused_with_those_there_are(prepared):
    with pytest.raises(DatasetError, match="--leave_out: .* no lysosome, only alpha-actinin, .*zo1"):
        PreparedCells(prepared.folder, leave_out=("zo1", "lysosome")).spec  # noqa: B018
    with pytest.raises(DatasetError, match="--leave_out: .*without alpha-actinin, .*zo1"):
        PreparedCells(prepared.folder, leave_out=prepared.spec.structures).splits  # noqa: B018
