import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.one_stack import StackReading, parse_reading, prepare_stack
from icell_tf.inference.inputs import read_inputs
from icell_tf.spec import Channel, Preparation

from ..inference.test_inputs import CHANNELS, SCALE, SPEC, cell_stack, write, write_manifest

NAMES = ("Membrane", "DNA", "GFP")
PREPARATIONS = [("none", "percentile"), ("none", "maximum"), ("major_axis", "percentile"), ("major_axis", "maximum")]


@pytest.mark.parametrize("preparation", [Preparation("none", "percentile"), Preparation()])
def test_a_cell_is_prepared_as_those_of_the_model(tmp_path, preparation):
    stack, masks = (np.swapaxes(part, 2, 3) for part in cell_stack())  # its major axis is y
    stack[0, 2, 30, 25] = 5000  # a bright speck
    spec, frame = dataclasses.replace(SPEC, preparation=preparation), Frame(SPEC.shape, SPEC.pixel_size)
    expected = preprocess(stack, *masks, SCALE, frame, preparation).image
    others = {preprocess(stack, *masks, SCALE, frame, Preparation(*each)).image.tobytes() for each in PREPARATIONS}
    assert len(others) == len(PREPARATIONS)  # so that the preparation matters
    path = write(tmp_path / "cell.ome.tif", stack, NAMES)
    of_masks = write(tmp_path / "masks.ome.tif", masks.astype(np.uint8) * 255, ("cell", "nucleus"))
    np.testing.assert_array_equal(prepare_stack(path, of_masks, spec).image, expected)
    row = ["a", "tom20", path.name, of_masks.name, CHANNELS, str(list(SCALE))]
    (cell,) = read_inputs([write_manifest(tmp_path, [row])], SimpleNamespace(spec=spec))
    np.testing.assert_array_equal(cell.image, expected)


def test_what_was_guessed_is_told_with_its_file(tmp_path):
    channels, masks = cell_stack()
    path = write(tmp_path / "cell.ome.tif", channels[:2])
    of_masks = write(tmp_path / "masks.ome.tif", masks.astype(np.uint8) * 255)
    told = []
    prepare_stack(path, of_masks, SPEC, tell=lambda file, guesses: told.extend((file, guess) for guess in guesses))
    assert [file for file, _ in told] == [path, of_masks]
    assert "taken in their order as membrane:0, nucleus:1" in told[0][1]
    assert "taken in their order as cell:0, nucleus:1" in told[1][1]


def test_a_model_of_other_channels_takes_no_stacks(tmp_path):
    channels = (Channel("brightfield", "reference"), *SPEC.channels[1:])
    path = write(tmp_path / "cell.ome.tif", cell_stack()[0])
    with pytest.raises(ValueError, match=r"cell\.ome\.tif: the model takes the channels brightfield, nucleus"):
        prepare_stack(path, None, dataclasses.replace(SPEC, channels=channels))


def test_texts_as_flags_have_them():
    texts = {"channels": "membrane:0,nucleus:DNA", "pixel_size": "0.3,0.1,0.1", "mask_label": "cell:2", "scene": "P1"}
    reading = StackReading(**parse_reading(texts))
    assert reading.channels == {"membrane": 0, "nucleus": "DNA"} and reading.pixel_size == (0.3, 0.1, 0.1)
    assert reading.choices.mask_label == {"cell": 2} and (reading.scene, reading.axes) == ("P1", None)
    assert StackReading(**parse_reading({})) == StackReading()
    with pytest.raises(ValueError, match="--pixel_size is 'small'"):
        parse_reading({"pixel_size": "small"})
