"""Scores: intervals against published or exact ones, and what counts as better than the model."""

import json
import math

import numpy as np
import pytest

from icell_tf.evaluation.metrics.scores import (
    Score,
    ahead,
    bootstrap,
    mean_of_means,
    mean_of_proportions,
    mean_score,
    proportion,
)


@pytest.mark.parametrize(
    "better, value, rivals, landmarks, names",
    [
        ("higher", 0.5, {"a": 0.4, "b": 0.6}, {"ceiling": 0.9}, ("b",)),
        ("lower", 0.5, {"a": 0.4, "b": 0.6}, {"floor": 0.1, "real cells": 0.2}, ("a",)),
        ("higher", 0.5, {"a": 0.5, "b": math.nan}, {}, ()),
        ("near", 0.5, {}, {"target": 0.45, "other": 2}, ()),
        ("near", 0.5, {}, {"target": 0.7, "other": 0.5}, ("target",)),
        ("near", 0.5, {}, {}, ()),
    ],
)
def test_rivals_ahead_of_the_model(better, value, rivals, landmarks, names):
    assert ahead(Score(value, 10, (0.4, 0.6), rivals, landmarks, better)) == names


def test_json_has_rivals_and_landmarks_as_baselines_and_no_nan():
    score = Score(math.nan, np.int64(3), (0.25, math.inf), {"a": 0.5}, {"ceiling": math.nan}, "lower", "r", "draws")
    assert json.loads(json.dumps(score.to_json(), allow_nan=False)) == {
        "value": None,
        "n": 3,
        "interval": [0.25, None],
        "baselines": {"a": 0.5, "ceiling": None},
        "better": "lower",
        "about": "r",
        "unit": "draws",
    }


def test_a_bootstrap_of_a_mean_is_about_as_wide_as_the_normal_interval():
    values = np.random.default_rng(1).normal(2, 3, 400)
    low, high = mean_score(values).interval
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.1 * error)
    assert bootstrap(values, np.mean) == pytest.approx((low, high), abs=0.1 * error)
    assert bootstrap(values[:1], np.mean) is None and mean_score(values[:1]).interval is None
    assert math.isnan(mean_score([]).value)


def test_interval_of_a_mean_of_proportions():
    one = proportion(7, 10)
    assert mean_of_proportions([7], [10]).interval == pytest.approx(one.interval)
    low, high = mean_of_proportions([7, 7], [10, 10]).interval  # two of equal size: narrower by the root of two
    assert low == pytest.approx(0.7 - (0.7 - one.interval[0]) / np.sqrt(2)) and high < one.interval[1]
    perfect = mean_of_proportions([10, 10], [10, 10])
    assert perfect.interval[0] < 0.85 and perfect.interval[1] == pytest.approx(1) and perfect.n == 20
    drawn = np.random.default_rng(0).binomial([30, 8], [0.9, 0.5], (400, 2))
    intervals = np.array([mean_of_proportions(hits, [30, 8]).interval for hits in drawn])
    assert 0.91 < np.mean((intervals[:, 0] <= 0.7) & (0.7 <= intervals[:, 1])) < 0.99


def test_mean_of_means_by_hand():
    score = mean_of_means([[1.0, 1.0], [], [0.0, 0.0, 0.0]])
    assert (score.value, score.n, score.interval) == (0.5, 5, (0.5, 0.5))
    assert mean_of_means([[0.2], [0.4]]).interval is None
    assert np.isnan(mean_of_means([[]]).value)
