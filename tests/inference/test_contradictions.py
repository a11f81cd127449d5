"""What a user's inputs say otherwise than their files, or one file than another, is printed or refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from icell_tf.imaging import read
from icell_tf.imaging.frame.masks import Choices
from icell_tf.inference import inputs

from .test_inputs import CHANNELS, COLUMNS, MODEL, SCALE, cell_stack, write, write_manifest


@pytest.fixture
def files(tmp_path):
    channels, masks = cell_stack()
    stack = write(tmp_path / "a.ome.tif", channels, ("Membrane", "DNA", "GFP"))
    masks = write(tmp_path / "masks.ome.tif", masks.astype(np.uint8) * 255, ("cell", "nucleus"))
    return SimpleNamespace(stack=stack, masks=masks, folder=tmp_path)


def test_what_the_files_say_otherwise_is_printed_once(files, capsys, monkeypatch):
    monkeypatch.setattr(read, "_printed_guesses", set())
    reading = inputs.Reading((str(files.masks),), {"membrane": 1, "nucleus": 0}, pixel_size=(0.5, 0.38, 0.38))
    (cell,) = inputs.read_inputs([files.stack], MODEL, reading)
    assert cell.transform.source_scale == (0.38, 0.38)
    lines = capsys.readouterr().out.splitlines()
    size = "the pixel size is given as y 0.38, x 0.38 µm, and the file says y 0.4, x 0.4 µm: the given one is used."
    assert lines[0] == f"{files.stack}: {size}" and len(lines) == 2
    assert "channel 1 is membrane by --channels, and called 'DNA' in the file; channel 0 is nucleus" in lines[1]
    inputs.read_inputs([files.stack], MODEL, reading)
    assert capsys.readouterr().out == ""


def test_a_manifest_is_compared_with_its_files(files, capsys):
    names = CHANNELS.replace("'membrane', 'dna'", "'dna', 'membrane'")
    rows = [(f"c{i}", "tom20", files.stack.name, files.masks.name, names, [0.5, 0.38, 0.38]) for i in range(2)]
    manifest = write_manifest(files.folder, rows)
    assert len(inputs.read_inputs([manifest], MODEL)) == 2
    size, channels = capsys.readouterr().out.splitlines()
    assert "given as y 0.38, x 0.38 µm, and the file says y 0.4, x 0.4 µm" in size
    assert "0 is nucleus by name_dict, and called 'Membrane' in the file: name_dict is followed." in channels
    inputs.read_inputs([manifest], MODEL, inputs.Reading(pixel_size=(0.4,)))
    lines = capsys.readouterr().out.splitlines()
    assert "given as y 0.4, x 0.4 µm, and scale_micron says y 0.38, x 0.38 µm" in lines[0] and len(lines) == 2


def test_copies_and_masks_of_another_size_are_refused(files):
    channels, masks = cell_stack()
    twice = write(files.folder / "twice.ome.tif", channels[[0, 0, 2]], ("membrane", "dna", "gfp"))
    reading = inputs.Reading(segmentation=(str(files.masks),))
    with pytest.raises(ValueError, match="twice.ome.tif: .*membrane and nucleus hold the same voxels"):
        inputs.read_inputs([twice], MODEL, reading)
    same = write(files.folder / "same.ome.tif", masks[[0, 0]].astype(np.uint8), ("cell", "nucleus"))
    with pytest.raises(ValueError, match="same.ome.tif: .*cell and nucleus hold the same voxels"):
        inputs.read_inputs([files.stack], MODEL, inputs.Reading(segmentation=(str(same),)))
    other = write(files.folder / "other.ome.tif", masks.astype(np.uint8), ("cell", "nucleus"), (1, 1, 1))
    with pytest.raises(ValueError, match="other.ome.tif: .*y 1, x 1 µm, and the image's .*y 0.4, x 0.4 µm"):
        inputs.read_inputs([files.stack], MODEL, inputs.Reading(segmentation=(str(other),)))
    row = ("c", "tom20", files.stack.name, other.name, CHANNELS)
    with pytest.raises(ValueError, match="CellId c, .*other.ome.tif: .*y 1, x 1 µm, and the image's"):
        inputs.read_inputs([write_manifest(files.folder, [row], COLUMNS[:5])], MODEL)
    given = inputs.Reading(segmentation=(str(other),), pixel_size=SCALE)
    assert len(inputs.read_inputs([files.stack], MODEL, given)) == 1


@pytest.mark.parametrize("choices", [Choices({"cell": 2}), Choices({}, {"cell": 0.5})])
def test_what_is_said_of_masks_that_are_not_given_is_refused(files, choices):
    with pytest.raises(ValueError, match="a.ome.tif: --mask_label and --mask_threshold .* leave them out"):
        inputs.read_inputs([files.stack], MODEL, inputs.Reading((inputs.AUTO,), choices=choices))
