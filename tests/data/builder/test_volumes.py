"""Volumes of users' stacks: arrays by the axes of a config, and what a build refuses, by cell, file and reason."""

import csv
import json
import re

import numpy as np
import pytest

from icell_tf.data.builder import report
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.pose import BeyondFrame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.manifest.cells import BadCell
from tests.bad_volumes import FAULTS, MASKS, NAME_DICT, NAMES, SCALE, SPEC, make_cell, write, write_array
from tests.building import build, records

CONFIG = {"kind": "stacks", "image_size": list(SPEC.shape), "pixel_size": list(SPEC.pixel_size)}
COLUMNS = ("CellId", "structure_name", "crop_raw", "crop_seg", "name_dict", "scale_micron")
SCALES = {"deep": (1.2, 0.2, 0.2), "wide": (0.4, 0.9, 0.9), "small": (0.4, 0.2, 0.2)}
# Pixels are square in the plane; sides in pixels grow each as it needs to.
SMALLER = {"pixel_size": [(0.99, 1, 1), (1, 0.99, 0.99)], "image_size": [(0.5, 1, 1), (1, 0.5, 1), (1, 1, 0.5)]}


def write_manifest(folder, rows):
    with open(folder / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


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
    write_manifest(tmp_path / "cells", rows)
    with pytest.raises(report.BadCells) as error:
        build(tmp_path / "data", CONFIG | {"name": "bad", "axes": axes}, tmp_path / "cells")
    found = {bad.cell_id: bad for bad in error.value.bad_cells}
    assert found.keys() == faults.keys()
    for name, fault in faults.items():
        assert found[name].source == files[name]
        with pytest.raises(BadCell, match=fault.of_names or fault.message):
            raise found[name]
    assert not list((tmp_path / "data").rglob("*.array_record*"))


def test_the_larger_frames_that_an_error_names_hold_all_cells_and_no_smaller_ones_do(tmp_path):
    """Cells of which one is deep, one is wide, and one fits."""
    rows, channels, masks = [], *make_cell()
    (folder := tmp_path / "cells").mkdir()
    for name, scale in SCALES.items():
        files = f"{name}.ome.tif", f"{name}_m.ome.tif"
        for file, data, names in zip(files, (channels, masks), (NAMES, MASKS), strict=True):
            write(folder / file, data, names, scale=scale)
        rows.append((name, "tom20", *files, NAME_DICT, ""))
    write_manifest(folder, rows)
    tight = {"kind": "stacks", "image_size": [16, 16, 32], "pixel_size": [0.5, 0.5, 0.5]}

    def tried(i, **given):
        return build(tmp_path / f"data-{i}", tight | {"name": "tried"} | given, folder)

    with pytest.raises(report.BadCells) as error:
        tried(0)
    advice = re.findall(r"^  (pixel_size|image_size) (\[.*?\]) \(at .*?\): none$", str(error.value), re.MULTILINE)
    assert [argument for argument, _ in advice] == ["pixel_size", "image_size"]
    for argument, value in advice:
        sizes = json.loads(value)
        built = tried(argument, **{argument: sizes})
        assert sum(len(records(built, split)) for split in built.info.splits) == len(rows)
        for factors in SMALLER[argument]:
            less = tight | {argument: [size * factor for size, factor in zip(sizes, factors, strict=True)]}
            if all(new >= old for new, old in zip(less[argument], tight[argument], strict=True)):
                frame = Frame(map(int, less["image_size"]), less["pixel_size"])
                with pytest.raises(BeyondFrame):
                    for scale in SCALES.values():
                        preprocess(channels, *masks, scale, frame)


@pytest.mark.parametrize("axes", ["CZYX", "ZCYX"])
def test_arrays_are_built_by_the_axes_of_the_config(tmp_path, axes):
    """Masks that have no axes, either."""
    channels, masks = make_cell()
    (folder := tmp_path / "cells").mkdir()
    stack, of_masks = (
        write_array(folder / name, part.transpose(["CZYX".index(axis) for axis in axes]))
        for name, part in (("a", channels), ("m", masks))
    )
    write_manifest(folder, [("a", "tom20", stack.name, of_masks.name, NAME_DICT, str(list(SCALE)))])
    built = build(tmp_path / "data", CONFIG | {"name": "arrays", "axes": axes}, folder)
    (record,) = (record for split in built.info.splits for record in records(built, split))
    expected = preprocess(channels, *masks, SCALE, Frame(SPEC.shape, SPEC.pixel_size)).image
    np.testing.assert_array_equal(record["image"], expected)
