import numpy as np
import pytest
from PIL import Image

from icell_tf.viz import film


def test_rows_of_one_structure_share_a_scale_and_others_have_their_own():
    cells = np.zeros((2, 3, 8, 8, 3), np.float32)
    cells[0, :, ..., 2], cells[1, :, ..., 2] = 1.0, 0.5
    together, apart = (film.panels(cells, shared) for shared in (True, False))
    assert together.shape == apart.shape == (2, 3, 8, 8, 3) and together.dtype == np.uint8
    assert together[0].max() == apart[0].max() == apart[1].max() == 255 and together[1].max() == 128


def test_a_film_goes_there_and_back(tmp_path):
    grid = np.zeros((2, 4, 16, 16, 3), np.uint8)
    grid += np.array([0, 80, 160, 240], np.uint8)[None, :, None, None, None]
    film.write_grid(grid, ["zo1", "tom20"], tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as gif:
        assert gif.n_frames == 6 and gif.info["loop"] == 0
        seen = []
        for i in range(6):
            gif.seek(i)
            seen.append(np.asarray(gif.convert("RGB"))[100, 50].max())
    assert seen == pytest.approx([0, 80, 160, 240, 160, 80], abs=3)


def test_a_film_has_a_scale_bar(tmp_path):
    film.write_grid(np.zeros((1, 2, 32, 32, 3), np.uint8), ["zo1"], tmp_path / "film.gif", pixel_size=0.6)
    with Image.open(tmp_path / "film.gif") as gif:
        panel = np.asarray(gif.convert("RGB"))[-60:, -100:]
    assert (panel == 255).all(axis=-1).sum() > 20


def test_a_rare_colour_is_kept_in_a_film(tmp_path):
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[..., 2] = np.arange(64 * 64).reshape(64, 64) % 256
    frame[..., 1] = np.arange(64)[:, None] * 4
    frame[:4, :4] = 255, 90, 0
    film.write_gif([frame, frame], tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as gif:
        np.testing.assert_allclose(np.asarray(gif.convert("RGB"))[1, 1].astype(int), (255, 90, 0), atol=3)
