"""Larger frames: the smallest that hold all cells, and how many cells others would lose."""

import numpy as np
import pytest

from icell_tf.data.builder.frames import larger_frames
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.manifest.cells import BadCell


def cells(*reaches):
    return [BadCell(str(i), "file", "reason", reach) for i, reach in enumerate(reaches)]


def test_the_smallest_pixels_and_the_smallest_image_that_hold_all():
    lines = larger_frames(Frame((32, 32), (1.0, 1.0)), [*cells((10.0, 17.0), (20.5, 3.0)), BadCell("x", "f", "r")], 4)
    assert lines == [
        "2 of 4 cells reach beyond the frame of 32 x 32 px at 1 µm/px. What larger frames would lose:",
        "  pixel_size 1.29 (at image_size 32): none",
        "  image_size 64 (at pixel_size 1.0): none",
    ]


def test_a_few_cells_may_be_worth_losing():
    reaches = [(16.0 + i / 10, 1.0) for i in range(1, 11)] + [(100.0, 1.0), (300.0, 1.0)]
    lines = larger_frames(Frame((32, 32), (1.0, 1.0)), cells(*reaches), 100)
    assert lines[1:] == [
        "  pixel_size 1.02 (at image_size 32): 9 cells",
        "  pixel_size 1.05 (at image_size 32): 4 cells",
        "  pixel_size 6.25 (at image_size 32): 1 cell",
        "  pixel_size 18.8 (at image_size 32): none",
        "  image_size 64 (at pixel_size 1.0): 2 cells",
        "  image_size 256 (at pixel_size 1.0): 1 cell",
        "  no image_size (at pixel_size 1.0) holds all",
    ]


def test_axes_grow_as_they_need_to():
    frame = Frame((8, 32, 64), (1.0, 0.5, 0.5))
    assert larger_frames(frame, cells((6.0, 3.0, 3.0)), 9)[1:] == [
        "  pixel_size [1.5, 0.5, 0.5] (at image_size [8, 32, 64]): none",
        "  image_size [16, 32, 64] (at pixel_size [1.0, 0.5, 0.5]): none",
    ]
    assert larger_frames(frame, cells((3.0, 9.0, 3.0)), 9)[1:] == [
        "  pixel_size [1.0, 0.563, 0.563] (at image_size [8, 32, 64]): none",
        "  image_size [8, 64, 64] (at pixel_size [1.0, 0.5, 0.5]): none",
    ]


def test_what_no_frame_holds():
    lines = larger_frames(Frame((512, 512), (50.0, 50.0)), cells((1e5, 1e5)), 1)
    assert [line.split(" (")[0] for line in lines[1:]] == ["  no pixel_size", "  no image_size"]
    assert not larger_frames(Frame((32, 32), (1.0, 1.0)), [BadCell("x", "file", "reason")], 3)
    lines = larger_frames(Frame((32, 32), (1.0, 1.0)), cells((48.0, 1.0)), 1, largest_pixel=2.5)
    assert lines[1] == "  no pixel_size (at image_size 32) holds all"
    assert lines[-1] == "  image_size 128 (at pixel_size 1.0): none"


@pytest.mark.parametrize("pixel_size", [0.108, 0.317, 0.5, 1.0])
def test_frames_hold_what_they_say(pixel_size):
    reaches = np.random.default_rng(0).uniform(1, 30, (50, 2))
    frame = Frame((32, 64), (pixel_size, pixel_size))
    beyond = [tuple(reach) for reach in reaches if (reach > np.array(frame.extent) / 2).any()]
    for line in larger_frames(frame, cells(*beyond), 50)[1:]:
        argument, value, *_ = line.split()
        if argument == "pixel_size" and line.endswith("none"):
            largest = Frame(frame.shape, [float(value)] * 2).extent
            assert not (reaches > np.array(largest) / 2).any()
            assert (reaches > 0.99 * np.array(largest) / 2).any()
