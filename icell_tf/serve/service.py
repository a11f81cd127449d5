"""What the routes of a server work with: a model that answers requests, and threads for slow work."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from icell_tf.serve.batching import Batcher, compute
from icell_tf.serve.functions import DEFAULT, DEFAULT_NAME, functions_of
from icell_tf.serve.metrics import Metrics
from icell_tf.serve.refusals import Refused
from icell_tf.serve.settings import CELLS, Settings
from icell_tf.spec import at_once

__all__ = ["Refused", "Service", "Settings"]
THREADS = 2  # that read and write requests and files


class Service:
    """A model that is being served.

    Args: `Integrator`; `Settings`; version, of the model, in URLs.

    Attributes:
      functions: {name: `Function`}.
      cells: how many a request may have.
      metrics: `Metrics`.
      running: requests that are being answered.
      closing: set to True, new requests are refused, because the server ends.
    """

    def __init__(self, integrator, settings, version=1):
        self.integrator, self.settings, self.version = integrator, settings, version
        self.functions, self.metrics = functions_of(integrator), Metrics()
        self.cells = at_once(CELLS, integrator.spec.shape)
        self.running, self.closing = 0, False
        self.metrics.running.set_function(lambda: self.running)
        self._batcher = Batcher(integrator.rows_at_once, self.metrics)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="files")

    def warm_up(self):
        """Calls each function with one cell and with a full batch, so that the first request need not wait."""
        asyncio.run(self.run_model(self._call_all))

    def _call_all(self):
        for function in self.functions.values():
            for rows in sorted({1, self.integrator.rows_at_once}):
                compute(function, function.examples(rows))

    def function(self, name=DEFAULT_NAME):
        """Returns a `Function` by name. Raises: Refused: there is none."""
        found = self.functions.get(DEFAULT if name == DEFAULT_NAME else name)
        if found is None:
            known = ", ".join(sorted(self.functions))
            raise Refused(400, f"the model has no signature {name!r}; it has {DEFAULT_NAME}, {known}")
        return found

    async def call(self, name, values):
        """Computes a function of the model, together with other requests.

        Args:
          name: of the function.
          values: {name: array or nested lists}, of the names of its inputs, with a leading batch axis.

        Returns: {name: array}; texts are arrays of str.

        Raises: Refused: the model refuses the values, or they are of more than `cells` cells.
        """
        function = self.function(name)
        try:
            arrays = await self.run(function.arrays, values)
        except ValueError as error:
            raise Refused(400, str(error)) from error
        if (count := len(next(iter(arrays.values())))) > self.cells:
            raise Refused(400, f"the request has {count} cells, but may have {self.cells}: send several requests")
        return await self._batcher.call(function, arrays)

    async def run(self, function, *arguments):
        """Runs slow work that does not ask the model in a thread, and returns what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def run_model(self, function, *arguments):
        """Runs a function that asks the `Integrator` itself in the model's thread, and returns what it returns."""
        return await self._batcher.run(function, *arguments)
