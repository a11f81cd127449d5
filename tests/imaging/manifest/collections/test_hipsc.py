"""The Allen Institute's collection in miniature: built from its columns and crops, complete or partly downloaded."""

import csv

import numpy as np
import pytest

from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.manifest.cells import BadCell, NotDownloaded, NotSelected
from icell_tf.imaging.manifest.collections import hipsc
from icell_tf.imaging.prepare import prepare_cell
from tests.imaging.manifest.collections.conftest import write_table

FRAME = Frame((64, 64), (0.6, 0.6))


def test_cells_are_built_as_from_their_stacks(hipsc_folder, simulated):
    folder, _ = hipsc_folder
    cells, problems = hipsc.list_cells(folder)
    assert not problems
    assert [cell.structure for cell in cells] == ["beta-actin", "lamin-b1", "CETN2"]
    assert [cell.fov_id for cell in cells] == ["7000", "7000", "7001"]
    for cell, source in zip(cells, simulated.values(), strict=True):
        record, findings = prepare_cell(cell, FRAME)
        expected = preprocess(source.channels, source.cell_mask, source.nucleus_mask, source.scale, FRAME)
        np.testing.assert_array_equal(record["image"], expected.image)
        assert findings.scale == pytest.approx(source.scale)


def test_cells_that_were_not_downloaded_are_not_bad(hipsc_folder):
    folder, rows = hipsc_folder
    for column in ("crop_raw", "crop_seg"):
        (folder / rows[0][column]).unlink()
    (folder / rows[1]["crop_seg"]).unlink()
    (cell,), (absent, half) = hipsc.list_cells(folder)
    assert cell.cell_id == "230002"
    assert isinstance(absent, NotDownloaded) and "no such file" in absent.reason and absent.cell_id == "230000"
    assert not isinstance(half, NotDownloaded) and rows[1]["crop_seg"] in half.reason


def test_only_the_selected_structures(hipsc_folder):
    folder, rows = hipsc_folder
    (folder / rows[2]["crop_raw"]).unlink()
    cells, (problem,) = hipsc.list_cells(folder, structures=("ACTB", "lamin-b1"))
    assert [cell.structure for cell in cells] == ["beta-actin", "lamin-b1"]
    assert isinstance(problem, NotSelected) and problem.cell_id == "230002" and "'CETN2' (1 cell)" in problem.reason
    with pytest.raises(ValueError, match="TOMM2O.* AAVS1, "):
        hipsc.list_cells(folder, structures=("ACTB", "TOMM2O"))
    with pytest.raises(ValueError, match="metadata.csv: .*structures TOMM20 .*crop_raw and crop_seg"):
        hipsc.list_cells(folder, structures=("TOMM20",))
    rows[1]["structure_name"] = "LMNB"
    write_table(folder / "metadata.csv", rows)
    cells, problems = hipsc.list_cells(folder, structures=("ACTB", "LMNB1"))
    assert len(cells) == 1 and [type(problem) for problem in problems] == [BadCell, NotSelected]


def test_a_folder_without_table_or_without_crops_says_what_is_missing(hipsc_folder, tmp_path):
    folder, rows = hipsc_folder
    with pytest.raises(ValueError, match="no manifest.csv and no metadata.csv.*Download"):
        hipsc.list_cells(tmp_path)
    (folder / "crop_raw").rename(tmp_path / "crop_raw")
    (folder / "crop_seg").rename(tmp_path / "crop_seg")
    with pytest.raises(ValueError, match="metadata.csv: .*none of its cells.*CellId 230000"):
        hipsc.list_cells(folder)
    (folder / "metadata.csv").rename(tmp_path / "manifest.csv")
    assert len(hipsc.list_cells(tmp_path)[0]) == len(rows)


def test_the_release_has_other_columns_that_are_passed_over(hipsc_folder):
    folder, _ = hipsc_folder
    with (folder / "metadata.csv").open(newline="") as file:
        table = list(csv.reader(file))
    table = [["", *table[0]]] + [[i, *row] for i, row in enumerate(table[1:])]  # pandas' index has no name
    table[1][table[0].index("this_cell_nbr_complete")] = "(1, 2), " * 40_000  # 320,000 characters
    with (folder / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    cells, problems = hipsc.list_cells(folder)
    assert len(cells) == 3 and not problems
