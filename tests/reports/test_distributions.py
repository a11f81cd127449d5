"""Drawings of generated cells and codes: what is more must be drawn higher."""

import numpy as np

from icell_tf.evaluation.metrics.shapes import SHAPES
from icell_tf.reports import distributions


def color_of(name):
    return np.array([int(distributions.COLORS[name][i : i + 2], 16) for i in (1, 3, 5)])


def drawn(picture, name):
    """Where a picture has just this sample's colour, (h, w) bool."""
    return (np.abs(picture.astype(int) - color_of(name)) < 12).all(axis=-1)


def test_bars_are_as_high_as_a_dimension_tells():
    def table(shares):
        return {"share": np.array(shares), "mean": np.zeros(4), "std": np.ones(4)}

    def ink(z_r):
        picture = distributions.draw_dimensions({"z_r": table(z_r), "z_s": table([0.1] * 4)})
        assert picture.dtype == np.uint8 and picture.shape[-1] == 3
        return drawn(picture, "generated")[: len(picture) // 2].sum()

    assert ink([0.4, 0.4, 0.4, 0.4]) > 2 * ink([0.4, 0, 0, 0]) > 0


def test_shapes_that_differ_are_drawn_apart():
    rng = np.random.default_rng(0)
    real = {name: rng.random(200) for name in SHAPES}
    larger = {name: values + 3 for name, values in real.items()} | {"nucleus_area": np.full(200, np.nan)}
    samples = {"generated": larger, "held-out": real, "training": real, "reconstructed": real}
    picture = distributions.draw_shapes(samples)
    first = picture[:, : picture.shape[1] // len(distributions.DRAWN)]
    generated, real = (np.nonzero(drawn(first, name))[1] for name in ("generated", "reconstructed"))
    assert np.median(generated) > np.median(real) + 30


def test_near_cells_are_drawn_left_of_far_ones():
    rng = np.random.default_rng(0)
    far = rng.random(100) + 5
    samples = {"generated": far - 5, "held-out": far, "reconstructed": far}
    picture = distributions.draw_nearest({"pixels": samples, "features": samples})
    first = picture[:, : picture.shape[1] // 2]
    assert np.nonzero(drawn(first, "generated"))[1].max() < np.nonzero(drawn(first, "reconstructed"))[1].min()
