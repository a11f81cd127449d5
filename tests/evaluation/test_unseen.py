"""Structures left out of training: what is told as unknown, against values worked out by hand."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from icell_tf.data.prepared import PreparedCells
from icell_tf.evaluation import unseen
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.evaluation.unseen import Unseen
from icell_tf.inference import unknown
from tests.short_evaluation import by_name


def measured(known, left_out, y=None):
    """Cells whose rival statistic is their negated distance, that is, wrong wherever the distance is right."""
    known, left_out, validation = (np.asarray(values, float) for values in (known, left_out, np.arange(100)))
    y = np.zeros(len(left_out), int) if y is None else np.array(y)
    both = ({"distance": values, "improbability": -values} for values in (validation, known, left_out))
    of_validation, of_known, of_left_out = both
    return Unseen(np.zeros((6, 2), np.float32), of_validation, of_known, ("tom20", "zo1"), y, of_left_out)


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
    assert unseen.carried(found).rates["rejected"]["value"] == scores["rejected"].value


def test_a_model_carries_the_threshold_with_its_rates():
    found = unseen.carried(measured(np.arange(40) + 60, [96, 97, 200, 50], y=[0, 0, 0, 0]))
    assert found.threshold == unseen.threshold(np.arange(100)) == 95 and found.accepted == 0.96
    accepted, rejected = (stats.binomtest(*of).proportion_ci(0.95, method="wilson") for of in ((36, 40), (3, 4)))
    assert found.rates["accepted"] == {"value": 0.9, "interval": [accepted.low, accepted.high], "n": 40}
    of_left_out = {"value": 0.75, "interval": [rejected.low, rejected.high], "n": 4, "structures": ["tom20"]}
    assert found.rates["rejected"] == of_left_out  # no test cell shows zo1
    assert found.logits.shape == (6, 2) and json.loads(json.dumps(found.about)) == found.about


def test_without_left_out_structures_a_model_carries_no_rate_of_them(subject, cells):
    found = unseen.carried(unseen.measure(subject.integrator, subject.prepared, cells))
    assert found.rates["rejected"] is None and found.rates["accepted"]["n"] == len(cells["test"])
    assert 0.95 <= found.accepted <= 1 and 0 < found.threshold < np.inf
    judged = unknown.judged(cells["validation"].probabilities, found)
    assert float(np.mean(~judged["unknown"].numpy())) == found.accepted
    assert len(found.logits) == len(cells["train"])


def test_what_a_run_is_given_no_threshold_for(subject, prepared, tmp_path):
    run = dataclasses.replace(subject.run, cells=prepared.fingerprint)
    own = dataclasses.replace(subject, run=run)
    assert unseen.why_not_carried(own, tmp_path) == ""
    assert "not those that it was trained on" in unseen.why_not_carried(subject, tmp_path)
    assert "can't be written to" in unseen.why_not_carried(own, tmp_path / "absent")
    fold = dataclasses.replace(own, prepared=PreparedCells(prepared.folder, fold="1/4"))
    assert unseen.why_not_carried(fold, tmp_path) == unseen.NO_VALIDATION


def test_without_left_out_structures_or_validation_cells_the_reason_is_told(prepared):
    assert "--leave_out=zo1" in unseen.why_not(prepared)
    fold = PreparedCells(prepared.folder, fold="1/4", leave_out=("tom20",))
    assert "no validation cells" in unseen.why_not(fold)
    assert unseen.why_not(PreparedCells(prepared.folder, leave_out=("tom20",))) == ""
