"""A stack's channels by name and number, whatever the order of its file's axes."""

import numpy as np
import pytest

from icell_tf.imaging.read.source import Source, choose_scene
from icell_tf.imaging.read.stack import Stack

NAMES = ("membrane", "1", "dna")


def stack_of(data, axes, channels=NAMES):
    return Stack(Source(data.shape, data.dtype, axes, data.__getitem__), axes, channels, (1, 1, 1), "a.tif")


@pytest.mark.parametrize("axes", ["CZYX", "ZCYX", "YXZC", "TCZYX", "ZYXS", "XYZC", "IZYXC"])
def test_any_order_of_axes(pixels, axes):
    data = pixels(3, 4, 5, 6)  # CZYX
    letters = axes.replace("S", "C").lstrip("TI")
    stored = np.transpose(data, ["CZYX".index(letter) for letter in letters])
    stack = stack_of(stored[None] if axes[0] in "TI" else stored, axes)
    assert stack.shape == (3, 4, 5, 6)
    np.testing.assert_array_equal(stack.data, data)
    for number in range(3):
        np.testing.assert_array_equal(stack.channel(number), data[number])


def test_samples_of_channels_are_channels(pixels):
    data = pixels(2, 5, 6, 3)
    stack = stack_of(data, "CYXS", ("a", "b", "c", "d", "e", "f"))
    expected = np.moveaxis(data, -1, 1).reshape(6, 1, 5, 6)
    assert stack.shape == (6, 1, 5, 6)
    np.testing.assert_array_equal(stack.data, expected)
    np.testing.assert_array_equal(stack.channel("e"), expected[4])


def test_an_int_is_an_index_and_a_str_is_a_name(pixels):
    data = pixels(3, 4, 5, 6)
    stack = stack_of(data, "CZYX", ("2", "", "0"))
    np.testing.assert_array_equal(stack.channel("2"), data[0])
    np.testing.assert_array_equal(stack.channel("0"), data[2])
    for index in (2, np.int64(2)):
        np.testing.assert_array_equal(stack.channel(index), data[2])
    assert stack.listed == "0: 2, 1 (no name), 2: 0"


@pytest.mark.parametrize("channel", ["actin", "3", "0", "", 3, -1])
def test_no_such_channel(pixels, channel):
    with pytest.raises(ValueError, match=rf"a\.tif: .*{channel!r}.* 0: membrane, 1: 1, 2:"):
        stack_of(pixels(3, 4, 5, 6), "CZYX").channel(channel)


def test_an_ambiguous_name(pixels):
    stack = stack_of(pixels(3, 4, 5, 6), "CZYX", ("Gray", "dna", "Gray"))
    with pytest.raises(ValueError, match=r"a\.tif: .*'Gray' .*numbers"):
        stack.channel("Gray")
    stack.channel(2)


def test_scenes():
    assert choose_scene("a.czi", ["only"], None) == 0
    assert choose_scene("a.czi", ["P2", "1", "P0"], "1") == 1  # its name and its number
    assert choose_scene("a.czi", ["1", "2"], "2") == choose_scene("a.czi", ["1", "2"], "name=2") == 1
    assert choose_scene("a.czi", ["01", "02"], "2") == choose_scene("a.czi", ["01", "02"], "name=02") == 1
    for names, scene in ((["1", "2"], "1"), (["01", "02"], "1"), (["P1", "P1"], "P1")):
        with pytest.raises(ValueError, match=rf"a\.czi: the scene '{scene}' may be any of 0, 1; .*name=NAME"):
            choose_scene("a.czi", names, scene)
    assert choose_scene("a.czi", ["P2", "P1", "P0"], 2) == 2
    with pytest.raises(ValueError, match=r"a\.czi: holds 2 scenes \(0: P1, 1: P2\).*a file of its own"):
        choose_scene("a.czi", ["P1", "P2"], None)
    with pytest.raises(ValueError, match=r"a\.czi: .*'P3'.* 0: P1, 1: P2"):
        choose_scene("a.czi", ["P1", "P2"], "P3")


@pytest.mark.parametrize(("stored", "read"), [("float16", np.float32), ("int64", np.int64), (">u2", np.uint16)])
def test_types_are_those_that_scipy_takes(pixels, stored, read):
    data = pixels(3, 3, 4, 5).astype(stored)
    stack = stack_of(data, "CZYX")
    assert stack.dtype == stack.data.dtype == stack.channel(1).dtype == read and stack.dtype.isnative
    np.testing.assert_array_equal(stack.data, data)
