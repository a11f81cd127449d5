"""Cells as lines of text: what Beam's workers return for each."""

import dataclasses
import functools

import pytest

from icell_tf.data.builder import lines
from icell_tf.imaging import prepare
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.manifest.manifest import read_manifest
from tests.building import DUMMY


def test_lines_hold_cells_findings_and_records():
    cell, examine = (
        read_manifest(DUMMY / "manifest.csv")[0],
        functools.partial(prepare.examine, frame=Frame((32, 32), (1.0, 1.0))),
    )
    line = lines.encode((5, cell))
    assert lines.decode(lines.examine_line(line, examine)) == (5, examine(cell)[1])
    assert lines.make_example(line, examine) == (cell.cell_id, examine(cell)[0])
    with pytest.raises(prepare.BadCell, match="no such file"):
        lines.make_example(lines.encode((5, dataclasses.replace(cell, raw="nowhere.tif"))), examine)
