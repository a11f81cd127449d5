"""A line of the scorecard: a value, how sure it is, and what an honest sceptic holds it against."""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000
# Baselines that begin so are no rivals: what can't be beaten, or what others measured on other cells.
LANDMARKS = ("all", "ceiling", "draws of", "floor", "if ", "least", "p in", "paper", "real", "reconstructed", "true")


@dataclass(frozen=True)
class Score:
    """One value of the scorecard.

    Attributes:
      value: what was measured.
      n: how many cells (or draws, or pairs; `unit` says which) it was measured on.
      interval: 95% confidence interval, or None where the value has none.
      baselines: {name: value}: the rivals, floor, ceiling or chance that it is read beside.
      better: "higher", "lower", or "near" where it should equal its first baseline.
      about: what it is, in a phrase, with its unit and where it comes from.
      unit: what n counts.
    """

    value: float
    n: int
    interval: tuple[float, float] | None = None
    baselines: dict[str, float] = field(default_factory=dict)
    better: str = "higher"
    about: str = ""
    unit: str = "cells"

    def to_json(self):
        """Returns the score as JSON types; NaN, which JSON lacks, becomes None."""
        return {
            "value": _finite(self.value),
            "n": int(self.n),
            "interval": [_finite(end) for end in self.interval] if self.interval else None,
            "baselines": {name: _finite(value) for name, value in self.baselines.items()},
            "better": self.better,
            "about": self.about,
            "unit": self.unit,
        }


@dataclass(frozen=True)
class Part:
    """A part of the scorecard.

    Attributes:
      heading: its title.
      about: what it asks, in a sentence or two.
      scores: {name: `Score`}.
    """

    heading: str
    about: str
    scores: dict[str, Score]


def ahead(score):
    """Returns the names of the baselines that do better than the model.

    `LANDMARKS`, such as a floor or the paper's figure, need not be beaten. A score that should be near its first
    baseline is behind it where its interval leaves that baseline out.
    """
    if score.better == "near":
        first = next(iter(score.baselines.items()), None)
        outside = first and score.interval and not score.interval[0] <= first[1] <= score.interval[1]
        return (first[0],) if outside else ()
    sign = 1 if score.better == "higher" else -1
    rivals = {name: value for name, value in score.baselines.items() if not name.startswith(LANDMARKS)}
    return tuple(name for name, value in rivals.items() if sign * value > sign * score.value)


def proportion(hits, n, **kwargs):
    """Returns the score of hits out of n, with Wilson's interval (n = 0: NaN without one)."""
    if not n:
        return Score(math.nan, 0, **kwargs)
    interval = stats.binomtest(int(hits), int(n)).proportion_ci(CONFIDENCE, method="wilson")
    return Score(hits / n, int(n), (float(interval.low), float(interval.high)), **kwargs)


def mean_of_proportions(hits, n, **kwargs):
    """Returns the score of the mean of several proportions, hits out of n each, as balanced accuracy is.

    Wilson's intervals of the proportions are combined by their distances from them (MOVER: Zou & Donner 2008,
    Statistics in Medicine 27, 1693). A bootstrap would say nothing of a proportion of 0 or 1.

    Args: hits, n: lists of one number a group, n > 0.
    """
    parts = [proportion(*pair) for pair in zip(hits, n, strict=True)]
    value = float(np.mean([part.value for part in parts]))
    below, above = np.abs([np.subtract(part.interval, part.value) for part in parts]).T
    interval = value - np.linalg.norm(below) / len(parts), value + np.linalg.norm(above) / len(parts)
    return Score(value, int(np.sum(n)), tuple(map(float, interval)), **kwargs)


def mean_score(values, **kwargs):
    """Returns the score of the mean of (n,) values, with a percentile bootstrap interval over them, seeded."""
    values = np.asarray(values, float)
    return Score(float(values.mean()) if len(values) else math.nan, len(values), bootstrap(values), **kwargs)


def mean_of_means(groups, **kwargs):
    """Returns the score of the mean over groups of each group's mean, bootstrapped within the groups, seeded.

    Args: groups: list of (n,) values, such as those of the cells of one structure; empty ones don't count.
    """
    groups = [np.asarray(values, float) for values in groups if len(values)]
    n = sum(map(len, groups))
    if not n:
        return Score(math.nan, 0, **kwargs)
    rng = np.random.default_rng(0)
    drawn = [values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1) for values in groups]
    low, high = np.quantile(np.mean(drawn, axis=0), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    interval = (float(low), float(high)) if n > len(groups) else None  # one cell a group says nothing of its spread
    return Score(float(np.mean([values.mean() for values in groups])), n, interval, **kwargs)


def bootstrap(values, statistic=np.mean, resamples=RESAMPLES):
    """Returns the percentile bootstrap interval of a statistic of (n,) values or (n, ...) rows, or None for n < 2.

    Args:
      values: rows are drawn with replacement, from a fixed seed.
      statistic: a function of such rows that returns a number.
      resamples: how often.
    """
    values = np.asarray(values)
    if len(values) < 2:
        return None
    rng = np.random.default_rng(0)
    drawn = [statistic(values[rng.integers(len(values), size=len(values))]) for _ in range(resamples)]
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _finite(value):
    return float(value) if math.isfinite(value) else None
