"""The report of a build, and the error that lists bad cells."""

import pathlib
import tempfile

import numpy as np
import pytest
from PIL import Image

from icell_tf.data.builder import report
from icell_tf.imaging.manifest.cells import BadCell
from icell_tf.spec import CellSpec
from icell_tf.viz import panels, volumes
from tests.building import DUMMY, STACKS, build


def test_report(tmp_path, capsys):
    folder = pathlib.Path(build(tmp_path, STACKS, DUMMY).data_dir)
    text = (folder / report.REPORT).read_text()
    assert text in capsys.readouterr().out
    lines = [line.split() for line in text.splitlines()]
    assert ["lysosome", "1", "0", "1", "2"] in lines and ["all", "3", "2", "3", "8"] in lines
    assert "Pixel sizes found, µm, y x x: 1 x 1 (8 cells)" in text
    (membrane,) = [line for line in lines if line[:1] == ["membrane"]]
    assert membrane[1:] == ["96", "99.5", "103", "326", "331.5", "337"]
    assert (folder / report.SET_ASIDE).read_text() == "CellId,file,reason\n"
    sheet = np.asarray(Image.open(folder / report.CONTACT_SHEET))
    assert sheet.shape[0] > 3 * 160 and sheet.shape[1] > 3 * 160  # three structures, up to three cells of each
    assert (sheet.max(axis=2) - sheet.min(axis=2) > 100).mean() > 0.05  # colours


@pytest.mark.parametrize(("shape", "axes"), [([8, 32, 32], "z x y x x: 1 x 1 x 1"), ([32, 64], "y x x: 1 x 1")])
def test_report_of_volumes_and_of_unequal_sides(tmp_path, shape, axes):
    folder = pathlib.Path(build(tmp_path, STACKS | {"image_size": shape}, DUMMY).data_dir)
    assert f"Pixel sizes found, µm, {axes} (8 cells)" in (folder / report.REPORT).read_text()
    sheet = np.asarray(Image.open(folder / report.CONTACT_SHEET))
    assert sheet.shape[0] > 3 * 160 and sheet.shape[1] > 3 * 160
    assert (sheet.max(axis=2) - sheet.min(axis=2) > 100).mean() > 0.04


def test_a_volume_is_pictured_from_three_sides_in_one_scale():
    spec = CellSpec("ZYX", (4, 16, 16), (2.0, 1.0, 1.0), ("tom20",))
    image = np.zeros(spec.image_shape, np.uint8)
    image[1:3, 4:8, 2:14] = 255
    sheet = report.contact_sheet({"tom20": [volumes.projections(image, spec.axes)]}, spec)
    depth = 2 * 4  # the window has 6 x 16 px in the plane, and 4 planes, each 2 px thick
    height, width = 6 + volumes.GAP + depth, 16 + volumes.GAP + depth
    factor = 10  # the smallest by which a panel has 160 px
    assert sheet.shape[0] == height * factor + 2 * panels.GAP
    panel = sheet[panels.GAP : -panels.GAP, -width * factor - panels.GAP : -panels.GAP]
    lit = np.zeros((height, width), bool)
    lit[1:5, 2:14] = lit[10:14, 2:14] = lit[1:5, 20:24] = True  # from above, the front and the side
    np.testing.assert_array_equal(panel[factor // 2 :: factor, factor // 2 :: factor].max(axis=2) > 128, lit)


def test_bytes_that_are_not_utf_8_can_be_reported():
    problem = BadCell("g\udcfc", "file", "reason")
    assert report.to_csv([problem]).encode().endswith(b"g\\udcfc,file,reason\n")
    text = str(report.BadCells([problem], "Correct it.", ["a larger frame"]))
    assert text.endswith("reason\na larger frame\nCorrect it.")


def test_more_bad_cells_than_a_message_holds_lie_in_a_file(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "REASONS_IN_MESSAGE", 2)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    reasons = ["empty", "too large", "empty", "torn", "empty"]
    text = str(report.BadCells([BadCell(str(i), "file", reason) for i, reason in enumerate(reasons)], "Correct them."))
    (path,) = tmp_path.iterdir()
    assert text.splitlines() == [
        "5 cells can't be used, so nothing was written:",
        "  3 cells (CellId 0, 2, 4), such as file: empty",
        "  CellId 1, file: too large",
        f"{path} lists all of them.",
        "Correct them.",
    ]
    assert path.read_text().splitlines()[1:] == [f"{i},file,{reason}" for i, reason in enumerate(reasons)]
