import numpy as np
import pytest

from icell_tf.viz import panels


@pytest.mark.parametrize("size, enlarged", [(64, 192), (128, 256), (160, 160), (256, 256)])
def test_enlarge(size, enlarged):
    assert panels.enlarge(np.zeros((size, size, 3), np.uint8)).shape == (enlarged, enlarged, 3)


def test_montage_places_each_panel():
    panel = np.zeros((160, 160, 3), np.uint8)
    red, blue = panel + np.uint8([255, 0, 0]), panel + np.uint8([0, 0, 255])
    picture = panels.montage([[red, blue], [blue, None]])
    assert picture.shape == (2 * 162 + 2, 2 * 162 + 2, 3)
    for (row, column), color in {(0, 0): (255, 0, 0), (0, 1): (0, 0, 255), (1, 0): (0, 0, 255)}.items():
        inside = picture[2 + row * 162 : 162 + row * 162, 2 + column * 162 : 162 + column * 162]
        assert (inside == color).all()
    assert (picture[-150:, -150:] == 255).all()


def test_labels_take_room_and_leave_ink_outside_the_panels():
    panel = np.full((160, 160, 3), 255, np.uint8)
    plain = panels.montage([[panel, panel]])
    labelled = panels.montage([[panel, panel]], ["tom20", "a name that is far too long for its column"], ["row"])
    top, left = np.subtract(labelled.shape, plain.shape)[:2]
    assert top > 0 and left > 0
    assert (labelled[:top] < 128).any() and (labelled[top:, :left] < 128).any()
    assert (labelled[top:, left:] == 255).all()
    assert (labelled[:top, -1:] == 255).all()  # the long name was shrunk, not cut


def test_montage_refuses_unequal_panels():
    with pytest.raises(ValueError, match="one shape"):
        panels.montage([[np.zeros((160, 160, 3), np.uint8), np.zeros((170, 170, 3), np.uint8)]])
    with pytest.raises(ValueError, match="no image"):
        panels.montage([[None]])


@pytest.mark.parametrize("extent, length", [(25, 10), (38.4, 10), (60, 20), (81, 20), (4.5, 2), (0.5, 1), (1e5, 1000)])
def test_a_scale_bar_is_a_round_length_within_the_panel(extent, length):
    assert panels.bar_length(extent) == length


def test_the_scale_bar_is_as_long_as_it_says():
    shown = panels.with_scale_bar(np.zeros((50, 50, 3), np.uint8), pixel_size=0.6)  # 30 um, enlarged fourfold
    assert shown.shape == (200, 200, 3)
    white = (shown == 255).all(axis=-1)
    assert white[-9].sum() == round(10 / 0.6 * 4)  # the bar's lowest row
    assert not white[-8:].any() and not white[:, -8:].any()
    assert white[150:185].any()  # its label


def test_only_the_first_panel_has_a_scale_bar():
    panel = np.zeros((160, 160, 3), np.uint8)
    picture = panels.montage([[None, panel], [panel, panel]], pixel_size=0.2)
    assert (picture[2:162, 164:324] == 255).any()
    assert not picture[164:324, 2:162].any() and not picture[164:324, 164:324].any()


def test_labels_may_be_greek():
    widths = {panels.font(20).getmask(letter).getbbox() for letter in "\u00b5\u03b1\u03b2"}
    assert len(widths) > 1  # a font without them draws one box for all
