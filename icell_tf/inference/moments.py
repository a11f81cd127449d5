"""Mean and standard deviation of draws, which need not be kept; without TensorFlow, for clients of a server."""

import numpy as np


class Moments:
    """Mean and standard deviation (of the population) of arrays that are added one after the other (Welford 1962)."""

    def __init__(self):
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, values):
        self.count += 1
        difference = values - self.mean
        self.mean = self.mean + difference / self.count
        self._squares = self._squares + difference * (values - self.mean)

    @property
    def std(self):
        return np.sqrt(self._squares / self.count)
