"""Draws that several parts look at."""

import dataclasses

import numpy as np
import pytest

from icell_tf.evaluation.drawn import Drawn
from icell_tf.spec import CellSpec
from tests.short_evaluation import coded_cells

SPEC = CellSpec("YX", (16, 16), (1, 1), ("lamin-b1", "tom20"))
N, COUNT, OBSERVED = 9, 3, (1, 4, 7)
OF_CELL = COUNT * 16 * 16 * 2 * 4  # bytes of its draws, and of its three images that `integrate` returns


class Model:
    """Its draws depend on the cell, the seed and their number. Attributes: drawn, how many cells it has drawn in."""

    def __init__(self):
        self.drawn = 0

    def integrate(self, x_r):
        return {"structures": x_r / 2, "z_r": x_r.mean(axis=(1, 2))}

    def draw(self, x_r, count, seed):
        self.drawn += len(x_r)
        for number in range(count):
            yield np.float32(seed + number) * x_r


def cells():
    images = np.random.default_rng(0).integers(1, 256, (N, 16, 16, 3), np.uint8)
    coded = coded_cells(images, np.arange(N) % 2, spec=SPEC)
    return dataclasses.replace(coded, observations=lambda row: row if row in OBSERVED else None)


def expected(rows):
    x_r = cells().x(rows)[..., :2]
    draws = np.stack([np.float32(5 + number) * x_r for number in range(COUNT)], axis=1)
    return draws, {"structures": x_r / 2, "mean": draws.mean(axis=1), "std": draws.std(axis=1)}


@pytest.mark.parametrize(("room", "again"), [(10**9, 0), (7 * OF_CELL, 2), (6 * OF_CELL, 3), (OF_CELL, 9), (0, 9)])
def test_what_is_drawn_is_the_same_whether_it_was_kept_or_not(room, again):
    model = Model()
    drawn = Drawn(model, cells(), COUNT, seed=5, first=6, room=room)
    for turn, parts in enumerate([(slice(0, 4), slice(4, 8), slice(8, 12)), (slice(0, 3), slice(3, 6))]):
        for rows in parts:
            found, (_, true) = drawn.integrate(rows), expected(rows)
            assert found.keys() == true.keys()
            for name, images in true.items():
                np.testing.assert_allclose(found[name], images, rtol=1e-5)
        assert model.drawn == N or turn
    for rows in ([1, 4], [7]):
        np.testing.assert_array_equal(drawn.draws(rows), expected(rows)[0])
    assert model.drawn == N + again


def test_kept_draws_are_handed_out_once():
    model = Model()
    drawn = Drawn(model, cells(), COUNT, seed=5, room=10**9)
    drawn.integrate(slice(0, N))
    first, second = drawn.draws(list(OBSERVED)), drawn.draws(list(OBSERVED))
    np.testing.assert_array_equal(first, second)
    assert model.drawn == N + len(OBSERVED)
