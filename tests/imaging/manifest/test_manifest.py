"""Manifests: rows in the Allen Institute's columns, their channels' roles, and errors that name the row."""

import csv
import dataclasses
import pickle
import unicodedata

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.manifest import manifest as manifests
from icell_tf.imaging.manifest.cells import BadCell, NotDownloaded
from icell_tf.imaging.manifest.manifest import list_manifest
from icell_tf.structures import in_table_order

NAMES = (
    "{'crop_raw': ['dna', 'membrane', 'structure'], 'crop_seg': ['dna_segmentation', 'membrane_segmentation', "
    "'membrane_segmentation_fill', 'struct_segmentation_roof']}"
)
ROW = {"CellId": "7", "structure_name": "TOMM20", "crop_raw": "raw/a.tif", "crop_seg": "seg.tif"}
ROW |= {"name_dict": NAMES, "FOVId": "f1", "scale_micron": "[0.5, 0.1, 0.2]"}


@pytest.fixture
def write(tmp_path):
    (tmp_path / "raw").mkdir()
    for name in ("raw/a.tif", "seg.tif"):
        (tmp_path / name).touch()

    def write_rows(*rows, drop=()):
        path = tmp_path / "manifest.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [column for column in ROW if column not in drop], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write_rows


def test_row_with_everything(write, tmp_path):
    (cell,) = manifests.read_manifest(write(ROW))
    assert (cell.cell_id, cell.structure, cell.fov_id) == ("7", "tom20", "f1")
    assert cell.raw == str(tmp_path / "raw" / "a.tif")
    assert cell.scale == (0.5, 0.1, 0.2)
    assert cell.roles == {"membrane": 1, "nucleus": 0, "structure": 2}
    assert cell.mask_roles == {"cell": 2, "nucleus": 0}


def test_optional_columns_may_be_missing(write):
    (cell,) = manifests.read_manifest(write(ROW, drop=("FOVId", "scale_micron")))
    assert cell.fov_id == "7"
    assert cell.scale is None


def test_digest_is_of_the_bytes(write):
    path = write(ROW)
    before = manifests.manifest_digest(path)
    assert manifests.manifest_digest(path) == before and len(before) == 64
    path.write_bytes(path.read_bytes() + b"\n")
    assert manifests.manifest_digest(path) != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name_dict": "__import__('os').getcwd()"}, "no Python literal"),
        ({"name_dict": "{'crop_raw': ['a']}"}, "expected {'crop_raw'"),
        ({"name_dict": "{[]: 1}"}, "no Python literal"),
        ({"name_dict": NAMES.replace("'membrane',", "'mebrane',", 1)}, "crop_raw for the membrane"),
        ({"name_dict": NAMES.replace("'structure'", "'DNA'")}, r"crop_raw is the nucleus: several .*0: dna, 2: DNA"),
        ({"name_dict": NAMES.replace("struct_segmentation_roof", "dna_segmentation")}, "crop_seg is the nucleus mask"),
        ({"crop_raw": "../a.tif"}, "crop_raw ../a.tif leaves"),
        ({"crop_raw": "raw/../../a.tif"}, "crop_raw raw/../../a.tif leaves"),
        ({"crop_seg": "none.tif"}, "crop_seg none.tif: .*no such file"),
        ({"structure_name": " "}, "structure_name is empty"),
        ({"structure_name": "two\x0blines"}, "structure_name is .*printable"),
        ({"name_dict": "(" * 9000}, r"name_dict is '\({200}\.\.\.'"),
        ({"scale_micron": "(" * 9000}, r"scale_micron is '\({200}\.\.\.'"),
    ],
)
def test_bad_rows_are_named(write, changes, message):
    good = ROW | {"CellId": "8"}
    with pytest.raises(ValueError, match=message) as error:
        manifests.read_manifest(write(good, ROW | changes))
    assert "manifest.csv: 1 row " in str(error.value)
    assert "line 3, CellId 7" in str(error.value)


def test_every_bad_row_is_reported_at_once(write):
    bad = [ROW | {"CellId": str(i), "crop_raw": f"{i}.tif"} for i in range(3)]
    with pytest.raises(ValueError, match="3 rows") as error:
        manifests.read_manifest(write(*bad))
    assert all(f"CellId {i}: crop_raw {i}.tif" in str(error.value) for i in range(3))


def test_an_unlabelled_cell_needs_no_structure(write):
    row = ROW | {"structure_name": "", "name_dict": NAMES.replace(", 'structure'", "")}
    for path in (write(row), write(row, drop=("structure_name",))):
        (cell,) = manifests.read_manifest(path, labelled=False)
        assert cell.structure == "" and cell.raw_channels == ("dna", "membrane")
        assert cell.roles == {"membrane": 1, "nucleus": 0}
        with pytest.raises(ValueError, match="structure_name"):
            manifests.read_manifest(path)
    (cell,) = manifests.read_manifest(write(ROW), labelled=False)
    assert cell.structure == "tom20" and cell.roles["structure"] == 2


def test_one_bad_row_costs_no_other_and_says_all_that_is_wrong(write):
    bad = ROW | {"CellId": "8", "crop_raw": "none.tif", "scale_micron": "[1, -1, 1]", "name_dict": ""}
    (cell,), (problem,) = list_manifest(path := write(ROW, bad))
    assert cell.cell_id == "7" and isinstance(problem, BadCell)
    assert (problem.cell_id, problem.source) == ("8", f"{path}, line 3")
    assert all(reason in problem.reason for reason in ("name_dict is empty", "three positive", "none.tif: there is no"))


def test_rows_that_are_no_rows_are_problems(write):
    path = write(ROW, ROW | {"CellId": "8"})
    with path.open("ab") as file:
        file.write(b'9,TOMM20\n10,"TOMM20,x\n11,caf\xe9,raw/a.tif,seg.tif,x,y,z\n')
    cells, problems = list_manifest(path)
    assert [cell.cell_id for cell in cells] == ["7", "8"]
    assert [(problem.cell_id, problem.source) for problem in problems] == [
        (cell_id, f"{path}, line {line}") for cell_id, line in (("9", 4), ("10", 5), ("11", 6))
    ]


def test_all_rows_of_a_duplicate_id_are_problems(write):
    (cell,), problems = list_manifest(write(ROW, ROW | {"CellId": "8"}, ROW | {"crop_raw": "none.tif"}))
    assert cell.cell_id == "8" and [problem.cell_id for problem in problems] == ["7", "7"]
    assert all("occurs in 2 rows (lines 2, 4)" in problem.reason for problem in problems)
    assert "no such file" in problems[1].reason


@pytest.mark.parametrize(
    "scale", ["[0.5, -0.1, 0.2]", "[0, 1, 1]", "[nan, 1, 1]", "[1, 1]", "0.2", "[1e999, 1, 1]", "'123'", "[True, 1, 1]"]
)
def test_bad_scales(write, scale):
    cells, (problem,) = list_manifest(write(ROW | {"scale_micron": scale}))
    assert not cells and scale in problem.reason and "[z, y, x] in µm" in problem.reason


def test_misspelt_structures_are_problems(write):
    names = ["lysosome", "lysosome", "Lysosome", "TOMM20", "TOMM2O"]
    rows = [ROW | {"CellId": str(i), "structure_name": name} for i, name in enumerate(names)]
    cells, problems = list_manifest(path := write(*rows))
    assert [cell.structure for cell in cells] == ["lysosome", "lysosome", "tom20"]
    assert [problem.cell_id for problem in problems] == ["2", "4"]
    assert "'Lysosome' (1 cell)" in problems[0].reason and "'lysosome' (2 cells)" in problems[0].reason
    assert not list_manifest(path, structures=["lysosome", "Lysosome", "tom20", "TOMM2O"])[1]
    assert [problem.cell_id for problem in list_manifest(path, structures=["TOMM20"])[1]] == ["0", "1", "2", "4"]
    assert not list_manifest(path, labelled=False)[1]


def test_a_folder_or_a_dead_link_is_no_file_but_zarr_is(write, tmp_path):
    (tmp_path / "cell.ome.zarr").mkdir()
    (tmp_path / "link.tif").symlink_to("nothing.tif")
    (tmp_path / "good.tif").symlink_to("seg.tif")
    raws = ["cell.ome.zarr", "good.tif", "link.tif", "raw"]
    cells, problems = list_manifest(write(*(ROW | {"CellId": str(i), "crop_raw": raw} for i, raw in enumerate(raws))))
    assert [cell.cell_id for cell in cells] == ["0", "1"] and [problem.cell_id for problem in problems] == ["2", "3"]


@pytest.mark.parametrize(("there", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_may_be_composed_or_decomposed(write, tmp_path, there, asked):
    folder, name = "größe", "ä é.tif"
    path = tmp_path / unicodedata.normalize(there, folder) / unicodedata.normalize(there, name)
    path.parent.mkdir()
    path.touch()
    (cell,) = manifests.read_manifest(write(ROW | {"crop_raw": unicodedata.normalize(asked, f"{folder}/{name}")}))
    assert cell.raw == str(path)
    path.with_name(unicodedata.normalize(asked, name)).touch()
    mixed = unicodedata.normalize("NFC", "ä") + unicodedata.normalize("NFD", " é.tif")
    _, (problem,) = list_manifest(write(ROW | {"crop_raw": f"{folder}/{mixed}"}))
    assert "several that look the same" in problem.reason


def test_a_folder_of_planes_is_a_stack(write, tmp_path):
    (tmp_path / "planes").mkdir()
    for i in range(3):
        (tmp_path / "planes" / f"stack_page_{i:04d}.png").touch()
    (cell,) = manifests.read_manifest(write(ROW | {"crop_raw": "planes"}))
    assert cell.raw == str(tmp_path / "planes")


def test_absent_cells_of_a_partial_download_are_marked(write):
    absent = {"crop_raw": "x.tif", "crop_seg": "y.tif"}
    rows = [ROW, ROW | absent | {"CellId": "8"}, ROW | absent | {"CellId": "9", "scale_micron": "x"}]
    (cell,), problems = list_manifest(write(*rows), partial=True)
    assert cell.cell_id == "7" and [type(problem) for problem in problems] == [NotDownloaded, BadCell]
    again = pickle.loads(pickle.dumps(problems[0]))
    assert str(again) == str(problems[0]) and "crop_raw x.tif" in again.reason and "crop_seg y.tif" in again.reason


def test_axes_of_all_stacks_may_be_given(write, tmp_path):
    shape = (3, 4, 20, 30)  # as it stands, four channels of three planes
    stack = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    tifffile.imwrite(tmp_path / "raw" / "a.tif", np.moveaxis(stack, 0, 1), photometric="minisblack")
    masks = (np.arange(4 * 20 * 30).reshape(4, 20, 30) % 7 == 0).astype(np.uint16)
    tifffile.imwrite(tmp_path / "seg.tif", masks, photometric="minisblack", metadata={"axes": "CYX"})
    (cell,), _ = list_manifest(write(ROW), axes="ZCYX")
    loaded = pickle.loads(pickle.dumps(cell)).load()
    np.testing.assert_array_equal(loaded.channels[1], stack[0])
    assert loaded.cell_mask.shape == (1, 20, 30) and loaded.scale == (0.5, 0.1, 0.2)
    with pytest.raises(ValueError, match="a.tif: .*axes 'CZY'"):
        dataclasses.replace(cell, axes="CZY").load()


def test_absolute_paths_may_lie_anywhere(write, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "b.tif"
    elsewhere.touch()
    (cell,) = manifests.read_manifest(write(ROW | {"crop_raw": str(elsewhere)}))
    assert cell.raw == str(elsewhere)


def test_duplicate_ids_missing_columns_and_empty_manifests_are_refused(write, tmp_path):
    with pytest.raises(ValueError, match="CellId 7: occurs in 2 rows"):
        manifests.read_manifest(write(ROW, ROW))
    with pytest.raises(ValueError, match="crop_seg, name_dict are missing"):
        manifests.read_manifest(write(ROW, drop=("crop_seg", "name_dict")))
    with pytest.raises(ValueError, match="no rows"):
        manifests.read_manifest(write())
    with pytest.raises(ValueError, match="no such file.*--manual_dir"):
        manifests.read_manifest(tmp_path / "other.csv")


def test_real_manifest(real_data):
    cells = manifests.read_manifest(real_data / "hela3d" / "manifest.csv")
    assert len(cells) == 151
    assert in_table_order(cell.structure for cell in cells) == ("endosome", "lysosome", "mitochondria", "nucleolus")
