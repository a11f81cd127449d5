import numpy as np
import pytest

from icell_tf.viz import figures
from icell_tf.viz.cover import draw_cover


@pytest.mark.parametrize("k", [1, 10])
@pytest.mark.parametrize("shape", [(32, 32), (16, 64)])
def test_cover_shows_the_cell_and_its_structures_and_is_twice_as_wide_as_high(shape, k):
    x_r = np.zeros((*shape, 2), np.float32)
    x_r[4:12, 8:24, 0] = 1
    structures = np.zeros((*shape, k), np.float32)
    structures[6:8, 12:16, 0] = 1
    red = [(1.0, 0.0, 0.0), *[(0.0, 1.0, 0.0)] * (k - 1)]
    cover = draw_cover(x_r, structures, red, [f"structure {i}" for i in range(k)], 0.5)
    height, width, _ = cover.shape
    assert cover.dtype == np.uint8 and 1280 >= width == 2 * height >= 1024
    magenta = np.rint(255 * np.array(figures.MEMBRANE)).astype(np.uint8)
    assert np.argwhere((cover == magenta).all(axis=-1))[:, 1].max() < width // 2
    assert np.argwhere((cover == (255, 0, 0)).all(axis=-1))[:, 1].min() > width // 3
    assert (cover[-1] == 0).all()


def test_cover_of_a_large_cell_and_many_structures_is_no_larger():
    noise = np.random.default_rng(0).random((300, 300, 40), np.float32)
    cover = draw_cover(noise[..., :2], noise, [(1.0, 0.0, 0.0)] * 40, [str(i) for i in range(40)], 0.1)
    assert cover.shape == (640, 1280, 3)
