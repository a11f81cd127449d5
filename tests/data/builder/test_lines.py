"""Cells and records as bytes and as lines of text: what workers return for each."""

import dataclasses
import functools

import numpy as np
import pytest

from icell_tf.data.builder import lines
from icell_tf.imaging import prepare
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.manifest.manifest import read_manifest
from tests.building import DUMMY


def test_packed_records_are_small_and_come_back_whole():
    examine = functools.partial(prepare.examine, frame=Frame((8, 16, 16), (2.0, 2.5, 2.5)))
    cell = prepare.SimulatedId("tom20", 0, expected_draws=2, observations=2)
    packed, findings = lines.examine_packed(cell, examine)
    record, expected_findings = examine(cell)
    assert findings == expected_findings
    assert len(packed) < sum(value.nbytes for value in record.values() if isinstance(value, np.ndarray)) / 2
    unpacked = lines.unpack(packed)
    assert unpacked.keys() == record.keys()
    for name, value in record.items():
        np.testing.assert_array_equal(unpacked[name], value)
    outside = functools.partial(prepare.examine, frame=Frame((8, 16, 16), (0.5, 0.5, 0.5)))
    assert isinstance(lines.examine_packed(cell, outside), prepare.BadCell)


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
