"""Builds of cells with several known structures: what records hold, how cells are divided, and what stops a build."""

import json

import numpy as np
import pytest
import tifffile

from icell_tf.data.builder.config import IntegratedCellConfig
from icell_tf.data.prepared import PreparedCells
from icell_tf.imaging.manifest.manifest import manifest_digest
from tests.building import build, records
from tests.multiplexed import CONFIG, NAMES, row, write_folder, write_table

PLAIN = {key: value for key, value in CONFIG.items() if key != "truth"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multiplexed") / "cells"
    write_folder(folder)
    return folder


@pytest.fixture(scope="module")
def built(folder, tmp_path_factory):
    return build(tmp_path_factory.mktemp("data"), CONFIG, folder)


@pytest.fixture(scope="module")
def prepared(built):
    return PreparedCells(built.data_path)


def by_cell(builder):
    found = [record for split in builder.info.splits for record in records(builder, split)]
    return {record["cell_id"].decode().partition("-")[0]: record for record in found}


def test_every_structure_is_prepared_as_the_one_that_a_cell_shows(built, folder, tmp_path):
    others = tmp_path / "others"
    write_folder(others)
    rows = [row(f"cell_{n}", NAMES[(n + 1) % 2], f"field {n // 2}") for n in range(12)]
    write_table(others / "manifest.csv", rows)  # shows what the other manifest doesn't
    shown, other = by_cell(built), by_cell(build(tmp_path / "data", PLAIN, others))
    assert shown.keys() == other.keys() and len(shown) == 12
    for cell, record in shown.items():
        k = record["structure"]
        assert record["truth"].shape == (32, 32, 2) and other[cell]["structure"] == 1 - k
        np.testing.assert_array_equal(record["truth"][..., k], record["image"][..., 2])
        np.testing.assert_array_equal(record["truth"][..., 1 - k], other[cell]["image"][..., 2])
        np.testing.assert_array_equal(record["image"][..., :2], other[cell]["image"][..., :2])
    assert "truth" not in other[cell]


def test_no_field_of_view_is_in_two_splits_and_each_split_has_all_structures(prepared):
    fields = {split: set(prepared.labels(split)["fov_id"].tolist()) for split in prepared.splits}
    assert sorted(map(len, fields.values())) == [1, 2, 3] and len(set.union(*fields.values())) == 6
    for split in fields:
        assert set(prepared.labels(split)["structure"].tolist()) == {0, 1}


def test_the_division_is_by_field_alone(built, tmp_path):
    """Another structure shown, or one cell more in a field, moves no field."""
    write_folder(tmp_path / "cells")
    write_table(
        tmp_path / "cells" / "manifest.csv", [row(f"cell_{n}", NAMES[n % 4 // 2], f"field {n // 2}") for n in range(12)]
    )
    again = build(tmp_path / "data", CONFIG, tmp_path / "cells")
    for split in built.info.splits:
        assert {r["fov_id"] for r in records(built, split)} == {r["fov_id"] for r in records(again, split)}


def test_parts_of_a_fold_share_no_field(prepared):
    folds = [PreparedCells(prepared.folder, fold=f"{part}/3") for part in (1, 2, 3)]
    tested = [set(fold.labels("test")["fov_id"].tolist()) for fold in folds]
    assert [len(fields) for fields in tested] == [2, 2, 2] and len(set.union(*tested)) == 6
    for fold, fields in zip(folds, tested, strict=True):
        assert not fields & set(fold.labels("train")["fov_id"].tolist())
        assert fold.truth("test", [1]).shape == (1, 32, 32, 2)


def test_truth_is_read_where_it_is_asked_for(prepared):
    assert "truth" not in prepared.read("test", [0])
    truth, record = prepared.truth("test", slice(2)), prepared.read("test", slice(2))
    own = truth[np.arange(2), ..., record["structure"]]
    np.testing.assert_array_equal(own, record["image"][..., 2])
    without = PreparedCells(prepared.folder, leave_out=("actin",))
    assert without.truth("test", [0]).shape == (1, 32, 32, 1)


def test_metadata_and_report_say_what_is_known(built, folder):
    metadata = json.loads((built.data_path / "metadata.json").read_text())
    assert metadata["truth"] is True and metadata["truth_sha256"] == manifest_digest(folder / "truth.csv")
    report = (built.data_path / "report.txt").read_text()
    assert "(truth.csv): actin of 12 cells, tubulin of 12 cells." in report
    assert "Fields of view, divided for all structures together: 3 in train, 1 in validation, 2 in test." in report


def test_a_build_with_another_table_of_truth_is_refused(built, tmp_path):
    tables = write_folder(tmp_path / "cells")
    write_table(tmp_path / "cells" / "truth.csv", tables["truth"][:-1])
    with pytest.raises(ValueError, match="truth_sha256: it has '"):
        build(built.data_path.parents[2], CONFIG, tmp_path / "cells")


def test_what_is_not_known_of_a_cell_is_zero(tmp_path):
    tables = write_folder(tmp_path / "cells")
    write_table(tmp_path / "cells" / "truth.csv", tables["truth"][:2])
    found = by_cell(build(tmp_path / "data", CONFIG, tmp_path / "cells"))
    for cell, record in found.items():
        known = record["truth"].any(axis=(0, 1))
        assert known.all() if cell == "cell_0" else (known == (np.arange(2) == record["structure"])).all()


def test_bad_rows_stop_a_build_or_are_set_aside(tmp_path):
    tables = write_folder(tmp_path / "cells")
    write_table(
        tmp_path / "cells" / "truth.csv", [*tables["truth"], row("lost", "actin", "field 0") | {"crop_raw": ""}]
    )
    table = f"{tmp_path}/cells/truth.csv, line 26"
    with pytest.raises(ValueError, match=f"lost-actin, {table}: the column crop_raw is empty"):
        build(tmp_path / "data", CONFIG, tmp_path / "cells")
    builder = build(tmp_path / "data", CONFIG | {"on_bad_cell": "skip"}, tmp_path / "cells")
    assert sum(split.num_examples for split in builder.info.splits.values()) == 12
    assert "lost-actin" in (builder.data_path / "set_aside.csv").read_text()


def test_a_structure_that_no_good_cell_shows_is_refused(tmp_path):
    write_folder(tmp_path / "cells")
    for number in range(1, 12, 2):
        (tmp_path / "cells" / f"cell_{number}.tif").write_bytes(b"II*\0")
    with pytest.raises(ValueError, match="No cell is left that shows tubulin, .*Correct its cells, or remove"):
        build(tmp_path / "data", CONFIG | {"on_bad_cell": "skip"}, tmp_path / "cells")


def test_an_empty_structure_is_named(tmp_path):
    write_folder(tmp_path / "cells")
    path = tmp_path / "cells" / "cell_0.tif"
    stack = tifffile.imread(path)
    stack[4] = 100
    tifffile.imwrite(path, stack, ome=True, metadata={"axes": "CYX"})
    with pytest.raises(ValueError, match="cell_0-actin, .*cell_0.tif: the structure tubulin by truth.csv: .*is empty"):
        build(tmp_path / "data", CONFIG, tmp_path / "cells")


def test_a_table_that_is_not_asked_for_is_told(folder, tmp_path, capsys):
    builder = build(tmp_path, PLAIN, folder)
    assert f'Warning: {folder}/truth.csv is not used: give "truth": true' in capsys.readouterr().out
    assert "truth" not in builder.info.features and "truth" not in builder.info.metadata
    assert PreparedCells(builder.data_path).truth("test", [0]) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"truth": "truth.csv"}, "truth is 'truth.csv', expected true or false"), ({"kind": "simulated"}, "truth is not")],
)
def test_the_argument_is_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        IntegratedCellConfig(**CONFIG | changes)
