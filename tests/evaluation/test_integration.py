"""Integration and its scores, with an oracle that predicts the truth and with one that mixes the cells up."""

import numpy as np
import pytest

from icell_tf.evaluation import integration
from icell_tf.evaluation.integration import RIVALS, scores
from icell_tf.evaluation.metrics import correlation
from icell_tf.spec import CellSpec
from tests.short_evaluation import by_name, coded_cells

NAMES, SIZE = ("tom20", "zo1", "lysosome"), 16
SPEC = CellSpec("YX", (SIZE, SIZE), (1, 1), NAMES)


def truth(x_r):
    """Where the structures are: the nucleus to a power, (B, H, W, K)."""
    return np.stack([x_r[..., 1] ** (k + 1) for k in range(len(NAMES))], axis=-1)


class Oracle:
    structures, mirrored = NAMES, False

    def encode_reference(self, x_r):
        return {"z_r": x_r.mean(axis=(1, 2))}

    def integrate(self, x_r):
        return {"structures": truth(x_r)}

    def draw(self, x_r, count, seed):
        yield from [1 - truth(x_r)] * count


class Shuffler(Oracle):
    """Answers with the cells' predictions in another order; `measure` asks for at most `BATCH` cells at once."""

    def integrate(self, x_r):
        order = np.random.default_rng(1).permutation(len(x_r))
        return {"structures": truth(x_r)[order]}

    def draw(self, x_r, count, seed):
        yield from [truth(x_r)] * count


def cells(n, seed, expected=False, k=2):
    """n cells of k structures in turn, each with its structure where it should be."""
    images = np.random.default_rng(seed).integers(1, 256, (n, SIZE, SIZE, 3), np.uint8)
    y = np.arange(n) % k
    x_r = images[..., :2] / np.float32(255)
    exact = np.rint(255 * truth(x_r)).astype(np.uint8)
    images[..., 2] = exact[np.arange(n), ..., y]
    known = {"truths": {"expected": exact}, "ceiling": np.full((n, len(NAMES)), 0.9)} if expected else {}
    return coded_cells(images, y, x_r.mean(axis=(1, 2)), SPEC, **known)


@pytest.fixture(scope="module")
def training():
    return cells(12, seed=1)


def test_an_oracle_scores_one_and_beats_all(training):
    measured = integration.measure(Oracle(), cells(24, seed=0, expected=True), training, draws=2)
    found = by_name(scores(measured))
    assert measured.compared_with == "expected"
    assert found["r"].value == pytest.approx(1, abs=1e-3) and found["r"].n == 24
    assert found["r"].baselines["ceiling"] == pytest.approx(0.9)
    assert found["r_of_draws"].value == pytest.approx(-1, abs=1e-3)
    assert found["margin"].interval[0] > 0.5
    assert (found["structures_won"].value, found["structures_won"].n) == (3, 3)
    best = max(measured.r[name][:, 0].mean() for name in RIVALS)
    assert found["tom20_margin"].value == pytest.approx(1 - best, abs=1e-3)
    assert found["shape_p"].value == found["zo1_shape_p"].value == 1 / 10_000
    assert found["shape_gain"].value == pytest.approx(1, abs=0.1)
    assert "lysosome_shape_p" not in found  # no test cell shows it


def test_shuffled_predictions_are_no_better_for_their_own_cells(training):
    found = by_name(scores(integration.measure(Shuffler(), cells(24, seed=0), training, draws=2)))
    assert found["shape_p"].value > 0.1
    assert abs(found["r"].value) < 0.1


def test_observed_structures_are_compared_where_they_show(training):
    test = cells(15, seed=0)
    measured = integration.measure(Oracle(), test, training, draws=2)
    assert measured.compared_with == "observed" and "ceiling" not in measured.r
    for name in ("model", *RIVALS):
        np.testing.assert_array_equal(np.isnan(measured.r[name]), ~np.eye(3, dtype=bool)[test.y])
    cell = correlation.cell_mask(test.x([1]))
    by_hand = correlation.pearson(training.class_means[None, ..., 1:2], test.images([1])[..., 2:], cell)
    assert measured.r_inside["class_mean"][1, 1] == pytest.approx(by_hand[0, 0], abs=1e-5)
    content = integration.main_figures(measured)
    assert list(content["integration"]) == list(content["integration_inside_cell"]) == ["tom20", "zo1"]
    assert list(content["integration"]["zo1"]) == ["model", "mean_of_draws", *RIVALS]
    assert content["integration_mean"]["model"] == pytest.approx(1, abs=1e-3)
    assert by_name(scores(measured))["r"].value == pytest.approx(content["integration_mean"]["model"])


def test_a_mirrored_models_rivals_are_sought_in_four_poses(training):
    class Mirrored(Oracle):
        mirrored = True

    test = cells(6, seed=0, expected=True)
    one, four = (integration.measure(oracle, test, training, draws=1).r for oracle in (Oracle(), Mirrored()))
    assert one.keys() == four.keys()
    for name in RIVALS:
        assert four[name].mean() >= one[name].mean()


def test_pairs_are_correlations_of_observed_with_others_predictions(training):
    test = cells(16, seed=0)
    pairs = integration.measure(Oracle(), test, training, draws=1).pairs
    assert {name: matrix.shape for name, (matrix,) in pairs.items()} == {"tom20": (8, 8), "zo1": (8, 8)}
    predicted = truth(test.x([4])[..., :2])[..., 0]
    expected = np.corrcoef(test.images([2])[..., 2].ravel(), predicted.ravel())[0, 1]
    assert pairs["tom20"][0][1, 2] == pytest.approx(expected, abs=1e-5)


def test_of_one_pose_and_four_the_better_is_kept():
    r = {"model": np.ones((1, 2)), "nearest": np.array([[0.2, np.nan]]), "nearest_mirrored": np.array([[0.3, np.nan]])}
    inside = {name: values - 1 for name, values in r.items()}
    kept, kept_inside = integration.keep_the_better(r, inside)
    assert set(kept) == set(kept_inside) == {"model", "nearest"}
    assert kept["nearest"][0, 0] == 0.3 and kept_inside["nearest"][0, 0] == pytest.approx(-0.7)
    kept, _ = integration.keep_the_better(r | {"nearest_mirrored": np.array([[0.1, np.nan]])}, inside)
    assert kept["nearest"][0, 0] == 0.2
