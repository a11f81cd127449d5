"""Does a prediction depend on the cell's shape? A permutation test among cells that show the same structure."""

from dataclasses import dataclass

import numpy as np

PERMUTATIONS = 9_999


@dataclass(frozen=True)
class ShapeTest:
    """How much better a structure is predicted from its own cell's shape than from another cell's.

    Attributes:
      gains: (n,), for each cell the correlation of its observed structure with the prediction for its own shape, minus
        the mean correlation with the predictions for the other cells' shapes.
      p: one-sided p value of the mean gain, under the hypothesis that it doesn't matter which cell a prediction is for.
      permutations: how many p is from; it can't be below 1 / (permutations + 1).
    """

    gains: np.ndarray
    p: float
    permutations: int


def own_and_others(pairs):
    """Returns the diagonal of an (n, n) matrix of `shape_test`, and the means of its rows without it, (n,) each."""
    own = np.diagonal(pairs)
    if len(pairs) < 2:
        return own, np.full(len(pairs), np.nan)
    return own, (pairs.sum(axis=1) - own) / (len(pairs) - 1)


def shape_test(matrices, permutations=PERMUTATIONS, seed=0):
    """Tests whether predictions for the cells' own shapes are better than those for other cells' shapes.

    Predictions are shuffled among the cells of one matrix, in all matrices at once. So pass one matrix to test one
    structure, the matrices of all structures to test them together, and those of all folds for a cross-validation.

    Args:
      matrices: list of (n, n): correlation of the observed structure of cell i with the model's prediction of that
        structure for the shape of cell j. n may differ; a matrix of one cell doesn't count.
      permutations: m; p = (b + 1) / (m + 1), where b permutations had at least the mean gain that was observed
        (Phipson & Smyth 2010).
      seed: of the permutations.

    Returns: `ShapeTest`. Raises: ValueError: if no matrix has two cells.
    """
    matrices = [np.asarray(pairs, float) for pairs in matrices if len(pairs) > 1]
    if not matrices:
        raise ValueError("the permutation test needs two cells that show the same structure")
    gains = np.concatenate([np.subtract(*own_and_others(pairs)) for pairs in matrices])
    rng = np.random.default_rng(seed)
    # Shuffling keeps the sum of a row. So only the diagonal of the shuffled matrix matters, weighted by n.
    observed, permuted = 0.0, np.zeros(permutations)
    for pairs in matrices:
        n = len(pairs)
        weight = n / (n - 1)
        orders = rng.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1)
        permuted += weight * pairs[np.arange(n), orders].sum(axis=1)
        observed += weight * np.trace(pairs)
    reached = int((permuted >= observed - 1e-9).sum())  # the identity may be among them, with another rounding error
    return ShapeTest(gains, (reached + 1) / (permutations + 1), permutations)
