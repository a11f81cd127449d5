"""What a build of volumes refuses: every bad cell by its id, its file and the reason, before anything is written."""

import csv

import pytest

from icell_tf.data.builder import report
from icell_tf.imaging.manifest.cells import BadCell
from tests.bad_volumes import FAULTS, NAME_DICT, SPEC, make_cell
from tests.building import build

CONFIG = {"kind": "stacks", "image_size": list(SPEC.shape), "pixel_size": list(SPEC.pixel_size)}
COLUMNS = ("CellId", "structure_name", "crop_raw", "crop_seg", "name_dict", "scale_micron")


@pytest.mark.parametrize("axes", sorted({fault.axes or "" for fault in FAULTS.values()}))
def test_every_bad_cell_is_named(tmp_path, axes):
    """Those whose axes are given alike are in a build together."""
    faults = {name: fault for name, fault in FAULTS.items() if (fault.axes or "") == axes}
    rows, files = [], {}
    for i, (name, fault) in enumerate(faults.items()):
        (folder := tmp_path / "cells" / str(i)).mkdir(parents=True)
        stack, masks = fault.write(folder, *make_cell())
        scale = str(list(fault.pixel_size)) if fault.pixel_size else ""
        rows.append((name, "tom20", f"{i}/{stack.name}", f"{i}/{masks.name}", NAME_DICT, scale))
        files[name] = str(stack)
    with open(tmp_path / "cells" / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    with pytest.raises(report.BadCells) as error:
        build(tmp_path / "data", CONFIG | {"name": "bad", "axes": axes}, tmp_path / "cells")
    found = {bad.cell_id: bad for bad in error.value.bad_cells}
    assert found.keys() == faults.keys()
    for name, fault in faults.items():
        assert found[name].source == files[name]
        with pytest.raises(BadCell, match=fault.of_names or fault.message):
            raise found[name]
    assert not list((tmp_path / "data").rglob("*.array_record*"))
