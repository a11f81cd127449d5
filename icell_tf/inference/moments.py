"""Mean and standard deviation of draws, which need not be kept; without TensorFlow, for clients of a server."""

import numpy as np


class Moments:
    """Mean and standard deviation (of the population) of arrays that are added one after the other (Welford 1962)."""

    def __init__(self):
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, values):
        """Adds an array (B, ...), of the same shape each time."""
        self.count += 1
        if self.count == 1:
            self.mean, self._squares = np.array(values), np.zeros_like(values)
            return
        for mean, squares, value in zip(self.mean, self._squares, values, strict=True):  # small enough for the cache
            difference = value - mean
            mean += difference / self.count
            squares += difference * (value - mean)

    @property
    def std(self):
        return np.sqrt(self._squares / self.count)
