"""The distribution of draws and its scores, of ensembles whose quality is known."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from icell_tf.evaluation import distribution
from icell_tf.spec import CellSpec
from tests.short_evaluation import by_name, coded_cells

NAMES, SIZE, N, DRAWS = ("tom20", "zo1"), 32, 40, 16
SPEC = CellSpec("YX", (SIZE, SIZE), (1, 1), NAMES)
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
CELL = np.hypot(ROWS - 15.5, COLUMNS - 15.5) < 12


def structures(places, count, seed):
    """Draws of both structures, (count, N, H, W, K) in [0, 1]: a spot near the cell's place, and grain."""
    rng = np.random.default_rng(seed)
    moved = places + rng.normal(0, 1.5, (count, len(places), 2))
    near = np.square(ROWS - moved[..., :1, None]) + np.square(COLUMNS - moved[..., 1:, None])
    grain = ndimage.gaussian_filter(rng.normal(size=near.shape), (0, 0, 1, 1))
    drawn = np.clip(0.7 * np.exp(-near / 20) + 0.2 * np.abs(grain), 0, 1) * CELL
    return np.stack([drawn, drawn[..., ::-1]], axis=-1).astype(np.float32)


class Model:
    """Draws structures near the place that the nucleus marks; `change` makes them worse."""

    structures, mirrored = NAMES, False

    def __init__(self, change=lambda drawn: drawn):
        self.change = change

    def encode_reference(self, x_r):
        return {"z_r": _places(x_r)}

    def integrate(self, x_r):
        return {"structures": structures(_places(x_r), 64, 9).mean(axis=0)}

    def draw(self, x_r, count, seed, y=None):
        drawn = self.change(structures(_places(x_r), count, seed + 7))
        yield from drawn if y is None else drawn[:, np.arange(len(y)), ..., y].swapaxes(0, 1)


def _places(x_r):
    """Where the brightest pixel of the nucleus is, (B, 2)."""
    return np.stack(np.unravel_index(x_r[..., 1].reshape(len(x_r), -1).argmax(axis=1), (SIZE, SIZE)), axis=1)


def cells(seed, count=N, observed=False, observations=DRAWS + 1):
    rng = np.random.default_rng(seed)
    places, y = rng.integers(10, 22, (count, 2)), np.arange(count) % 2
    images = np.zeros((count, SIZE, SIZE, 3), np.uint8)
    images[..., 0] = 80 * CELL
    images[np.arange(count), places[:, 0], places[:, 1], 1] = 255
    shown = structures(places, 1, seed)[0]
    images[..., 2] = np.rint(255 * shown[np.arange(count), ..., y])
    coded = coded_cells(images, y, places.astype(np.float32), SPEC)
    if not observed:
        return coded
    known = np.rint(255 * structures(places, observations, seed + 1)).astype(np.uint8)
    return dataclasses.replace(coded, observations=lambda row: known[:, row] if row < count // 2 else None)


def scores(change=lambda drawn: drawn, observed=True):
    test, training = cells(1, observed=observed), cells(2, 60)
    return by_name(distribution.scores(distribution.measure(Model(change), test, training, DRAWS)))


def without_noise(drawn):
    return np.broadcast_to(drawn.mean(axis=0), drawn.shape) + 1e-3 * drawn


@pytest.mark.parametrize("observed", [True, False])
def test_true_draws_are_calibrated_sharp_and_ahead(observed):
    found = scores(observed=observed)
    for metric in distribution.PROPER:
        assert not found[metric].ahead and found[metric].n == (N // 2 if observed else N)
        assert found[f"{metric}_gain"].interval[0] > 0
        assert all(found[f"{name}_{metric}"].structure == name for name in NAMES)
        if observed:
            assert found[metric].value == pytest.approx(found[metric].landmarks["true_draws"], rel=0.1)
    assert found["coverage_50"].value == pytest.approx(0.5, abs=0.05)
    assert found["coverage_90"].value == pytest.approx(0.9, abs=0.05)
    for metric in distribution.SIMILARITY:
        means = [found[f"{metric}_of_{image}"] for image in ("algorithm_3", "mean_of_draws", "draw")]
        assert means[0].value == pytest.approx(means[1].value, abs=0.1)
        assert not means[0].ahead and not means[2].ahead and means[2].n == means[0].n
        if observed:
            assert means[2].value == pytest.approx(means[2].landmarks["true_draw"], abs=0.05)
    for number in (1, 2, 3, 4):
        assert found[f"power_{number}"].value == pytest.approx(1, abs=0.15)
        assert found[f"power_{number}"].landmarks["algorithm_3"] < 0.9
    if observed:
        assert found["spread_of_draws"].value == pytest.approx(1, abs=0.05)
    else:
        assert "spread_of_draws" not in found


def test_blurred_narrow_shuffled_and_mistaken_draws_fail_where_they_must():
    true = scores()
    narrow = scores(without_noise)
    assert narrow["coverage_90"].value < 0.3 and narrow["spread_of_draws"].value < 0.1
    assert narrow["coverage_90"].ahead == ("calibrated",)
    blurred = scores(lambda drawn: ndimage.gaussian_filter(drawn, (0, 0, 2, 2, 0)))
    assert blurred["power_4"].value < 0.2 and blurred["power_4"].ahead == ("observed",)
    other_cell = scores(lambda drawn: np.roll(drawn, 1, axis=1))
    other_structure = scores(lambda drawn: drawn[..., ::-1])
    for metric in distribution.PROPER:
        for worse in (narrow, blurred, other_cell, other_structure):
            assert worse[metric].value > true[metric].value, metric
        for worse in (other_cell, other_structure):
            assert worse[f"{metric}_gain"].interval[1] < 0
    for metric in distribution.SIMILARITY:
        for image in ("mean_of_draws", "draw"):
            for worse in (other_cell, other_structure):
                assert worse[f"{metric}_of_{image}"].value < true[f"{metric}_of_{image}"].value


def test_a_rank_histogram_counts_all_pixels_inside_the_cell():
    measured = distribution.measure(Model(), cells(1, observed=True), cells(2, 60), DRAWS)
    for name in (distribution.DRAWN, distribution.TRUE):
        histogram = measured.histograms[name]
        assert (histogram.sum(axis=1) == N // 2 * CELL.sum()).all()
        np.testing.assert_allclose(histogram / histogram.sum(axis=1, keepdims=True), 1 / distribution.BINS, atol=0.02)


def test_a_structure_that_no_cell_shows_has_no_scores_and_one_without_training_cells_no_nearest():
    test, training = cells(1), cells(2, 60)
    test, training = (dataclasses.replace(each, y=0 * each.y) for each in (test, training))
    found = by_name(distribution.scores(distribution.measure(Model(), test, training, DRAWS)))
    assert {score.structure for score in found.values()} == {None, "tom20"}


@pytest.mark.parametrize("small", [range(N), range(0, N, 2)])
def test_cells_smaller_than_a_patch_have_no_scores_of_patches(small, monkeypatch):
    """All cells, and all that show the first structure."""
    test, training = cells(1), cells(2, 60)
    masks = np.broadcast_to(CELL, (N, SIZE, SIZE)).copy()
    masks[small] = ROWS + COLUMNS < 3
    monkeypatch.setattr(distribution.correlation, "cell_mask", lambda x_r: masks)
    monkeypatch.setattr(distribution, "BATCH", N)
    found = by_name(distribution.scores(distribution.measure(Model(), test, training, DRAWS)))
    assert "tom20_crps_of_patches" not in found and found["tom20_crps"].n == N // 2
    assert ("crps_of_patches" in found) == (len(small) < N)


def test_a_single_observation_leaves_no_true_draws():
    test, training = cells(1, observed=True, observations=1), cells(2, 60)
    found = by_name(distribution.scores(distribution.measure(Model(), test, training, DRAWS)))
    assert "spread_of_draws" not in found and "true_draws" not in found["crps"].landmarks
    assert found["crps"].n == N // 2
