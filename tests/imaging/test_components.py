"""The largest piece of a mask: what counts as connected, its share, and the number of pieces."""

import numpy as np
import pytest

from icell_tf.imaging.components import largest_component


@pytest.mark.parametrize(("corners", "count", "size"), [(False, 3, 4), (True, 2, 5)])
def test_pieces_that_touch_at_a_corner(corners, count, size):
    mask = np.zeros((3, 6, 6), bool)
    mask[0, 1:3, 1:3] = mask[1, 3, 3] = mask[2, 0, 5] = True
    piece, share, found = largest_component(mask, corners)
    assert (found, piece.sum(), share) == (count, size, pytest.approx(size / 6))
    assert piece[0, 1:3, 1:3].all() and piece[1, 3, 3] == corners and not piece[2].any()


def test_no_piece_and_only_one():
    assert largest_component(np.zeros((4, 4), bool))[2] == 0
    piece, share, count = largest_component(np.ones((4, 4), bool))
    assert piece.all() and (share, count) == (1, 1)
