"""Correlations of the cells of a structure with the predictions for one another's shapes, for the permutation test."""

import math

import numpy as np

from icell_tf.evaluation import views
from icell_tf.evaluation.metrics import correlation

HELD = 2**28  # bytes of predictions that wait in memory; with more, the observed cells are read again


class Pairs:
    """Predictions of what N test cells show, correlated with all cells that show the same structure.

    Args: test: `CodedCells`.
    """

    def __init__(self, test):
        self._test = test
        self._shown = [np.flatnonzero(test.y == k) for k in range(len(test.spec.structures))]
        self._matrices = [np.zeros((len(rows), len(rows)), np.float32) for rows in self._shown]
        self._waiting = [{} for _ in self._shown]  # {column: prediction} of each structure

    def add(self, rows, predicted):
        """Takes predictions of all structures for some cells. Args: a slice; (B, *shape, K)."""
        for row, images in zip(range(rows.start, rows.stop), predicted, strict=True):
            k = self._test.y[row]
            self._waiting[k][int(np.searchsorted(self._shown[k], row))] = images[..., k].copy()
            if sum(map(len, self._waiting)) * images[..., k].nbytes > HELD:
                self._correlate(max(range(len(self._waiting)), key=lambda k: len(self._waiting[k])))

    def matrices(self):
        """Returns {structure: [(n, n)]}, see `Integration.pairs`; nothing of a structure that no cell shows."""
        for k in range(len(self._waiting)):
            self._correlate(k)
        shown = zip(self._test.spec.structures, self._matrices, strict=True)
        return {name: [matrix] for name, matrix in shown if len(matrix)}

    def _correlate(self, k):
        """Fills the columns of the predictions that wait, reading the observed cells of the structure once."""
        columns, rows = list(self._waiting[k]), self._shown[k]
        if not columns:
            return
        predicted, self._waiting[k] = np.stack(list(self._waiting[k].values())), {}
        spec = self._test.spec
        size = max(1, HELD // (predicted.itemsize * math.prod(spec.shape)))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            observed = [spec.structure(self._test.images(part[few])).copy() for few in views.batches(len(part), spec)]
            correlations = correlation.pearson_of_pairs(np.concatenate(observed), predicted)
            self._matrices[k][start : start + size, columns] = correlations
