"""Distances of two samples: Fréchet distance, precision and recall, maximum mean discrepancy, nearest neighbours."""

import numpy as np
from scipy import linalg, stats
from scipy.spatial import distance
from sklearn.neighbors import NearestNeighbors

from icell_tf.evaluation.metrics.scores import CONFIDENCE, Score, resample

NEIGHBOURS = 3  # k of Kynkäänniemi et al. 2019
PERMUTATIONS = 999
RESAMPLES = 200  # a Fréchet distance takes milliseconds


def frechet_distance(a, b):
    """Fréchet distance of two samples as if both were Gaussian: |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).

    Heusel et al. 2017 (arXiv 1706.08500), eq. 6. Finite samples of one distribution have a distance above 0: compare
    with that of two real samples of the same sizes.

    Args: (N, D) and (M, D). Returns: a number >= 0.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    product = np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)
    # The trace of the root is the sum of the eigenvalues' roots: those are real and >= 0 but for rounding, and unlike
    # the root itself they exist where there are fewer cells than dimensions.
    root = np.sqrt(np.maximum(linalg.eigvals(product).real, 0)).sum()
    spread = a.var(axis=0, ddof=1).sum() + b.var(axis=0, ddof=1).sum()
    return max(0.0, float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum() + spread - 2 * root))


def is_covered(points, manifold, k=NEIGHBOURS):
    """Returns which points lie within the k-th neighbour's distance of a point of the manifold's sample.

    Kynkäänniemi et al. 2019 (arXiv 1904.06991), eq. 2: the fraction of generated points covered by real ones is
    precision, the fraction of real points covered by generated ones is recall.

    Args: points (N, D); manifold (M, D), M > k. Returns: (N,) bool.
    """
    search = NearestNeighbors(n_neighbors=k).fit(manifold)
    radii = search.kneighbors()[0][:, -1]  # without arguments a point isn't its own neighbour
    return (distance.cdist(points, manifold) <= radii).any(axis=1)


def mmd_test(a, b, rng, permutations=PERMUTATIONS):
    """Squared maximum mean discrepancy of two samples, unbiased, and how often chance gives as much.

    Gretton et al. 2012 (JMLR 13:723), eq. 3, with the kernel exp(-|x - y|^2 / s), s the median squared distance in the
    pooled sample; the p value is that of a permutation test.

    Args:
      a, b: (N, D) and (M, D).
      rng: NumPy generator of the permutations.
      permutations: how many.

    Returns: (MMD^2, p).
    """
    squared = distance.pdist(np.concatenate([a, b]), "sqeuclidean")
    kernel = np.exp(-distance.squareform(squared) / np.median(squared))
    first = np.zeros((permutations + 1, len(kernel)))
    first[0, : len(a)] = 1
    first[1:] = rng.permuted(np.tile(first[0], (permutations, 1)), axis=1)
    # Sums over the pairs within a, across, and within b, for all permutations in one product.
    within_a = np.einsum("pi,pi->p", first @ kernel, first)
    across = first @ kernel.sum(axis=1) - within_a
    within_b = kernel.sum() - within_a - 2 * across
    n, m = len(a), len(b)
    statistics = (within_a - n) / (n * (n - 1)) + (within_b - m) / (m * (m - 1)) - 2 * across / (n * m)
    # The observed order counts among the permutations; a rounding error must not make it less than itself.
    p = np.mean(statistics >= statistics[0] - 1e-12)
    return float(statistics[0]), float(p)


def nearest_distances(points, others):
    """Returns each point's Euclidean distance to the nearest of others. Args: (N, D) and (M, D). Returns: (N,)."""
    return NearestNeighbors(n_neighbors=1, algorithm="brute").fit(others).kneighbors(points)[0][:, 0]


def probability_larger(a, b, axis=0):
    """Returns P(a > b) + P(a = b) / 2 for a value of each sample, which is also the area under the ROC curve.

    It is Mann and Whitney's U over N M. Args: (..., N) and (..., M), samples along `axis`.
    """
    return stats.mannwhitneyu(a, b, method="asymptotic", axis=axis).statistic / (a.shape[axis] * b.shape[axis])


def two_sample_score(metric, statistic, a, b, others, seed=0, **fields):
    """Returns the `Score` of a statistic of two samples, with a normal 95% interval by the bootstrap's standard error.

    Percentiles of the bootstrap would be wrong here: resampled points repeat, which makes every distance of samples
    larger.

    Args:
      metric, fields: of the score.
      statistic: a function of two samples that returns a number.
      a, b: (N, ...) and (M, ...); there is no interval if either has fewer than two.
      others: {name: sample}, whose statistic with b is a landmark.
      seed: of the bootstrap.
    """
    value, interval = float(statistic(a, b)), None
    if min(len(a), len(b)) > 1:
        rows = np.arange(len(a)), np.arange(len(b))
        drawn = resample(rows, lambda i, j: statistic(a[i], b[j]), seed, RESAMPLES)
        error = stats.norm.ppf((1 + CONFIDENCE) / 2) * drawn.standard_error
        interval = float(value - error), float(value + error)
    landmarks = {name: float(statistic(sample, b)) for name, sample in others.items()}
    return Score(metric, value, len(a), interval, landmarks=landmarks, **fields)
