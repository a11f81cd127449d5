"""Bad cells: they stop a build and are all named, or they are set aside, listed, and cost no other cell."""

import csv
import json
import pathlib
import re

import numpy as np
import pytest
import tifffile

from icell_tf.data.builder import report
from icell_tf.imaging import prepare
from icell_tf.imaging.frame import frame
from icell_tf.imaging.manifest import manifest
from tests.building import STACKS, build, records

COLUMNS = ("CellId", "structure_name", "crop_raw", "crop_seg", "name_dict", "FOVId", "scale_micron")
NAMES = "{'crop_raw': ['membrane', 'dna', 'structure'], 'crop_seg': ['cell_seg', 'nucleus_seg']}"
SCALE = "[1.0, 0.5, 0.5]"


def make_cell(size=1.0):
    """Channels (3, 4, 40, 48) uint16 and masks (2, 4, 40, 48) uint8 of an ellipsoid with its nucleus off its centre."""
    z, y, x = np.meshgrid(np.arange(4), np.arange(40) / size, np.arange(48) / size, indexing="ij")
    cell = ((z - 1.5) / 2) ** 2 + ((y - 18 / size) / 10) ** 2 + ((x - 22 / size) / 15) ** 2 < 1
    nucleus = ((y - 17 / size) / 4) ** 2 + ((x - 25 / size) / 5) ** 2 < 1
    noise = np.random.default_rng(0).integers(95, 105, (3, *cell.shape))
    channels = noise + np.stack([300 * cell, 500 * (cell & nucleus), 200 * (cell & ~nucleus) * (x > 20)])
    return channels.astype(np.uint16), np.stack([cell, cell & nucleus]).astype(np.uint8)


class Folder:
    """A folder with a manifest and its stacks: four good cells, and whatever else is added."""

    def __init__(self, path):
        self.path, self.rows = path, []
        path.mkdir()
        for number in range(4):
            self.add(f"good-{number}")

    def add(self, cell_id, channels=None, masks=None, structure="tom20", scale=SCALE, name_dict=NAMES):
        """Writes a cell's files, and its row."""
        whole = make_cell()
        for kind, data in (("raw", channels), ("seg", masks)):
            data = whole[kind == "seg"] if data is None else data
            tifffile.imwrite(self.path / f"{cell_id}_{kind}.tif", data, metadata={"axes": "CZYX"}, ome=True)
        self.rows.append([cell_id, structure, f"{cell_id}_raw.tif", f"{cell_id}_seg.tif", name_dict, cell_id, scale])

    def write(self):
        with open(self.path / "manifest.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *self.rows])
        return self.path


def truncated(folder, cell_id):
    folder.add(cell_id)
    path = folder.path / f"{cell_id}_raw.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def duplicate_cell(folder, cell_id):
    folder.add(cell_id)
    folder.add(cell_id)


def missing_file(folder, cell_id):
    folder.add(cell_id)
    (folder.path / f"{cell_id}_seg.tif").unlink()


def unreadable_row(folder, cell_id):
    folder.rows.append([cell_id, "tom20", "raw.tif"])


def added(**arguments):
    """A function that adds a cell with these arguments."""
    return lambda folder, cell_id: folder.add(cell_id, **arguments)


CHANNELS, MASKS = make_cell()
EMPTY = CHANNELS * np.uint16([1, 0, 1])[:, None, None, None]
PAIR = "actin", "actinin"
OFFENDERS = {
    "truncated": (truncated, "bad_raw.tif", "TIFF|cut short"),
    "wrong_channel_count": (added(channels=CHANNELS[:2]), "bad_raw.tif", "3 channels .* 2 "),
    "empty_channel": (added(channels=EMPTY), "bad_raw.tif", "nucleus channel is empty"),
    "mask_of_another_shape": (added(masks=MASKS[:, :, :-4]), "bad_raw.tif", r"bad_seg.tif: .*36, 48\).* 40, 48\)"),
    "misspelt_structure": (added(structure="tom2O"), "manifest.csv, line 6", "'tom2O' .*'tom20'"),
    "duplicate_cell": (duplicate_cell, "manifest.csv, line 6", "occurs in 2 rows"),
    "missing_file": (missing_file, "manifest.csv, line 6", "bad_seg.tif.*no such file"),
    "missing_pixel_size": (added(scale=""), "bad_raw.tif", "no pixel size .*scale_micron"),
    "too_large": (added(scale="[1.0, 2.0, 2.0]"), "bad_raw.tif", "reaches .* the frame of 32 x 32 px"),
    "unreadable_row": (unreadable_row, "manifest.csv, line 6", "3 values, expected 7"),
}


@pytest.mark.parametrize(("offend", "source", "reason"), OFFENDERS.values(), ids=OFFENDERS)
def test_a_bad_cell_is_named_with_file_and_reason(tmp_path, offend, source, reason):
    """As a build examines them: listed, then prepared."""
    folder = Folder(tmp_path / "manual")
    offend(folder, "bad")
    cells, problems = manifest.list_manifest(folder.write() / "manifest.csv")
    outcomes = [prepare.examine(cell, frame.Frame((32, 32), (1.0, 1.0))) for cell in cells]
    problems += [outcome for outcome in outcomes if isinstance(outcome, prepare.BadCell)]
    assert len(outcomes) >= 4 and {problem.cell_id for problem in problems} == {"bad"}
    assert problems[0].source == str(folder.path / source)
    assert re.search(reason, problems[0].reason), problems[0].reason


@pytest.fixture
def all_bad(tmp_path):
    """The four good cells and one of every kind of bad one, each with an id of its own."""
    folder = Folder(tmp_path / "manual")
    for name, (offend, *_) in OFFENDERS.items():
        offend(folder, name)
    return folder.write()


def test_one_bad_cell_stops_the_build_and_all_are_named(tmp_path, all_bad):
    with pytest.raises(report.BadCells) as caught:
        build(tmp_path / "data", STACKS, all_bad)
    named = set(re.findall(r"CellId (\S+),", str(caught.value)))
    assert OFFENDERS.keys() <= named
    assert not (tmp_path / "data" / "integrated_cell").exists()


def test_bad_cells_are_set_aside_and_listed(tmp_path, all_bad):
    builder = build(tmp_path / "data", STACKS | {"on_bad_cell": "skip"}, all_bad)
    ids = {record["cell_id"].decode() for split in builder.info.splits for record in records(builder, split)}
    assert ids == {f"good-{i}" for i in range(4)}
    folder = pathlib.Path(builder.data_dir)
    rows = list(csv.DictReader((folder / report.SET_ASIDE).read_text().splitlines()))
    assert {row["CellId"] for row in rows} == OFFENDERS.keys()
    assert len(rows) == len(OFFENDERS) + 1  # the duplicate has two rows
    assert f"{len(rows)} cells set aside" in (folder / report.REPORT).read_text()


def test_structures_can_be_named(tmp_path):
    folder = Folder(tmp_path / "manual")
    folder.add("bad", structure="golgi")
    folder.write()
    with pytest.raises(report.BadCells, match=r"\n  CellId bad, .*'golgi' .*tom20, zo1"):
        build(tmp_path / "data", STACKS | {"structures": ["tom20", "zo1"]}, folder.path)


def test_the_name_of_class_k_is_no_structure(tmp_path, monkeypatch):
    folder = Folder(tmp_path / "manual")
    folder.add("bad", structure="generated")
    folder.add("worse", structure="Generated")
    cells, problems = manifest.list_manifest(folder.write() / "manifest.csv")
    assert len(cells) == 4 and [problem.cell_id for problem in problems] == ["bad", "worse"]
    assert re.search("manifest.csv, line 6: structure_name is 'generated', .* another name", str(problems[0]))


def test_two_frequent_names_that_resemble_each_other_are_two_structures(tmp_path):
    folder = Folder(tmp_path / "manual")
    folder.rows = [
        [f"{name}-{i}", name, *folder.rows[0][2:5], f"{name}-{i}", SCALE] for name in PAIR for i in range(12)
    ]
    builder = build(tmp_path / "data", STACKS | {"on_bad_cell": "skip"}, folder.write())
    assert builder.info.features["structure"].names == list(PAIR)
    assert sum(split.num_examples for split in builder.info.splits.values()) == 24
    text = (pathlib.Path(builder.data_dir) / report.REPORT).read_text()
    assert "'actinin' (12 cells) differs by 2 letters from 'actin' (12 cells): they are two structures" in text


def test_similar_names_may_be_allowed(tmp_path):
    folder = Folder(tmp_path / "manual")
    folder.add("other", structure="tom22")
    with pytest.raises(report.BadCells, match="'tom22' .*similar_names"):
        build(tmp_path / "data", STACKS, folder.write())
    builder = build(tmp_path / "data", STACKS | {"similar_names": "allow"}, folder.path)
    assert builder.info.features["structure"].names == ["tom20", "tom22"]


def test_a_frame_that_is_too_small_says_which_is_not(tmp_path):
    folder = Folder(tmp_path / "manual").write()
    small = STACKS | {"image_size": 16, "pixel_size": 0.5}
    with pytest.raises(report.BadCells) as caught:
        build(tmp_path / "data", small, folder)
    found = re.findall(r"  (pixel|image)_size (\S+) \(at .*\): none", str(caught.value))
    assert [name for name, _ in found] == ["pixel", "image"]
    for name, value in found:
        builder = build(tmp_path / "data", small | {"name": name, f"{name}_size": json.loads(value)}, folder)
        assert sum(split.num_examples for split in builder.info.splits.values()) == 4
    with pytest.raises(report.BadCells, match="4 of 4 cells reach"):
        build(tmp_path / "data", small | {"pixel_size": float(found[0][1]) - 0.01}, folder)


def test_simulated_cells_beyond_their_frame_end_in_a_sentence(tmp_path):
    simulated = {"name": "small", "kind": "simulated", "image_size": 16, "pixel_size": 1.0, "cells_per_structure": 1}
    with pytest.raises(ValueError, match=r"(?s)^10 of 10 cells reach .*\n  pixel_size .*\nGive another"):
        build(tmp_path, simulated)
    build(tmp_path, simulated | {"pixel_size": 2.5})


def test_mixed_pixel_sizes_are_resampled(tmp_path):
    folder = Folder(tmp_path / "manual")
    channels, masks = (array.repeat(2, axis=2).repeat(2, axis=3) for array in make_cell())
    folder.add("fine", channels, masks, scale="[1.0, 0.25, 0.25]")
    builder = build(tmp_path / "data", STACKS, folder.write())
    images = {r["cell_id"]: r["image"] / 255.0 for split in builder.info.splits for r in records(builder, split)}
    assert np.corrcoef(images[b"fine"].ravel(), images[b"good-0"].ravel())[0, 1] > 0.98
    text = (pathlib.Path(builder.data_dir) / report.REPORT).read_text()
    assert "0.5 x 0.5 (4 cells), 0.25 x 0.25 (1 cell)" in text


def test_guessed_axes_are_reported_and_overridden(tmp_path):
    folder = Folder(tmp_path / "manual")
    for row, data in ((row, make_cell()) for row in folder.rows):
        for name, kind in zip(row[2:4], data, strict=True):
            tifffile.imwrite(folder.path / name, kind, photometric="minisblack")  # no metadata
    builder = build(tmp_path / "data", STACKS, folder.write())
    text = (pathlib.Path(builder.data_dir) / report.REPORT).read_text()
    assert "Please check what was guessed" in text and "taken as CZYX: 3 channels are named" in text
    assert "4 cells without a field of view (FOVId)" in text
    builder = build(tmp_path / "data", STACKS | {"name": "told", "axes": "CZYX"}, folder.path)
    assert "guessed" not in (pathlib.Path(builder.data_dir) / report.REPORT).read_text()


def test_files_that_contradict_the_manifest_are_reported(tmp_path):
    folder = Folder(tmp_path / "manual")
    sizes = {"PhysicalSizeY": 0.25, "PhysicalSizeX": 0.25}
    for row, (data, _) in ((row, make_cell()) for row in folder.rows):
        metadata = {"axes": "CZYX", "Channel": {"Name": ["dna", "membrane", "GFP"]}, **sizes}
        tifffile.imwrite(folder.path / row[2], data, ome=True, metadata=metadata)
    builder = build(tmp_path / "data", STACKS, folder.write())
    text = (pathlib.Path(builder.data_dir) / report.REPORT).read_text()
    assert "given as y 0.5, x 0.5 µm, and the file says y 0.25, x 0.25 µm: the given one is used. (4 cells)" in text
    assert "channel 0 is membrane by name_dict, and called 'dna' in the file; channel 1 is nucleus" in text


def test_a_part_of_a_data_set_does_not_pass_for_the_whole(tmp_path):
    folder = Folder(tmp_path / "manual").write()
    build(tmp_path / "data", STACKS, folder, max_examples_per_split=1)
    with pytest.raises(ValueError, match="max_examples_per_split: .*1, .*None"):
        build(tmp_path / "data", STACKS, folder)
