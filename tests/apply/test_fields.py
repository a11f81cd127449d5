"""Fields of view on disk -> manifest, cells, reasons and outlines; refusals, resuming, and what a bad field says."""

import ast
import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from icell_tf.apply import fields
from icell_tf.apply.field_list import Field, find_fields, read_fields
from icell_tf.imaging.fields import Limits
from icell_tf.imaging.frame import Frame
from icell_tf.imaging.manifest import read_manifest
from icell_tf.imaging.prepare import prepare_cell
from icell_tf.imaging.preprocess import preprocess

from ..simulated_field import simulate_field

COMMAND = Path(__file__).resolve().parents[2] / "train" / "fields.py"
CHANNELS = {"membrane": "0", "nucleus": "1", "structure": "2"}


@pytest.fixture(scope="module")
def simulated():
    return simulate_field()


@pytest.fixture
def files(simulated, tmp_path):
    """A field and its label images, TIFF without metadata as segmentation tools write them; cell 4 has no nucleus."""
    scale = dict(zip(("PhysicalSizeZ", "PhysicalSizeY", "PhysicalSizeX"), simulated.scale, strict=True))
    metadata = {"axes": "CZYX", "Channel": {"Name": ["membrane", "DNA", "tubulin"]}, **scale}
    tifffile.imwrite(tmp_path / "a.ome.tif", simulated.channels, photometric="minisblack", metadata=metadata)
    tifffile.imwrite(tmp_path / "cells.tif", simulated.cells)
    tifffile.imwrite(tmp_path / "nuclei.tif", np.where(simulated.nuclei == 97, 0, simulated.nuclei))
    return tmp_path


@pytest.fixture
def field(files):
    return Field(
        "a", str(files / "a.ome.tif"), "alpha-tubulin", str(files / "cells.tif"), str(files / "nuclei.tif"), CHANNELS
    )


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_from_field_to_prepared_cells(field, simulated, tmp_path):
    lines = []
    counts = fields.cut_fields([field], tmp_path / "out", report=lines.append)
    assert counts == {"kept": 3, "no nucleus": 1}
    assert lines == ["1/1 a: 3 of 4 cells kept; 1 set aside: 1 no nucleus"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a",
        "a_outlines.png",
        "manifest.csv",
        "set_aside.csv",
    ]
    (aside,) = table(tmp_path / "out" / "set_aside.csv")
    assert (aside["FOVId"], aside["kind"], aside["label"], aside["reason"]) == ("a", "cell", "4", "no nucleus")

    frame = Frame(64, 0.6)
    cells = read_manifest(tmp_path / "out" / "manifest.csv")
    assert [cell.cell_id for cell in cells] == ["a_1", "a_2", "a_3"]
    for cell, alone in zip(cells, simulated.alone, strict=False):
        record, findings = prepare_cell(cell, frame)
        assert (record["structure"], record["fov_id"]) == ("alpha-tubulin", "a")
        assert findings.scale == pytest.approx(alone.scale)
        expected = preprocess(alone.channels, alone.cell_mask, alone.nucleus_mask, alone.scale, frame).image
        for channel in range(3):
            assert np.corrcoef(record["image"][..., channel].ravel(), expected[..., channel].ravel())[0, 1] > 0.98


def test_no_label_is_lost(field, simulated, files, tmp_path):
    """Labels of all kinds at once: at the border, debris, in pieces, one number for two cells, nuclei astray."""
    rng = np.random.default_rng(1)
    cells, nuclei = simulated.cells.copy(), simulated.nuclei.copy()
    for label in range(10, 60):
        corner, size = rng.integers(0, cells.shape[1:]), rng.integers(1, 20, 2)
        rows, columns = (slice(c, c + s) for c, s in zip(corner, size, strict=True))
        (cells if label < 40 else nuclei)[:, rows, columns] = label
    tifffile.imwrite(files / "cells.tif", cells)
    tifffile.imwrite(files / "nuclei.tif", nuclei)
    counts = fields.cut_fields([field], tmp_path / "out", fields.Settings(Limits(max_extent=30)), lambda line: None)
    aside = table(tmp_path / "out" / "set_aside.csv")
    kept = {int(cell.cell_id.removeprefix("a_")) for cell in read_manifest(tmp_path / "out" / "manifest.csv")}
    not_kept = {int(row["label"]) for row in aside if row["kind"] == "cell"}
    assert not kept & not_kept and kept | not_kept == set(np.unique(cells)) - {0}
    assert counts["kept"] == len(kept) > 0 and len({row["reason"] for row in aside}) >= 4
    listed = [int(n) for row in aside for n in row["nuclei"].split()]
    listed += [int(row["label"]) for row in aside if row["kind"] == "nucleus"]
    assert len(listed) + len(kept) == len(np.unique(nuclei)) - 1


def test_labels_in_a_plane_as_channels_of_one_file(field, simulated, files, tmp_path):
    flat = [labels.max(axis=0) for labels in (simulated.cells, simulated.nuclei)]
    tifffile.imwrite(files / "both.tif", np.stack(flat), photometric="minisblack", metadata={"axes": "CYX"})
    both = str(files / "both.tif")
    bare = Field("b", field.path, field.structure, both, both, CHANNELS)
    named = Field(**{**vars(bare), "segmentation_channels": {"cell": "0", "nucleus": "1"}})
    assert fields.cut_fields([named], tmp_path / "out", report=lambda line: None)["kept"] == 4
    mask = tifffile.imread(tmp_path / "out" / "b" / "b_1_seg.ome.tif")
    assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255} and mask.ndim == 3  # cell and nucleus, a plane
    with pytest.raises(ValueError, match="both.tif: .*--segmentation_channels=cell:0"):
        fields.cut_fields([bare], tmp_path / "other", report=lambda line: None)


def test_labels_as_png(field, simulated, files, tmp_path):
    for name, labels in (("cells", simulated.cells), ("nuclei", simulated.nuclei)):
        Image.fromarray(labels.max(axis=0)).save(files / f"{name}.png")
    png = Field(**{**vars(field), "cell_labels": str(files / "cells.png"), "nucleus_labels": str(files / "nuclei.png")})
    assert fields.cut_fields([png], tmp_path / "out", report=lambda line: None) == {"kept": 4}


def test_without_labels_the_field_is_segmented(field, tmp_path):
    lines = []
    bare = Field("c", field.path, field.structure, channels=CHANNELS)
    counts = fields.cut_fields([bare], tmp_path / "out", fields.Settings(nucleus_diameter=8), lines.append)
    assert counts["kept"] == 4
    assert "no label image of cells or nuclei is given: segmented classically" in lines[0]
    with Image.open(tmp_path / "out" / "c_outlines.png") as picture:
        assert (60, 255, 60) in {color for _, color in picture.getcolors(1 << 20)}


@pytest.mark.parametrize("missing, named", [("cell_labels", "cells"), ("nucleus_labels", "nuclei")])
def test_one_label_image_is_enough(field, tmp_path, missing, named):
    lines = []
    half = Field(**{**vars(field), missing: ""})
    counts = fields.cut_fields([half], tmp_path / "out", fields.Settings(nucleus_diameter=8), lines.append)
    assert counts["kept"] == (3 if missing == "cell_labels" else 4)  # one nucleus is missing in the label image
    assert f"no label image of {named} is given" in lines[0]


def test_a_field_without_structure_gives_cells_without(field, tmp_path):
    bare = Field("d", field.path, "", field.cell_labels, field.nucleus_labels, {"membrane": "0", "nucleus": "1"})
    fields.cut_fields([bare], tmp_path / "out", report=lambda line: None)
    cell = read_manifest(tmp_path / "out" / "manifest.csv", labelled=False)[0]
    assert cell.structure == "" and len(cell.load().channels) == 2


def test_a_mask_is_noticed(field, simulated, files, tmp_path):
    tifffile.imwrite(files / "cells.tif", (simulated.cells > 0).astype(np.uint8))
    lines = []
    assert fields.cut_fields([field], tmp_path / "out", report=lines.append)["kept"] == 3
    assert "cells.tif: one number for all: taken for a mask, in which 4 connected pieces" in lines[0]


def test_nothing_is_overwritten_unasked(field, tmp_path):
    out, quiet = tmp_path / "out", lambda line: None
    fields.cut_fields([field], out, report=quiet)
    with pytest.raises(FileExistsError, match="--overwrite"):
        fields.cut_fields([field], out, report=quiet)
    (out / "manifest.csv").unlink()
    with pytest.raises(FileExistsError, match="other settings"):
        fields.cut_fields([field], out, fields.Settings(margin=1), quiet)
    assert fields.cut_fields([field], out, fields.Settings(margin=1, overwrite=True), quiet)["kept"] == 3
    (tmp_path / "mine" / "a").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="not made by this command"):
        fields.cut_fields([field], tmp_path / "mine", fields.Settings(overwrite=True), quiet)


def test_an_interrupted_run_goes_on_with_the_next_field(field, tmp_path):
    out = tmp_path / "out"
    both = [field, Field("z", *list(vars(field).values())[1:])]

    def interrupt(line):
        if line.startswith("1/2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fields.cut_fields(both, out, report=interrupt)
    assert sorted(path.name for path in out.iterdir()) == ["a", "a_outlines.png"]  # nothing that looks whole
    before = (out / "a" / "field.json").stat().st_mtime_ns
    lines = []
    counts = fields.cut_fields(both, out, report=lines.append)
    assert lines[0].endswith("(done before)") and not lines[1].endswith("(done before)")
    assert counts["kept"] == 6 == len(read_manifest(out / "manifest.csv"))
    assert (out / "a" / "field.json").stat().st_mtime_ns == before


def test_where_no_cell_can_be_used_there_is_no_manifest(field, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="no cell can be used: 0 of 4 cells kept; 4 set aside: 3 too large"):
        fields.cut_fields([field], out, fields.Settings(Limits(max_extent=6)), lambda line: None)
    assert len(table(out / "set_aside.csv")) == 4 and not (out / "manifest.csv").exists()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"cell_labels": "none.tif"}, "none.tif: there is no such file"),
        ({"path": "none.tif"}, "none.tif: there is no such file"),
        ({"structure": ""}, "name of the structure in channel '2' is missing"),
        ({"channels": {"membrane": "0", "nucleus": "1"}}, "structure alpha-tubulin is named, but no channel"),
        ({"channels": {"membrane": "0", "nucleus": "GFP"}}, "there is no channel 'GFP'"),
        ({"channels": {"membrane": "0", "nucleus": "1", "structure": "5"}}, "there is no channel '5'"),
        ({"scale": (-1.0,)}, "pixel size of positive"),
        ({"path": "bare.tif"}, "no pixel size"),
        ({"nucleus_labels": "small.tif"}, "small.tif: the labels have the shape (1, 3, 4), the field (14, 118, 140)"),
    ],
)
def test_bad_fields_are_refused_before_anything_is_written(field, files, tmp_path, monkeypatch, change, message):
    tifffile.imwrite(
        files / "bare.tif", np.zeros((3, 5, 5), np.uint16), photometric="minisblack", metadata={"axes": "CYX"}
    )
    tifffile.imwrite(files / "small.tif", np.ones((3, 4), np.uint8))
    monkeypatch.chdir(files)
    bad = Field(**{**vars(field), "field_id": "bad", **change})
    with pytest.raises(ValueError, match="1 fields can't be used; nothing was written:\n  FieldId bad, ") as error:
        fields.cut_fields([field, bad], tmp_path / "out")
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_bad_labels_name_field_and_file(field, files, tmp_path):
    tifffile.imwrite(files / "cells.tif", np.zeros((118, 140), np.uint8))
    with pytest.raises(ValueError, match="FieldId a: .*cells.tif: the label image is empty"):
        fields.cut_fields([field], tmp_path / "out", report=lambda line: None)
    assert not (tmp_path / "out" / "manifest.csv").exists()


def test_two_fields_of_one_name_are_refused(field, tmp_path):
    with pytest.raises(ValueError, match="FieldId a: 2 fields are called so"):
        fields.cut_fields([field, field], tmp_path / "out")


def test_fields_csv(files):
    listing = files / "fields.csv"
    listing.write_text(
        "FieldId,path,structure_name,cell_labels,nucleus_labels,scale_micron,channels\n"
        'f1,a.ome.tif,tom20,cells.tif,nuclei.tif,"[0.8, 0.5, 0.5]","membrane:2,nucleus:1,structure:0"\n'
        "f2,a.ome.tif,zo1,,,,\n"
    )
    first, second = read_fields(listing, channels=CHANNELS)
    assert first == Field(
        "f1",
        str(files / "a.ome.tif"),
        "tom20",
        str(files / "cells.tif"),
        str(files / "nuclei.tif"),
        {"membrane": "2", "nucleus": "1", "structure": "0"},
        (0.8, 0.5, 0.5),
    )
    assert (second.cell_labels, second.channels, second.scale) == ("", CHANNELS, None)
    assert find_fields([listing], channels=CHANNELS) == [first, second]
    with pytest.raises(ValueError, match="stands alone"):
        find_fields([listing], "zo1")


@pytest.mark.parametrize(
    "text, message",
    [
        ("FieldId,image\nf1,a.tif\n", "columns path are missing"),
        ("FieldId,path\n", "no rows"),
        ("FieldId,path\nf1,\n", "line 2: the column path is empty"),
        ("FieldId,path\nf1,a.tif,b,c\n", "line 2: it has more values"),
        ('FieldId,path,channels\nf1,a.tif,"membrane:0"\n', "line 2: --channels is 'membrane:0'"),
        ("FieldId,path,scale_micron\nf1,a.tif,[0]\n", r"line 2: scale_micron is '\[0\]'"),
    ],
)
def test_a_bad_fields_csv_names_line_and_reason(tmp_path, text, message):
    (tmp_path / "fields.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_fields(tmp_path / "fields.csv")


def test_each_field_needs_its_labels():
    with pytest.raises(ValueError, match="--cell_labels names 1 files, but there are 2 fields"):
        find_fields(["a.tif", "b.tif"], cell_labels=["c.tif"])


def test_the_command(field, tmp_path):
    flags = {
        "channels": "membrane:0,nucleus:DNA,structure:2",
        "structure": "alpha-tubulin",
        "cell_labels": field.cell_labels,
        "nucleus_labels": field.nucleus_labels,
        "output": tmp_path / "out",
    }
    arguments = [sys.executable, COMMAND, field.path, *(f"--{name}={value}" for name, value in flags.items())]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1 fields, 3 of 4 cells kept; 1 set aside: 1 no nucleus" in done.stdout
    row = table(tmp_path / "out" / "manifest.csv")[0]
    assert ast.literal_eval(row["name_dict"])["crop_raw"] == ["membrane", "dna", "structure"]
    assert json.loads((tmp_path / "out" / "a" / "field.json").read_text())["cells"]
