"""A line of the scorecard: a value, how sure it is, and what an honest sceptic holds it against."""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Score:
    """One value of the scorecard.

    Attributes:
      value: what was measured.
      n: how many cells (or draws, or pairs; `unit` says which) it was measured on.
      interval: 95% confidence interval, or None where the value has none.
      rivals: {name: value} of what a model should do better than: simpler methods, chance, no gain.
      landmarks: {name: value} of what it need not beat, but is read beside: a floor or ceiling, real cells, the paper's
        figures on other cells.
      better: "higher", "lower", or "near" where it should equal its first landmark.
      about: what it is, in a phrase, with its unit and where it comes from.
      unit: what n counts.
    """

    value: float
    n: int
    interval: tuple[float, float] | None = None
    rivals: dict[str, float] = field(default_factory=dict)
    landmarks: dict[str, float] = field(default_factory=dict)
    better: str = "higher"
    about: str = ""
    unit: str = "cells"

    @property
    def baselines(self):
        """{name: value} of rivals and landmarks."""
        return self.rivals | self.landmarks

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

    Those are rivals, never landmarks; but a score that should be near its first landmark is behind it where its
    interval leaves that out.
    """
    if score.better == "near":
        target = next(iter(score.landmarks.items()), None)
        outside = target and score.interval and not score.interval[0] <= target[1] <= score.interval[1]
        return (target[0],) if outside else ()
    sign = 1 if score.better == "higher" else -1
    return tuple(name for name, value in score.rivals.items() if sign * value > sign * score.value)


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
    return mean_of_means([values], **kwargs)


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


def bootstrap(values, statistic, resamples=RESAMPLES):
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
