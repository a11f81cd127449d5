"""Batches of cells: in order, or shuffled, balanced and mirrored for training.

Threads make them ahead of their use. They are Python's, because a pipeline of tf.data that calls Python can't be ended
while it reads: Python deletes it and waits for its threads, and these wait for Python.
"""

import collections
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

# Batches that are made at a time, and at most ahead of their use: few, so that memory stays small.
PARALLEL, AHEAD = min(4, os.cpu_count() or 1), 4


@dataclass(frozen=True)
class Batches:
    """Batches of cells, {"x": (B, *shape, C) float32 in [0, 1], "structure": (B,) int32}. Every pass begins anew.

    Attributes:
      cells: their source: it has a length, the shape of an image, and a method `gather` from indices to images (B,
        *shape, C) uint8 and structures (B,) int32, in NumPy; see `cells`.
      plans: a function without arguments that returns what the batches are made of, in their order: indices of cells,
        (B,), and what to mirror, (2, B) bool, or None.
      batch_size: of every batch; None: the last one may have fewer cells.
      mirror: two axes of a batch, along which `plans` may mirror.
    """

    cells: Any
    plans: Callable
    batch_size: int | None = None
    mirror: tuple[int, ...] = ()

    @property
    def element_spec(self):
        """The shapes and types of a batch, as tf.function takes them."""
        x = tf.TensorSpec([self.batch_size, *self.cells.image_shape], tf.float32)
        return {"x": x, "structure": tf.TensorSpec([self.batch_size], tf.int32)}

    def share(self, number, shares):
        """Returns the batches with one of several shares of each one's cells; no others are read."""

        def plans():
            for index, flips in self.plans():
                part = np.array_split(index, shares)[number]
                yield part, flips if flips is None else np.array_split(flips, shares, axis=-1)[number]

        return replace(self, plans=plans, batch_size=self.batch_size and self.batch_size // shares)

    def __iter__(self):
        waiting = collections.deque()
        with ThreadPoolExecutor(PARALLEL) as threads:
            try:
                for plan in self.plans():
                    waiting.append(threads.submit(self._make, *plan))
                    if len(waiting) > AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for batch in waiting:
                    batch.cancel()

    def _make(self, index, flips):
        images, y = self.cells.gather(index)
        if flips is not None:
            for axis, chosen in zip(self.mirror, flips, strict=True):
                images[chosen] = np.flip(images[chosen], axis)
        with tf.device("CPU:0"):
            return {"x": tf.constant(images / np.float32(255)), "structure": tf.constant(y)}


def ordered_batches(cells, batch_size):
    """Returns the `Batches` of all cells, in order."""

    def plans():
        for start in range(0, len(cells), batch_size):
            yield np.arange(start, min(start + batch_size, len(cells))), None

    return Batches(cells, plans)


def shuffled_batches(cells, batch_size, seed, epochs, balance=None, mirror=(), skip=0):
    """Returns the `Batches` of some epochs, in an order that depends on seed and epoch alone.

    The last partial batch of an epoch is dropped.

    Args:
      cells: the source.
      batch_size: cells of the global batch.
      seed: of the order.
      epochs: range of the epochs' numbers.
      balance: (N,) the cells' structures: draw cells with replacement so that all structures are equally frequent.
        None: each cell once.
      mirror: two axes of a batch; mirror each cell along none, one or both, by a draw of its own in each epoch.
      skip: number of batches of the first epoch to leave out, because they were trained on. They are not read.
    """
    count = len(cells)
    steps = count // batch_size

    def order(number):
        if balance is None:
            return tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), [seed, number])
        log_weights = -np.log(np.bincount(balance)[balance])[None].astype(np.float32)
        return tf.random.stateless_categorical(log_weights, count, [seed, number], dtype=tf.int64)[0]

    def plans():
        for number in epochs:
            with tf.device("CPU:0"):
                index = order(number)[: steps * batch_size].numpy().reshape(steps, batch_size)
                flips = [None] * steps
                if mirror:
                    flips = (tf.random.stateless_uniform([steps, 2, batch_size], [seed, number]) < 0.5).numpy()
            yield from list(zip(index, flips, strict=True))[skip if number == epochs.start else 0 :]

    return Batches(cells, plans, batch_size, tuple(mirror))
