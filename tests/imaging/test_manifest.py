"""Manifests: rows in the Allen Institute's columns, their channels' roles, and errors that name the row."""

import csv

import pytest

from icell_tf.imaging import manifest as manifests

NAMES = (
    "{'crop_raw': ['dna', 'membrane', 'structure'], 'crop_seg': ['dna_segmentation', 'membrane_segmentation', "
    "'membrane_segmentation_fill', 'struct_segmentation_roof']}"
)
ROW = {
    "CellId": "7",
    "structure_name": "TOMM20",
    "crop_raw": "raw/a.tif",
    "crop_seg": "seg.tif",
    "name_dict": NAMES,
    "FOVId": "f1",
    "scale_micron": "[0.5, 0.1, 0.2]",
}


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
    assert cell.roles == {
        "membrane": "membrane",
        "nucleus": "dna",
        "structure": "structure",
        "cell_mask": "membrane_segmentation_fill",
        "nucleus_mask": "dna_segmentation",
    }


def test_optional_columns_may_be_missing(write):
    (cell,) = manifests.read_manifest(write(ROW, drop=("FOVId", "scale_micron")))
    assert cell.fov_id == "7"
    assert cell.scale is None


def test_structures_are_in_table_order_then_alphabetical(write):
    labels = ["zebra", "DSP", "lysosome", "ACTN1", "lysosome"]
    rows = [ROW | {"CellId": str(i), "structure_name": label} for i, label in enumerate(labels)]
    cells = manifests.read_manifest(write(*rows))
    assert manifests.structure_names(cells) == ("alpha-actinin", "desmoplakin", "lysosome", "zebra")


def test_digest_is_of_the_bytes(write):
    path = write(ROW)
    before = manifests.manifest_digest(path)
    assert manifests.manifest_digest(path) == before and len(before) == 64
    path.write_bytes(path.read_bytes() + b"\n")
    assert manifests.manifest_digest(path) != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name_dict": "__import__('os').getcwd()"}, "not a Python literal"),
        ({"name_dict": "{'crop_raw': ['a']}"}, "expected {'crop_raw'"),
        ({"name_dict": NAMES.replace("'membrane',", "'mebrane',", 1)}, "names no channel of crop_raw for the membrane"),
        ({"crop_raw": "../a.tif"}, "crop_raw ../a.tif leaves the manifest's folder"),
        ({"crop_raw": "raw/../../a.tif"}, "leaves the manifest's folder"),
        ({"crop_seg": "none.tif"}, "crop_seg none.tif: there is no such file"),
        ({"scale_micron": "[1, 0, 1]"}, "three positive numbers"),
        ({"scale_micron": "0.2"}, r"three positive numbers \[z, y, x\]"),
        ({"structure_name": " "}, "the column structure_name is empty"),
        ({"structure_name": "two\x0blines"}, "expected printable text on one line"),
        ({"name_dict": "(" * 9000}, r"name_dict '\({200}\.\.\.' is not a Python literal"),
        ({"scale_micron": "(" * 9000}, r"scale_micron is '\({200}\.\.\.', expected"),
    ],
)
def test_bad_rows_are_named(write, changes, message):
    good = ROW | {"CellId": "8"}
    with pytest.raises(ValueError, match=message) as error:
        manifests.read_manifest(write(good, ROW | changes))
    assert "manifest.csv: 1 rows" in str(error.value)
    assert "line 3, CellId 7" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfeC\0", b"\n\n", b'"CellId,structure_name\n7,8\n'])
def test_what_is_no_csv_is_refused_by_name(tmp_path, content):
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(ValueError, match="manifest.csv: can't be read: .*saved as CSV in UTF-8"):
        manifests.read_manifest(tmp_path / "manifest.csv")


def test_every_bad_row_is_reported_at_once(write):
    bad = [ROW | {"CellId": str(i), "crop_raw": f"{i}.tif"} for i in range(3)]
    with pytest.raises(ValueError, match="3 rows can't be used") as error:
        manifests.read_manifest(write(*bad))
    assert all(f"CellId {i}: crop_raw {i}.tif" in str(error.value) for i in range(3))


def test_an_unlabelled_cell_needs_no_structure(write):
    row = ROW | {"structure_name": "", "name_dict": NAMES.replace(", 'structure'", "")}
    for path in (write(row), write(row, drop=("structure_name",))):
        (cell,) = manifests.read_manifest(path, labelled=False)
        assert cell.structure == "" and cell.raw_channels == ("dna", "membrane")
        assert set(cell.roles) == {"membrane", "nucleus", "cell_mask", "nucleus_mask"}
        with pytest.raises(ValueError, match="structure_name"):
            manifests.read_manifest(path)
    (cell,) = manifests.read_manifest(write(ROW), labelled=False)
    assert cell.structure == "tom20" and cell.roles["structure"] == "structure"


def test_absolute_paths_may_lie_anywhere(write, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "b.tif"
    elsewhere.touch()
    (cell,) = manifests.read_manifest(write(ROW | {"crop_raw": str(elsewhere)}))
    assert cell.raw == str(elsewhere)


def test_duplicate_ids_missing_columns_and_empty_manifests_are_refused(write, tmp_path):
    with pytest.raises(ValueError, match="CellId 7: occurs in 2 rows"):
        manifests.read_manifest(write(ROW, ROW))
    with pytest.raises(ValueError, match="the columns crop_seg, name_dict are missing"):
        manifests.read_manifest(write(ROW, drop=("crop_seg", "name_dict")))
    with pytest.raises(ValueError, match="no rows"):
        manifests.read_manifest(write())
    with pytest.raises(ValueError, match="no such file.*--manual_dir"):
        manifests.read_manifest(tmp_path / "other.csv")


def test_real_manifest(real_data):
    cells = manifests.read_manifest(real_data / "hela3d" / "manifest.csv")
    assert len(cells) == 151
    assert manifests.structure_names(cells) == ("endosome", "lysosome", "mitochondria", "nucleolus")
