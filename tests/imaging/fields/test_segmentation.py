"""The classical segmentation: how many nuclei, where cells meet, and what is left to others."""

import numpy as np
import pytest

from icell_tf.imaging.fields.matching import divide_field
from icell_tf.imaging.fields.segmentation import segment_cells, segment_nuclei
from icell_tf.imaging.frame.no_data import find_no_data
from icell_tf.imaging.read import read_stack

SCALE = (0.5, 0.5)


def discs(shape, centres, radius, scale=SCALE):
    """Bool (Y, X): discs in µm."""
    rows, columns = np.indices(shape)
    return np.any([np.hypot(rows * scale[0] - y, columns * scale[1] - x) <= radius for y, x in centres], axis=0)


def noisy(plane, seed=0):
    return np.random.default_rng(seed).normal(100 + 200 * plane, 5)


def test_touching_nuclei_are_divided_and_specks_left_out():
    nuclei = discs((120, 160), [(20, 20), (20, 31), (40, 60)], 6) | discs((120, 160), [(50, 20)], 1)
    labels = segment_nuclei(noisy(nuclei), SCALE)
    assert labels.max() == 3 and labels.dtype == np.int32
    assert len({labels[40, 40], labels[40, 62], labels[80, 120]} - {0}) == 3
    assert labels[100, 40] == 0
    found, true = labels > 0, nuclei & ~discs((120, 160), [(50, 20)], 1)
    assert (found & true).sum() / (found | true).sum() > 0.9


def test_a_dim_nucleus_beside_a_bright_one_is_found():
    plane = discs((80, 120), [(20, 15)], 6) + 0.15 * discs((80, 120), [(20, 42)], 6)
    assert segment_nuclei(noisy(plane), SCALE).max() == 2


def test_pixel_size_does_not_matter():
    for size in (0.25, 0.5, 1.0):
        shape = (round(60 / size), round(80 / size))
        plane = discs(shape, [(20, 20), (20, 31), (40, 60)], 6, (size, size))
        assert segment_nuclei(noisy(plane), (size, size)).max() == 3


def test_cells_meet_in_the_membrane():
    """A wall at 26 µm, nearer to one nucleus than to the other, and one at 62 µm, beyond which there is no nucleus."""
    shape = (80, 160)
    nuclei = np.where(discs(shape, [(20, 12)], 6), 1, np.where(discs(shape, [(20, 50)], 6), 2, 0))
    membrane = np.zeros(shape)
    membrane[:, 51:54] = membrane[:, 123:126] = 1
    cells = segment_cells(noisy(membrane), nuclei, SCALE)
    assert (cells[:, :51] == 1).all() and (cells[:, 54:123] == 2).all() and (cells[:, 126:] == 0).all()


def test_a_simulated_field_is_found(simulated):
    scale = simulated.scale[1:]
    nuclei = segment_nuclei(simulated.channels[1], scale, diameter=8)
    cells = segment_cells(simulated.channels[0], nuclei, scale, diameter=8)
    kept, set_aside = divide_field(cells[None], nuclei[None], simulated.scale)
    assert len(kept) == 4 and not set_aside
    for i in range(4):
        true = (simulated.cells == i + 1).any(axis=0)
        label = np.bincount(cells[true]).argmax()
        assert label and (true & (cells == label)).sum() / (true | (cells == label)).sum() > 0.8


@pytest.mark.parametrize(
    "plane, diameter, message",
    [
        (np.full((40, 40), 7), 12, "same everywhere"),
        (noisy(discs((80, 80), [(20, 20)], 6)), 1, "2.0 pixels across"),
        (noisy(discs((80, 80), [(20, 20)], 2)), 24, "no nuclei of about 24 µm"),
    ],
)
def test_images_without_nuclei_are_refused(plane, diameter, message):
    with pytest.raises(ValueError, match=message):
        segment_nuclei(plane, SCALE, diameter)


@pytest.mark.parametrize("fill", [0, np.nan])
def test_pixels_without_data_are_neither_nucleus_nor_cell(simulated, fill):
    """Strips of a mosaic: without them the same nuclei and cells are found, and none reaches into them."""
    scale, channels = simulated.scale[1:], simulated.channels.astype(np.float32)
    expected = segment_nuclei(channels[1], scale, 8)
    empty = np.zeros(channels.shape[1:], bool)
    empty[:, :3] = empty[:, :, -2:] = True
    channels[:, empty] = fill
    nuclei = segment_nuclei(channels[1], scale, 8, find_no_data(channels[1]))
    assert np.count_nonzero(nuclei != expected) < 0.01 * np.count_nonzero(expected)
    no_data = find_no_data(channels[0])
    np.testing.assert_array_equal(no_data, empty)
    cells = segment_cells(channels[0], nuclei, scale, 8, no_data)
    assert cells.max() == 4 and not cells[empty[0]].any()


def test_a_lone_cell_on_a_dark_ground_is_found():
    """Without noise, nucleus and membrane fill less of the field than the percentiles leave out."""
    shape, centre = (700, 700), [(100, 100)]
    nucleus = discs(shape, centre, 6)
    membrane = discs(shape, centre, 15) & ~discs(shape, centre, 14)
    found = segment_nuclei(1000.0 * nucleus, SCALE)
    assert found.max() == 1 and np.count_nonzero((found > 0) != nucleus) < 0.02 * np.count_nonzero(nucleus)
    cell = segment_cells(1000.0 * membrane, found, SCALE) > 0
    assert not (discs(shape, centre, 14) & ~cell).any() and not (cell & ~discs(shape, centre, 17)).any()
    with pytest.raises(ValueError, match="membrane channel is the same everywhere"):
        segment_cells(np.zeros(shape), found, SCALE)


def test_cells_need_nuclei_of_their_field():
    with pytest.raises(ValueError, match=r"plane of \(4, 5\), found 0"):
        segment_cells(np.ones((4, 5)), np.zeros((4, 5), int), SCALE)


def test_the_raw_field(real_data):
    """About 25 nuclei are in it, some only touched by its edge; nine cells lie in it whole."""
    stack = read_stack(real_data / "allen_raw_field" / "AICS-12_134_z22.ome.tif")
    nuclei = segment_nuclei(stack.channel("dna"), stack.scale[1:])
    cells = segment_cells(stack.channel("membrane"), nuclei, stack.scale[1:])
    assert 23 <= nuclei.max() <= 26
    kept, set_aside = divide_field(cells[None], nuclei[None], stack.scale)
    assert 9 <= len(kept) <= 10
    assert {s.reason for s in set_aside if s.kind == "cell"} == {"cut by the border"}
    areas = np.bincount(cells.ravel())[[cell.label for cell in kept]] * np.prod(stack.scale[1:])
    assert 180 < areas.min() and areas.max() < 500  # µm²
