"""Structures left out of training: what is told as unknown, against values worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from icell_tf.data.prepared import PreparedCells
from icell_tf.evaluation import unseen
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.evaluation.unseen import Unseen
from tests.short_evaluation import by_name


def test_distance_is_to_the_fifth_nearest_training_cell_by_centred_logits_and_finite(rng):
    logits, of_training = rng.normal(size=(7, 3)), rng.normal(size=(20, 3))
    cells, training = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in (logits, of_training))
    a, b = (z - z.mean(axis=1, keepdims=True) for z in (logits, of_training))
    expected = np.sort(np.linalg.norm(a[:, None] - b[None], axis=-1), axis=1)[:, 4]
    np.testing.assert_allclose(unseen.distances(cells, training), expected, rtol=1e-6)
    certain = np.eye(3, dtype=np.float32)
    assert np.isfinite(unseen.distances(certain, certain)).all()


def measured(known, left_out, y=None):
    """Cells whose rival statistic is their negated distance, that is, wrong wherever the distance is right."""
    known, left_out, validation = (np.asarray(values, float) for values in (known, left_out, np.arange(100)))
    y = np.zeros(len(left_out), int) if y is None else np.array(y)
    both = ({"distance": values, "improbability": -values} for values in (validation, known, left_out))
    return Unseen(("tom20", "zo1"), y, *both)


def test_the_threshold_accepts_95_percent_of_validation_cells():
    assert unseen.threshold(np.arange(101)) == 95
    assert np.mean(np.arange(100) <= unseen.threshold(np.arange(100))) >= 0.95


def test_scores_of_cells_that_a_threshold_separates():
    found = by_name(unseen.scores(measured(np.arange(40), [96, 97, 200, 50], y=[0, 0, 1, 1])))
    assert found["rejected"].value == 0.75 and found["rejected"].n == 4
    wilson = stats.binomtest(3, 4).proportion_ci(0.95, method="wilson")
    assert found["rejected"].interval == pytest.approx((wilson.low, wilson.high))
    assert (found["tom20_rejected"].value, found["zo1_rejected"].value) == (1.0, 0.5)
    assert found["known_accepted"].value == 1.0
    assert found["auroc"].value == 1.0 and found["auroc"].interval == pytest.approx((1, 1))
    assert found["auroc"].baselines == {"chance": 0.5, "largest probability": 0.0}
    assert found["rejected"].baselines["chance"] == pytest.approx(0.05)


def test_cells_like_the_known_ones_are_rejected_by_chance(rng):
    found = by_name(unseen.scores(measured(rng.integers(0, 100, 2000), rng.integers(0, 100, 2000))))
    assert found["rejected"].value == pytest.approx(0.05, abs=0.02)
    assert found["known_accepted"].value == pytest.approx(0.95, abs=0.02)
    low, high = found["auroc"].interval
    assert low < 0.5 < high and high - low < 0.05


def test_left_out_cells_of_a_data_set_are_measured(prepared, make_integrator):
    integrator = make_integrator()
    others = tuple(name for name in prepared.spec.structures if name not in integrator.structures)
    known = PreparedCells(prepared.folder, leave_out=others)
    cells = {split: code_cells(integrator, known, split) for split in known.splits}
    found = unseen.measure(integrator, known, cells)
    assert found.structures == others
    assert len(found.known["distance"]) == known.splits["test"]
    assert len(found.left_out["distance"]) == len(found.y) == prepared.splits["test"] - known.splits["test"]
    scores = by_name(unseen.scores(found))
    assert {f"{name}_rejected" for name in others} <= set(scores)
    assert scores["rejected"].n == len(found.y)


def test_without_left_out_structures_or_validation_cells_the_reason_is_told(prepared):
    assert "--leave_out=zo1" in unseen.why_not(prepared)
    fold = PreparedCells(prepared.folder, fold="1/4", leave_out=("tom20",))
    assert "no validation cells" in unseen.why_not(fold)
    assert unseen.why_not(PreparedCells(prepared.folder, leave_out=("tom20",))) == ""
