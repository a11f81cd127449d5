"""truth.csv: which channels show the other structures of a cell, and rows that can't be those of any cell."""

import pytest

from icell_tf.imaging.manifest.manifest import read_manifest
from icell_tf.imaging.manifest.truth import add_truth, cell_name
from tests.multiplexed import row, write_folder, write_table


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "cells", fields=2)
    return tmp_path / "cells"


def add(folder, rows=None):
    """Returns what `add_truth` does for the folder's cells. Args: rows: of truth.csv; None leaves it as it is."""
    if rows is not None:
        write_table(folder / "truth.csv", rows)
    return add_truth(folder / "truth.csv", read_manifest(folder / "manifest.csv"))


@pytest.mark.parametrize(
    ("cell_id", "structure", "name"),
    [
        ("B02-s1_7-actin", "actin", "B02-s1_7"),
        ("7-endoplasmic_reticulum", "endoplasmic reticulum", "7"),
        ("7-TOMM20", "tom20", "7"),
        ("7-lamin-b1", "lamin-b1", "7"),
        ("7", "actin", "7"),
        ("7-tubulin", "actin", "7-tubulin"),
        ("-actin", "actin", "-actin"),
        ("factin", "actin", "factin"),
    ],
)
def test_a_cell_is_named_by_its_id_without_its_structure(cell_id, structure, name):
    assert cell_name(cell_id, structure) == name


def test_cells_know_the_channels_of_their_structures(folder):
    cells, bad_cells = add(folder)
    assert not bad_cells and [cell.structure for cell in cells] == ["actin", "tubulin", "actin", "tubulin"]
    assert all(list(cell.truth.items()) == [("actin", 3), ("tubulin", 4)] for cell in cells)
    loaded = cells[1].load()
    assert [*loaded.truth] == ["actin", "tubulin"] and loaded.truth["actin"].shape == (1, 40, 48)
    assert (loaded.truth["tubulin"] == loaded.channels[2]).all()


def test_what_the_table_lacks_is_unknown_but_for_the_structure_shown(folder):
    cells, bad_cells = add(folder, [row("cell_1", "actin", "field 0")])
    assert not bad_cells
    assert [cell.truth for cell in cells[:2]] == [{"actin": 3, "tubulin": None}, {"actin": 3, "tubulin": 4}]
    assert cells[0].load().truth["tubulin"] is None


TRUE = row("cell_0", "tubulin", "field 0")
OWN = row("cell_0", "actin", "field 0")


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ([TRUE, TRUE], 3, "line 2 gives the structure tubulin of the cell cell_0, too: remove one"),
        ([TRUE | {"CellId": "other-tubulin"}], 2, "manifest.csv has no usable row of the cell other, .*: add one, or "),
        ([TRUE | {"CellId": "cell_0-actin"}], 2, "manifest.csv has no usable row of the cell cell_0-actin, "),
        (
            [row("cell_0", "golgi", "field 0") | {"name_dict": TRUE["name_dict"]}],
            2,
            "the structure golgi, only actin, ",
        ),
        (
            [TRUE | {"crop_raw": "cell_1.tif"}],
            2,
            "CellId cell_0-actin in manifest.csv: crop_raw is .*/cell_1.tif, there",
        ),
        ([TRUE | {"crop_seg": "cell_1.tif"}], 2, "crop_seg is .*/cell_1.tif, there .*/cell_0.tif$"),
        ([TRUE | {"FOVId": "field 1"}], 2, "FOVId is field 1, there field 0$"),
        ([TRUE | {"FOVId": ""}], 2, "FOVId is not given, there field 0$"),
        (
            [TRUE | {"scale_micron": "[1.0, 2.0, 2.0]"}],
            2,
            r"scale_micron is \(1.0, 2.0, 2.0\), there \(1.0, 1.0, 1.0\)$",
        ),
        ([TRUE | {"name_dict": TRUE["name_dict"].replace("'dna'", "'hoechst'", 1)}], None, ""),  # another name for it
        (
            [TRUE | {"name_dict": TRUE["name_dict"].replace("'dna', 'actin'", "'actin', 'dna'", 1)}],
            2,
            "nucleus channel",
        ),
        ([TRUE | {"name_dict": "{'crop_raw': []}"}], 2, "name_dict is"),
        ([OWN, TRUE], None, ""),
        ([OWN | {"name_dict": TRUE["name_dict"]}], 2, "differs from .*: structure channel is 4, there 3$"),
        ([TRUE | {"CellId": ""}], 2, "the column CellId is empty"),
    ],
)
def test_rows_that_do_not_belong_to_a_cell_are_named(folder, rows, line, reason):
    cells, bad_cells = add(folder, rows)
    assert len(cells) == 4 and len(bad_cells) == (line is not None)
    for bad in bad_cells:
        assert bad.source == f"{folder}/truth.csv, line {line}" and bad.cell_id == (rows[-1]["CellId"] or "(none)")
        with pytest.raises(ValueError, match=reason):
            raise bad


def test_a_cell_that_the_manifest_shows_twice_is_refused(folder):
    rows = [row("cell_0", name, "field 0") for name in ("actin", "tubulin")]
    write_table(folder / "manifest.csv", rows)
    (cell,), (bad, *_) = add(folder, rows)
    assert cell.cell_id == "cell_0-actin" and str(bad).startswith(f"CellId cell_0-tubulin, {folder}/cell_0.tif: ")
    assert "this cell twice, also as CellId cell_0-actin" in bad.reason and "remove the other" in bad.reason


def test_one_channel_is_not_two_structures(folder):
    cells, _ = add(folder, [TRUE | {"name_dict": OWN["name_dict"]}])
    with pytest.raises(ValueError, match="the channels of actin and tubulin hold the same voxels"):
        cells[0].load()


def test_cells_without_fields_of_view_belong_together(folder):
    write_table(folder / "manifest.csv", [OWN | {"FOVId": ""}])
    (cell,), bad_cells = add(folder, [TRUE | {"FOVId": ""}])
    assert cell.fov_id == "cell_0-actin" and cell.truth == {"actin": 3} and "tubulin, only actin" in bad_cells[0].reason
    write_table(folder / "manifest.csv", [OWN | {"FOVId": ""}, row("cell_1", "tubulin", "")])
    assert add(folder, [TRUE | {"FOVId": ""}])[0][0].truth == {"actin": 3, "tubulin": 4}


def test_a_missing_table_is_named(folder):
    (folder / "truth.csv").unlink()
    with pytest.raises(ValueError, match=f"{folder}/truth.csv: there is no such file.*beside manifest.csv.*--config"):
        add(folder)


@pytest.mark.parametrize(("name", "count", "known"), [("bbbc021", 1412, 2), ("nf1", 80, 2), ("daoy", 29, 3)])
def test_real_tables_belong_together(real_data, name, count, known):
    folder = real_data / "multiplexed" / name
    if not folder.is_dir():
        pytest.skip(f"no cells with several known structures: {folder} is not a folder")
    cells, bad_cells = add(folder)
    assert len(cells) == count and not bad_cells
    assert all(None not in cell.truth.values() and len(cell.truth) == known for cell in cells)
