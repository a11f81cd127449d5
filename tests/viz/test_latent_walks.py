"""Walks through latent space, with codes worked out by hand."""

import numpy as np
import pytest
from PIL import Image

from icell_tf.viz import latent_walks

SHARES = np.array([0, 0.5, 1])


def test_a_walk_along_a_dimension_changes_it_alone():
    codes = latent_walks.along([1, 2, 3], 1, [-3, 0])
    np.testing.assert_array_equal(codes, [[1, -3, 3], [1, 0, 3]])


def test_the_great_circle_keeps_its_ends_and_its_radius():
    codes = latent_walks.slerp([2, 0], [0, 2], SHARES)
    np.testing.assert_allclose(codes, [[2, 0], [np.sqrt(2), np.sqrt(2)], [0, 2]], atol=1e-6)
    start, end = np.random.default_rng(0).standard_normal((2, 16))
    codes = latent_walks.slerp(start, end, np.linspace(0, 1, 9))
    np.testing.assert_allclose(codes[[0, -1]], [start, end], rtol=1e-5)
    straight = latent_walks.linear(start, end, [0.5])
    assert np.linalg.norm(codes[4]) > 1.1 * np.linalg.norm(straight)


@pytest.mark.parametrize("end", [[0, 0], [4, 0], [-2, 0], [2, 0]])
def test_without_a_great_circle_it_is_the_straight_line(end):
    np.testing.assert_allclose(latent_walks.slerp([2, 0], end, SHARES), [[2, 0], [1 + end[0] / 2, 0], end], atol=1e-6)
    np.testing.assert_array_equal(latent_walks.linear([2, 0], end, SHARES), latent_walks.slerp([2, 0], end, SHARES))


def test_rows_of_one_structure_share_a_scale_and_others_have_their_own():
    cells = np.zeros((2, 3, 8, 8, 3), np.float32)
    cells[0, :, ..., 2], cells[1, :, ..., 2] = 1.0, 0.5
    window = (slice(2, 6), slice(0, 8))
    together, apart = (latent_walks.panels(cells, window, shared) for shared in (True, False))
    assert together.shape == apart.shape == (2, 3, 4, 8, 3) and together.dtype == np.uint8
    assert together[0].max() == apart[0].max() == apart[1].max() == 255 and together[1].max() == 128


def test_a_film_goes_there_and_back(tmp_path):
    grid = np.zeros((2, 4, 16, 16, 3), np.uint8)
    grid += np.array([0, 80, 160, 240], np.uint8)[None, :, None, None, None]
    latent_walks.film(grid, ["zo1", "tom20"], tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 6 and film.info["loop"] == 0
        seen = []
        for i in range(6):
            film.seek(i)
            seen.append(np.asarray(film.convert("RGB"))[100, 50].max())
    assert seen == pytest.approx([0, 80, 160, 240, 160, 80], abs=3)
