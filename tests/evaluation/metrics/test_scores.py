"""Scores: intervals against published or exact ones, and what counts as better than the model."""

import json
import math

import numpy as np
import pytest

from icell_tf.evaluation.metrics import scores
from icell_tf.evaluation.metrics.scores import Score, mean_of_means, mean_of_proportions, mean_score, proportion


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
    assert Score("r", value, 10, (0.4, 0.6), rivals, landmarks, better).ahead == names


def test_json_has_every_field_and_no_nan():
    landmarks = {"ceiling": math.nan}
    score = Score("r", math.nan, np.int64(3), (0.25, math.inf), {"a": 0.5}, landmarks, "lower", "r", structure="zo1")
    texts = {"metric": "r", "better": "lower", "about": "r", "unit": "cells", "split": "test", "structure": "zo1"}
    numbers = {"value": None, "n": 3, "interval": [0.25, None], "rivals": {"a": 0.5}, "landmarks": {"ceiling": None}}
    expected = texts | numbers | dict.fromkeys(("channel", "code", "space", "model"))
    assert json.loads(json.dumps(score.to_json(), allow_nan=False)) == expected


def test_the_name_is_what_the_score_is_of_and_its_metric():
    assert Score("r", 1, 1).name == "r" and Score("mmd_p", 1, 1, code="z_r").name == "z_r_mmd_p"
    assert Score("r", 1, 1, model="reference", channel="nucleus").name == "reference_nucleus_r"


def test_a_bootstrap_of_a_mean_is_about_as_wide_as_the_normal_interval():
    values = np.random.default_rng(1).normal(2, 3, 400)
    score = mean_score("m", values)
    error = 1.96 * values.std() / 20
    assert score.interval == pytest.approx((values.mean() - error, values.mean() + error), abs=0.1 * error)
    assert scores.bootstrap([values], np.mean) == pytest.approx(score.interval, abs=0.1 * error)
    assert scores.bootstrap([values[:1]], np.mean) is None and mean_score("m", values[:1]).interval is None
    assert math.isnan(mean_score("m", []).value)
    assert mean_score("m", [1, math.nan, 2]).to_json()["interval"] == [None, None]
    again, other = (mean_score("m", values, seed).interval for seed in (0, 1))
    assert again == score.interval != other


def test_pairs_are_drawn_together():
    a = np.random.default_rng(0).random(50)
    low, high = scores.bootstrap([a, 2 * a], lambda a, b: a.sum() / b.sum(), paired=True)
    assert low == pytest.approx(0.5) and high == pytest.approx(0.5)
    low, high = scores.bootstrap([a, 2 * a], lambda a, b: a.sum() / b.sum())
    assert low < 0.45 < 0.55 < high


def test_many_values_are_resampled_in_batches_to_the_same_interval(monkeypatch):
    values = np.random.default_rng(0).random(100)
    whole = scores.bootstrap([values], np.mean)
    monkeypatch.setattr(scores, "DRAWN_AT_ONCE", 1000)
    assert scores.bootstrap([values], np.mean) == pytest.approx(whole, rel=1e-9)


def test_interval_of_a_mean_of_proportions():
    one = proportion("p", 7, 10)
    assert mean_of_proportions("p", [7], [10]).interval == pytest.approx(one.interval)
    low, high = mean_of_proportions("p", [7, 7], [10, 10]).interval  # two of equal size: narrower by the root of two
    assert low == pytest.approx(0.7 - (0.7 - one.interval[0]) / np.sqrt(2)) and high < one.interval[1]
    perfect = mean_of_proportions("p", [10, 10], [10, 10])
    assert perfect.interval[0] < 0.85 and perfect.interval[1] == pytest.approx(1) and perfect.n == 20
    drawn = np.random.default_rng(0).binomial([30, 8], [0.9, 0.5], (400, 2))
    intervals = np.array([mean_of_proportions("p", hits, [30, 8]).interval for hits in drawn])
    assert 0.91 < np.mean((intervals[:, 0] <= 0.7) & (0.7 <= intervals[:, 1])) < 0.99


def test_mean_of_means_by_hand():
    score = mean_of_means("m", [[1.0, 1.0], [], [0.0, 0.0, 0.0]])
    assert (score.value, score.n, score.interval) == (0.5, 5, (0.5, 0.5))
    score = mean_of_means("m", [[1.0], [0.0, 0.0]])  # a group of a single cell counts, but isn't resampled
    assert (score.value, score.n, score.interval) == (0.5, 3, (0.5, 0.5))
    assert mean_of_means("m", [[0.2], [0.4]]).interval is None
    assert np.isnan(mean_of_means("m", [[]]).value)
