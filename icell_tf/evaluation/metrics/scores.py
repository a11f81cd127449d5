"""A line of the scorecard: a value, how sure it is, and the values that a sceptic compares it with."""

import math
import warnings
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000
DRAWN_AT_ONCE = 10_000_000  # values of all resamples that are in memory together
OF = ("model", "structure", "channel", "code", "space")  # fields that make up a name; the page groups by `structure`


@dataclass(frozen=True)
class Score:
    """One value of the scorecard.

    Attributes:
      metric: what was measured: "r", "recall".
      value: the result.
      n: how many cells (or draws, or pairs; `unit` says which) it was measured on.
      interval: 95% confidence interval, or None where the value has none.
      rivals: {name: value} of what a model should do better than: simpler methods, chance, no gain.
      landmarks: {name: value} that the model need not beat, for comparison: a floor or ceiling, real cells, the paper's
        figures on other cells.
      better: "higher", "lower", or "near" where the value should equal its first landmark.
      about: what it is, in a phrase, with its unit and where it comes from.
      unit: what n counts.
      split: the cells it was measured on.
      structure: which structure it is of; None: all of them.
      channel: which channel of the images it is of: membrane, nucleus or structure; None: all, or not of a channel.
      code: z_r or z_s; None: not of one code.
      space: in which space distances are measured: pixels or features; None: not a distance.
      model: "reference" for phase 1's model; None: the conditional model.
    """

    metric: str
    value: float
    n: int
    interval: tuple[float, float] | None = None
    rivals: dict[str, float] = field(default_factory=dict)
    landmarks: dict[str, float] = field(default_factory=dict)
    better: str = "higher"
    about: str = ""
    unit: str = "cells"
    split: str = "test"
    structure: str | None = None
    channel: str | None = None
    code: str | None = None
    space: str | None = None
    model: str | None = None

    @property
    def name(self):
        """The score's name for people: what it is of and its metric, such as tom20_recall. Code reads the fields."""
        return "_".join([*filter(None, (getattr(self, name) for name in OF)), self.metric])

    @property
    def baselines(self):
        """{name: value} of rivals and landmarks."""
        return self.rivals | self.landmarks

    @property
    def ahead(self):
        """Names of the baselines that do better than the model.

        Those are rivals, never landmarks. But a score that should be near its first landmark is behind that landmark
        where its interval excludes it.
        """
        if self.better == "near":
            target = next(iter(self.landmarks.items()), None)
            outside = target and self.interval and not self.interval[0] <= target[1] <= self.interval[1]
            return (target[0],) if outside else ()
        sign = 1 if self.better == "higher" else -1
        return tuple(name for name, value in self.rivals.items() if sign * value > sign * self.value)

    def to_json(self):
        """Returns the score as JSON types, all fields; NaN, which JSON lacks, becomes None."""
        numbers = {
            "value": _finite(self.value),
            "n": int(self.n),
            "interval": [_finite(end) for end in self.interval] if self.interval else None,
            "rivals": {name: _finite(value) for name, value in self.rivals.items()},
            "landmarks": {name: _finite(value) for name, value in self.landmarks.items()},
        }
        return vars(self) | numbers


@dataclass(frozen=True, eq=False)
class Part:
    """A part of the scorecard.

    Attributes:
      key: names it in metrics.json.
      heading: its title.
      about: what it asks, in a sentence or two, or why it couldn't be measured.
      scores: `Score`s.
      measured: measurements behind the scores, such as an `Integration`, for pictures and tables; None: none.
    """

    key: str
    heading: str
    about: str
    scores: tuple[Score, ...]
    measured: object = None


def proportion(metric, hits, n, **fields):
    """Returns the `Score` of hits out of n, with Wilson's interval (n = 0: NaN without one)."""
    if not n:
        return Score(metric, math.nan, 0, **fields)
    interval = stats.binomtest(int(hits), int(n)).proportion_ci(CONFIDENCE, method="wilson")
    return Score(metric, hits / n, int(n), (float(interval.low), float(interval.high)), **fields)


def mean_of_proportions(metric, hits, n, **fields):
    """Returns the `Score` of the mean of several proportions, hits out of n each, as balanced accuracy is.

    Wilson's intervals of the proportions are combined by their distances from them (MOVER: Zou & Donner 2008,
    Statistics in Medicine 27, 1693). A bootstrap would say nothing of a proportion of 0 or 1.

    Args: hits, n: lists of one number a group, n > 0.
    """
    parts = [proportion(metric, *pair) for pair in zip(hits, n, strict=True)]
    value = float(np.mean([part.value for part in parts]))
    below, above = np.abs([np.subtract(part.interval, part.value) for part in parts]).T
    interval = value - np.linalg.norm(below) / len(parts), value + np.linalg.norm(above) / len(parts)
    return Score(metric, value, int(np.sum(n)), tuple(map(float, interval)), **fields)


def mean_score(metric, values, seed=0, **fields):
    """Returns the `Score` of the mean of (n,) values, with the interval of `bootstrap`."""
    return mean_of_means(metric, [values], seed, **fields)


def mean_of_means(metric, groups, seed=0, **fields):
    """Returns the `Score` of the mean over groups of each group's mean, with the interval of `bootstrap`.

    Args:
      metric: of the score.
      groups: list of (n,) values, such as those of the cells of one structure; empty groups don't count.
      seed: of the bootstrap.
      fields: more of the score.
    """
    groups = [np.asarray(values, float) for values in groups if len(values)]
    n = sum(map(len, groups))
    if not n:
        return Score(metric, math.nan, 0, **fields)
    resampled = [values for values in groups if len(values) > 1]  # one cell says nothing of its group's spread
    of_single_cells = sum(values[0] for values in groups if len(values) == 1)

    def statistic(*samples, axis):
        return (sum(values.mean(axis=axis) for values in samples) + of_single_cells) / len(groups)

    interval = bootstrap(resampled, statistic, seed) if resampled else None
    return Score(metric, float(np.mean([values.mean() for values in groups])), n, interval, **fields)


def over_structures(metric, values, seed=0, **fields):
    """Returns the `Score` of the mean over structures of values (N, K), NaN where a cell doesn't show a structure.

    Where each cell shows all structures, cells are resampled; else those of each structure, see `mean_of_means`.
    """
    if np.isnan(values).any():
        return mean_of_means(metric, [column[~np.isnan(column)] for column in values.T], seed, **fields)
    return mean_score(metric, values.mean(axis=1), seed, **fields)


def mean_over_structures(values):
    """Returns the mean over structures of the mean over cells of values (N, K), NaN where a cell doesn't show one."""
    return float(np.nanmean(values[:, ~np.isnan(values).all(axis=0)], axis=0).mean())


def ratio_over_structures(metric, a, b, seed=0, transform=lambda ratio: ratio, **fields):
    """Returns the `Score` of the mean over structures of mean a over mean b, with a bootstrap interval over cells.

    Args:
      metric: of the score.
      a, b: (N, K), NaN where a cell doesn't show a structure.
      seed: of the bootstrap.
      transform: of a structure's ratio, such as np.sqrt where a and b are variances.
      fields: more of the score.
    """
    cells = np.flatnonzero(~np.isnan(a).all(axis=1))

    def statistic(rows, axis=-1):
        rows = np.moveaxis(np.asarray(rows), axis, 0)
        return mean_ratio(a[rows], b[rows], transform)

    interval = bootstrap([cells], statistic, seed)
    return Score(metric, float(mean_ratio(a, b, transform)), len(cells), interval, **fields)


def mean_ratio(a, b, transform=lambda ratio: ratio):
    """Returns the mean over structures of mean a over mean b. Args: as of `ratio_over_structures`; cells come first."""
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # a structure that no cell shows
        ratio = np.nanmean(a, axis=0) / np.nanmean(b, axis=0)
        return np.nanmean(transform(ratio), axis=-1)


def bootstrap(samples, statistic, seed=0, resamples=RESAMPLES, paired=False):
    """Returns the 95% percentile bootstrap interval of a statistic, or None if a sample has fewer than two values.

    Args: as of `resample`.
    """
    if min(map(len, samples)) < 2:
        return None
    low, high = resample(samples, statistic, seed, resamples, paired).confidence_interval
    return float(low), float(high)


def resample(samples, statistic, seed=0, resamples=RESAMPLES, paired=False):
    """Returns SciPy's bootstrap of a statistic, with interval and standard error; those of a NaN are NaN.

    Args:
      samples: list of (n,) values, n > 1.
      statistic: a function of the samples that returns a number; with an argument `axis`, of many resamples at once.
      seed: of the resampling.
      resamples: how often.
      paired: whether the same rows are drawn from all samples; otherwise each is resampled on its own.
    """
    options = {"paired": paired, "confidence_level": CONFIDENCE, "method": "percentile", "rng": seed}
    batch = max(1, DRAWN_AT_ONCE // sum(map(len, samples)))
    with warnings.catch_warnings(action="ignore", category=stats.DegenerateDataWarning):
        return stats.bootstrap(samples, statistic, n_resamples=resamples, batch=batch, **options)


def _finite(value):
    return float(value) if math.isfinite(value) else None
