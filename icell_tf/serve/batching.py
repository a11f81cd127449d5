"""Joins requests: while the model computes one batch, the next one collects, so nobody waits for a batch to fill."""

import asyncio
import collections
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from icell_tf.serve.refusals import Refused


class _Job:
    """A checked request, which is computed in one or several parts."""

    def __init__(self, function, inputs, future):
        self.function, self.inputs, self.future = function, inputs, future
        self.rows, self.taken, self.parts = len(next(iter(inputs.values()))), 0, []

    def take(self, count):
        """Returns the inputs of the next `count` rows."""
        start, self.taken = self.taken, self.taken + count
        return {name: array[start : self.taken] for name, array in self.inputs.items()}

    def add(self, outputs):
        """Keeps the outputs of the rows that were taken last; answers when they are all there."""
        self.parts.append(outputs)
        if self.taken == self.rows and not self.future.done():
            self.future.set_result({name: _joined([part[name] for part in self.parts]) for name in outputs})

    def fail(self, error):
        self.taken = self.rows
        if not self.future.done():
            self.future.set_exception(error)


def _joined(parts):
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class Batcher:
    """Calls a model's functions in one thread, for the requests of an event loop.

    The requests must have been checked. The rows of those that wait for one function are joined. A request with more
    rows than fit goes on behind the others, so that it does not keep them waiting.

    Args:
      rows: how many cells a function is called with at most.
      metrics: `Metrics`, which learn of each batch.
    """

    def __init__(self, rows, metrics):
        self.rows, self._metrics = rows, metrics
        self._waiting, self._working = collections.deque(), None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        metrics.waiting.set_function(lambda: sum(job.rows - job.taken for job in list(self._waiting)))

    async def call(self, function, inputs):
        """Returns {name: array} of a `Function` for checked inputs. Raises: Refused: the model refuses them."""
        job = _Job(function, inputs, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await job.future

    async def run(self, function, *arguments):
        """Runs another function that asks the model, in the same thread, between batches."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _work(self):
        try:
            while batch := self._next():
                await self._compute(batch)
        finally:
            self._working = None

    def _next(self):
        """Takes rows of the oldest request, and of those behind it for the same function, [(job, inputs)]."""
        batch, space, others = [], self.rows, collections.deque()
        while self._waiting and space:
            job = self._waiting.popleft()
            if job.future.done():  # whoever asked has gone
                continue
            if batch and job.function is not batch[0][0].function:
                others.append(job)
                continue
            count = min(space, job.rows - job.taken)
            batch.append((job, job.take(count)))
            space -= count
        self._waiting = others + self._waiting
        self._waiting.extend(job for job, _ in batch if job.taken < job.rows)
        return batch

    async def _compute(self, batch):
        function, parts = batch[0][0].function, [inputs for _, inputs in batch]
        inputs = {name: _joined([part[name] for part in parts]) for name in parts[0]}
        try:
            outputs = await self.run(compute, function, inputs)
        except Exception as error:
            if len(batch) > 1:  # so that what is wrong with one request reaches no other
                for one in batch:
                    await self._compute([one])
                return
            batch[0][0].fail(_refusal(error))
            return
        rows = [len(next(iter(part.values()))) for part in parts]
        self._metrics.batches.labels(function.name).observe(sum(rows))
        start = 0
        for (job, _), count in zip(batch, rows, strict=True):
            job.add({name: array[start : start + count] for name, array in outputs.items()})
            start += count


def compute(function, inputs):
    """Calls a `Function` with arrays. Returns: {name: array}; texts are arrays of str."""
    outputs = function.call(**{name: tf.constant(array) for name, array in inputs.items()})
    return {name: _text(value.numpy()) for name, value in outputs.items()}


def _text(array):
    return np.char.decode(array.astype(bytes), "utf-8").astype(object) if array.dtype == object else array


def _refusal(error):
    """Returns the error to answer with: what the model's own checks refuse is the request's fault."""
    if isinstance(error, tf.errors.InvalidArgumentError):
        return Refused(400, error.message.partition("\n")[0])
    return error
