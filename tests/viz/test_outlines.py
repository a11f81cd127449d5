import numpy as np
import pytest

from icell_tf.viz import outlines


@pytest.fixture
def labels():
    cells, nuclei = np.zeros((2, 120, 200), np.uint16)
    cells[10:110, 10:90], cells[10:110, 110:190] = 1, 300
    nuclei[40:60, 30:50], nuclei[40:60, 130:150] = 7, 8
    return cells, nuclei


def test_kept_cells_are_green_and_the_others_orange(labels):
    planes = np.zeros((3, 120, 200), np.uint16)
    picture = outlines.field_with_outlines(planes, *labels, kept=[1])
    assert len(picture) == 360 and picture.dtype == np.uint8  # three pixels for one
    for column, color in ((30, outlines.KEPT), (330, outlines.SET_ASIDE)):
        assert (picture[60:300, column - 1 : column + 2] == color).all()  # on either side of the edge
    assert (picture[135, [90, 149, 390, 449]] == outlines.NUCLEI).all()
    assert not picture[60, 285:315].any()  # between the cells, where nothing is
    assert not np.array_equal(picture[120:240, 105:195], picture[120:240, 405:495])  # the labels' numbers


def test_channels_have_their_colours_at_any_brightness(labels):
    planes = np.zeros((3, 120, 200))
    planes[0, :, 92:96], planes[1, :, 97:101], planes[2, :, 102:106] = 1000, 10, 0.1
    picture = outlines.field_with_outlines(planes, *labels, kept=[])
    membrane, nucleus, structure = picture[180, 282], picture[180, 297], picture[180, 312]
    assert membrane[0] == membrane[2] > membrane[1]
    assert nucleus[1] == nucleus[2] > nucleus[0]
    assert structure[0] == structure[1] > structure[2]


def test_labels_in_3d_are_seen_from_above(labels):
    planes = np.zeros((2, 120, 200))
    stacks = [np.stack([np.zeros_like(plane), plane]) for plane in labels]
    flat, deep = (outlines.field_with_outlines(planes, *given, kept=[1]) for given in (labels, stacks))
    np.testing.assert_array_equal(flat, deep)


def test_a_legend_beside_the_field_names_the_outlines(labels):
    picture = outlines.field_with_outlines(np.zeros((2, 120, 200)), *labels, kept=[])
    beside = picture[:, 600:]
    for y, color in zip((10, 34, 58), outlines.LEGEND.values(), strict=True):
        assert (beside[y : y + 12, 8:18] == color).all()
        assert beside[y : y + 12, 30:].any()  # the name


def test_a_large_field_is_drawn_smaller():
    cells = np.zeros((100, 2 * outlines.LONGEST_SIDE), np.uint16)
    cells[20:80, 200:600] = 4
    picture = outlines.field_with_outlines(np.zeros((2, *cells.shape)), cells, cells, kept=[4])
    assert picture[50:, : outlines.LONGEST_SIDE].sum() == 0 < picture[49:, outlines.LONGEST_SIDE :].sum()
    assert (picture[12:38, 100] == outlines.NUCLEI).all()
