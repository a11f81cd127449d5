"""Fields of view on disk -> manifest, cells, reasons and outlines; nothing overwritten, resuming."""

import ast
import csv
import dataclasses
import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from icell_tf.imaging.fields import cut
from icell_tf.imaging.fields.field_list import Field
from icell_tf.imaging.fields.matching import Limits
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.masks import Choices
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.manifest.cells import BadCell
from icell_tf.imaging.manifest.manifest import read_manifest
from icell_tf.imaging.prepare import prepare_cell

from ...in_process import run_command
from .conftest import CHANNELS


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


FRAMES = [Frame((64, 64), (0.6, 0.6)), Frame((32, 64, 64), (0.6, 0.6, 0.6))]


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_from_field_to_prepared_cells(field, simulated, tmp_path, frame):
    lines = []
    counts = cut.cut_fields([field], tmp_path / "out", report=lines.append)
    assert counts == {"kept": 3, "no nucleus": 1}
    assert lines == ["1/1 a: 3 of 4 cells kept; 1 set aside: 1 no nucleus"]
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["a", "a_outlines.png", "manifest.csv", "set_aside.csv"]
    (aside,) = table(tmp_path / "out" / "set_aside.csv")
    assert (aside["FOVId"], aside["kind"], aside["label"], aside["reason"]) == ("a", "cell", "4", "no nucleus")

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
    counts = cut.cut_fields([field], tmp_path / "out", cut.Settings(Limits(max_extent=30)), lambda line: None)
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
    named = Field(**{**vars(bare), "segmentation_channels": {"cell": 0, "nucleus": 1}})
    assert cut.cut_fields([named], tmp_path / "out", report=lambda line: None)["kept"] == 4
    mask = tifffile.imread(tmp_path / "out" / "b" / "b_1_seg.ome.tif")
    assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255} and mask.ndim == 3  # cell and nucleus, a plane
    with pytest.raises(ValueError, match="both.tif: .*--segmentation_channels=cell:0"):
        cut.cut_fields([bare], tmp_path / "other", report=lambda line: None)


@pytest.mark.parametrize(
    ("flat", "message"),
    [
        (["cells", "nuclei"], "the cell mask has one plane, but a volume needs"),
        (["cells"], "the cell mask is the same in all"),
        (["nuclei"], "the nucleus mask is the same in all planes of the cell"),
    ],
)
def test_labels_in_a_plane_make_no_volumes(field, simulated, files, tmp_path, flat, message):
    for name in flat:
        tifffile.imwrite(files / f"{name}.tif", getattr(simulated, name).max(axis=0))
    cut.cut_fields([field], tmp_path / "out", report=lambda line: None)
    picture, volume = FRAMES
    for cell in read_manifest(tmp_path / "out" / "manifest.csv"):
        prepare_cell(cell, picture)
        with pytest.raises(BadCell, match=f"CellId a_.*_seg.ome.tif: {message}"):
            prepare_cell(cell, volume)


def test_labels_as_png(field, simulated, files, tmp_path):
    for name, labels in (("cells", simulated.cells), ("nuclei", simulated.nuclei)):
        Image.fromarray(labels.max(axis=0)).save(files / f"{name}.png")
    png = Field(**{**vars(field), "cell_labels": str(files / "cells.png"), "nucleus_labels": str(files / "nuclei.png")})
    assert cut.cut_fields([png], tmp_path / "out", report=lambda line: None) == {"kept": 4}


@pytest.mark.parametrize(
    ("dtype", "written"),
    [
        *((kind, np.uint16) for kind in ("int64", "uint64", ">i8")),
        ("float16", np.float32),
        ("float64", np.float64),
        ("int16", np.int16),
    ],
)
def test_any_type_that_is_read_is_written(field, simulated, files, tmp_path, dtype, written):
    data = np.minimum(simulated.channels, 2048)  # which float16 holds exactly
    metadata = {"axes": "CZYX"}
    tifffile.imwrite(files / "any.tif", data.astype(dtype), photometric="minisblack", metadata=metadata)
    other = Field(**{**vars(field), "path": str(files / "any.tif"), "scale": simulated.scale})
    assert cut.cut_fields([other], tmp_path / "out", report=lambda line: None)["kept"] == 3
    crop = tifffile.imread(tmp_path / "out" / "a" / "a_1_raw.ome.tif")
    assert crop.dtype == written and crop.max() <= 2048
    window = crop[0, 0]  # somewhere in the field
    views = np.lib.stride_tricks.sliding_window_view(data[0, 0], window.shape)
    assert (views == window).all(axis=(2, 3)).any()


def test_what_cant_be_written_is_refused_before_work_starts(field, simulated, files, tmp_path):
    data = simulated.channels.astype(np.uint64) + (1 << 60)
    tifffile.imwrite(files / "any.tif", data, photometric="minisblack", metadata={"axes": "CZYX"})
    other = Field(**{**vars(field), "path": str(files / "any.tif"), "scale": simulated.scale})
    with pytest.raises(
        ValueError, match=r"nothing was written:\n  FieldId a, .*any\.tif: its intensities go from 1152"
    ):
        cut.cut_fields([other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_planes_and_arrays_of_labels(field, simulated, files, tmp_path, capsys):
    """ImageJ writes a stack as images of its planes; segmentation tools write .npy."""
    (files / "planes").mkdir()
    for c, z in np.ndindex(simulated.channels.shape[:2]):
        Image.fromarray(simulated.channels[c, z]).save(files / "planes" / f"a_z{z}_c{c}.png")
    for name, labels in (("cells", simulated.cells), ("nuclei", simulated.nuclei)):
        np.save(files / f"{name}.npy", labels)
    labels = {f"{name}_labels": str(files / f"{file}.npy") for name, file in (("cell", "cells"), ("nucleus", "nuclei"))}
    other = Field(**{**vars(field), **labels, "path": str(files / "planes"), "scale": simulated.scale, "axes": "CZYX"})
    assert cut.cut_fields([other], tmp_path / "out", report=lambda line: None)["kept"] == 4
    assert "planes: a folder of planes, read in the order of the numbers" in capsys.readouterr().out


def test_without_labels_the_field_is_segmented(field, tmp_path):
    lines = []
    bare = Field("c", field.path, field.structure, channels=CHANNELS)
    counts = cut.cut_fields([bare], tmp_path / "out", cut.Settings(nucleus_diameter=8), lines.append)
    assert counts["kept"] == 4
    assert lines[0].startswith("c: no label image of cells or nuclei is given; classical segmentation")
    with Image.open(tmp_path / "out" / "c_outlines.png") as picture:
        assert (60, 255, 60) in {color for _, color in picture.getcolors(1 << 20)}
    lines.clear()
    several = [bare, dataclasses.replace(bare, field_id="d"), field]
    cut.cut_fields(several, tmp_path / "several", cut.Settings(nucleus_diameter=8), lines.append)
    assert [line.partition(" is given")[0] for line in lines if "no label" in line] == [
        "2 fields: no label image of cells or nuclei"
    ]


@pytest.mark.parametrize("missing, named", [("cell_labels", "cells"), ("nucleus_labels", "nuclei")])
def test_one_label_image_is_enough(field, tmp_path, missing, named):
    lines = []
    half = Field(**{**vars(field), missing: ""})
    counts = cut.cut_fields([half], tmp_path / "out", cut.Settings(nucleus_diameter=8), lines.append)
    assert counts["kept"] == (3 if missing == "cell_labels" else 4)  # one nucleus is missing in the label image
    assert f"no label image of {named} " in lines[0]


def test_a_field_without_structure_gives_cells_without(field, tmp_path):
    bare = Field("d", field.path, "", field.cell_labels, field.nucleus_labels, {"membrane": 0, "nucleus": 1})
    cut.cut_fields([bare], tmp_path / "out", report=lambda line: None)
    cell = read_manifest(tmp_path / "out" / "manifest.csv", labelled=False)[0]
    assert cell.structure == "" and len(cell.load().channels) == 2


def test_a_mask_is_noticed(field, simulated, files, tmp_path):
    tifffile.imwrite(files / "cells.tif", (simulated.cells > 0).astype(np.uint8))
    lines = []
    assert cut.cut_fields([field], tmp_path / "out", report=lines.append)["kept"] == 3
    assert "cells.tif: " in lines[0] and "a mask of 4 connected pieces" in lines[0]


def test_probabilities_need_a_threshold(field, simulated, files, tmp_path):
    tifffile.imwrite(files / "cells.tif", np.where(simulated.cells > 0, 0.8, 0.1).astype(np.float32))
    with pytest.raises(ValueError, match="FieldId a: .*cells.tif: .*not whole numbers.*--mask_threshold=cell:NUMBER"):
        cut.cut_fields([field], tmp_path / "out", report=lambda line: None)
    field = Field(**{**vars(field), "choices": Choices(mask_threshold={"cell": 0.5})})
    assert cut.cut_fields([field], tmp_path / "out", report=lambda line: None)["kept"] == 3


def test_pixels_without_data_are_reported(field, simulated, files, tmp_path):
    channels = simulated.channels.copy()
    channels[:, :, :, -2:] = 0  # beside the cells
    metadata = dict(zip(("PhysicalSizeZ", "PhysicalSizeY", "PhysicalSizeX"), simulated.scale, strict=True))
    tifffile.imwrite(files / "a.ome.tif", channels, photometric="minisblack", metadata={"axes": "CZYX", **metadata})
    lines = []
    assert cut.cut_fields([field], tmp_path / "out", report=lines.append)["kept"] == 3
    assert lines[0].startswith("a: about 1 % of the membrane, nucleus, structure image holds no data")
    assert "cut off" not in lines[0]
    channels[:, :, : np.flatnonzero((simulated.cells == 1).any(axis=(0, 2)))[3]] = 0  # three rows of cell 1 and more
    tifffile.imwrite(files / "a.ome.tif", channels, photometric="minisblack", metadata={"axes": "CZYX", **metadata})
    cut.cut_fields([field], tmp_path / "other", report=lines.append)
    assert "next to it may be cut off: look at the outlines" in lines[2]


def test_nothing_is_overwritten_unasked(field, tmp_path):
    out, quiet = tmp_path / "out", lambda line: None
    cut.cut_fields([field], out, report=quiet)
    with pytest.raises(FileExistsError, match="--overwrite"):
        cut.cut_fields([field], out, report=quiet)
    (out / "manifest.csv").unlink()
    with pytest.raises(FileExistsError, match="out/a .*other settings.*--overwrite"):
        cut.cut_fields([field], out, cut.Settings(margin=1), quiet)
    assert cut.cut_fields([field], out, cut.Settings(margin=1, overwrite=True), quiet)["kept"] == 3
    (tmp_path / "mine" / "a").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="mine/a .*--output"):
        cut.cut_fields([field], tmp_path / "mine", cut.Settings(overwrite=True), quiet)


def test_an_interrupted_run_goes_on_with_the_next_field(field, tmp_path):
    out = tmp_path / "out"
    both = [field, Field("z", *list(vars(field).values())[1:])]

    def interrupt(line):
        if line.startswith("1/2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut.cut_fields(both, out, report=interrupt)
    assert sorted(path.name for path in out.iterdir()) == ["a", "a_outlines.png"]  # nothing that looks whole
    before = (out / "a" / "field.json").stat().st_mtime_ns
    lines = []
    counts = cut.cut_fields(both, out, report=lines.append)
    assert lines[0].endswith("(done before)") and not lines[1].endswith("(done before)")
    assert counts["kept"] == 6 == len(read_manifest(out / "manifest.csv"))
    assert (out / "a" / "field.json").stat().st_mtime_ns == before


def test_a_change_within_a_folder_is_noticed(tmp_path):
    """OME-Zarr: a folder of files, which itself doesn't change with a chunk."""
    folder = tmp_path / "a.zarr"
    (folder / "0").mkdir(parents=True)
    (folder / "0" / "chunk").write_text("before")
    field = Field("a", str(folder))
    made_from = cut._fingerprint(field, cut.Settings())
    assert made_from == cut._fingerprint(field, cut.Settings(overwrite=True))
    (folder / "0" / "chunk").write_text("afterwards")
    assert made_from != cut._fingerprint(field, cut.Settings())


def test_where_no_cell_can_be_used_there_is_no_manifest(field, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="0 of 4 cells kept; 4 set aside: 3 too large.*set_aside.csv"):
        cut.cut_fields([field], out, cut.Settings(Limits(max_extent=6)), lambda line: None)
    assert len(table(out / "set_aside.csv")) == 4 and not (out / "manifest.csv").exists()


def test_bad_labels_name_field_and_file(field, files, tmp_path):
    tifffile.imwrite(files / "cells.tif", np.zeros((118, 140), np.uint8))
    with pytest.raises(ValueError, match="FieldId a: .*cells.tif: .*empty"):
        cut.cut_fields([field], tmp_path / "out", report=lambda line: None)
    assert not (tmp_path / "out" / "manifest.csv").exists()


def test_the_command(field, tmp_path):
    flags = {"channels": "membrane:0,nucleus:DNA,structure:2", "structure": "alpha-tubulin", "output": tmp_path / "out"}
    flags |= {"cell_labels": field.cell_labels, "nucleus_labels": field.nucleus_labels}
    given = [f"--{name}={value}" for name, value in flags.items()]
    status, out = run_command(tmp_path, "fields.py", field.path, *given)
    assert status == 0 and "3 of 4 cells kept; 1 set aside: 1 no nucleus\n1 field: " in out
    row = table(tmp_path / "out" / "manifest.csv")[0]
    assert ast.literal_eval(row["name_dict"])["crop_raw"] == ["membrane", "dna", "structure"]
    assert json.loads((tmp_path / "out" / "a" / "field.json").read_text())["cells"]
