"""Classification scores against values worked out by hand, and calibration of probabilities of known truth."""

import numpy as np
import pytest

from icell_tf.evaluation import classification
from icell_tf.evaluation.classification import expected_calibration_error, reliability
from icell_tf.evaluation.metrics.scores import mean_of_proportions, proportion
from tests.short_evaluation import by_name, coded_cells

RNG = np.random.default_rng(0)
NAMES, SIZE = ("tom20", "zo1", "lysosome"), 16  # those of `spec_of`


def cells(y, probabilities, seed=0):
    """Cells of noise, whose structure k is a bright column k; the last structure doesn't show."""
    images = np.random.default_rng(seed).integers(0, 50, (len(y), SIZE, SIZE, 3), np.uint8)
    for image, k in zip(images, y, strict=True):
        image[:, 4 * k, 2] += 150
    return coded_cells(images, y, probabilities=np.asarray(probabilities))


def test_the_papers_counts_give_the_papers_figures():
    hits, n = np.sum(list(classification.PAPER.values()), axis=0)
    score = proportion("accuracy", hits, n)
    assert (hits, n) == (263, 304) and score.value == pytest.approx(0.865, abs=5e-4)
    # Wilson 1927: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), with z = 1.959964
    assert score.interval == pytest.approx((0.822147, 0.899004), abs=1e-6)
    balanced = mean_of_proportions("balanced_accuracy", *zip(*classification.PAPER.values(), strict=True))
    assert balanced.value == pytest.approx(0.710, abs=5e-4)


def test_scores_by_hand():
    y = [0, 0, 0, 1, 1, 1, 1, 1]
    predicted = [0, 0, 1, 1, 1, 1, 1, 2]
    test = cells(y, np.eye(3)[predicted] * 0.7 + 0.1)
    y = 50 * [0] + 70 * [1]
    training = cells(y, np.eye(3)[y], seed=1)
    measured = classification.measure(test, training, NAMES)
    assert classification.main_figures(measured)["confusion"] == [[2, 1, 0], [0, 4, 1], [0, 0, 0]]
    scores = by_name(classification.scores(measured))
    assert scores["accuracy"].value == 6 / 8 and scores["accuracy"].n == 8
    assert scores["balanced_accuracy"].value == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert scores["tom20_recall"].value == 2 / 3 and scores["zo1_recall"].n == 5
    assert [score.structure for score in scores.values() if score.metric == "recall"] == ["tom20", "zo1"]
    assert scores["tom20_recall"].baselines["paper"] == 47 / 48
    baselines = scores["accuracy"].baselines
    assert baselines["chance"] == 1 / 3 and baselines["majority"] == 5 / 8
    assert baselines["class_mean"] == baselines["logistic_regression"] == 1
    assert scores["balanced_accuracy"].baselines["majority"] == 0.5
    assert scores["overconfidence"].value == pytest.approx(0.05)
    assert scores["calibration_error"].value == pytest.approx(0.05)
    for score in scores.values():
        low, high = score.interval
        assert low - 1e-9 <= score.value <= high + 1e-9 or score.better == "lower"


@pytest.mark.parametrize(
    "y, predicted, expected", [([0, 0, 0, 1], [0] * 4, 0.5), ([0, 1, 1], [0, 1, 1], 1), ([0, 1, 1], [0, 1, 2], 0.75)]
)
def test_balanced_accuracy_counts_only_structures_that_occur(y, predicted, expected):
    assert classification.balanced_accuracy(y, predicted) == pytest.approx(expected)


def test_a_training_split_of_one_structure_has_no_regression():
    training = cells([1, 1], np.eye(3)[[1, 1]])
    assert set(classification.rival_predictions(training, training)) == {"majority", "class_mean"}


def test_calibration_error_by_hand():
    confidence, hit = [0.9, 0.9, 0.9, 0.9, 0.5, 0.5], [1, 1, 0, 0, 1, 0]
    assert expected_calibration_error(confidence, hit) == pytest.approx(4 / 6 * 0.4)
    assert expected_calibration_error(np.ones(10), np.zeros(10)) == 1
    assert expected_calibration_error(np.ones(10), np.ones(10)) == 0


def test_calibrated_probabilities_have_no_error_and_overconfident_ones_theirs():
    confidence = RNG.uniform(0.3, 1, 50_000)
    hit = RNG.random(50_000) < confidence
    assert expected_calibration_error(confidence, hit) < 0.01
    assert expected_calibration_error(np.minimum(confidence + 0.1, 1), hit) == pytest.approx(0.0929, abs=0.005)


def test_reliability_curve():
    curve = reliability([0.02, 0.99, 1.0, 0.95], [0, 1, 1, 0])
    assert curve.edges.shape == (16,) and curve.n.tolist() == [1] + 13 * [0] + [3]
    assert curve.confidence[[0, -1]] == pytest.approx([0.02, 0.98])
    assert curve.accuracy[[0, -1]] == pytest.approx([0, 2 / 3])
    assert np.isnan(curve.accuracy[1:-1]).all()
