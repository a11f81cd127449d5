"""Worker processes that prepare cells; results come back in the items' order, for any number of workers."""

import collections
import contextlib
import multiprocessing
import os
import sys
import threading
import types
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

# One thread of linear algebra for each worker, because the workers already use every core.
_WORKER_ENVIRONMENT = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
_AHEAD = 8  # items in flight per worker, which limits the memory
_SMALL = 12  # so few items are done before processes would have started


class WorkerPool:
    """Processes that start when first needed and end with the `with` block.

    They are spawned, because TensorFlow's threads don't survive a fork. They don't import the caller's main module, so
    that a worker imports only what its function needs.
    """

    def __init__(self, workers: int | None = None):
        from joblib import cpu_count  # here, because the workers, which import this module, don't need it

        self.workers = workers or cpu_count()
        self._executor = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    def map(self, function, items):
        """Yields function(item) in order. The function must be importable; its own exceptions are passed on.

        Raises: RuntimeError: a worker process died, perhaps out of memory; the message names the items in work.
        """
        items = list(items)
        if self.workers == 1 or len(items) <= _SMALL:
            yield from map(function, items)
            return
        pending = collections.deque()
        with empty_main():  # a spawned executor starts its processes at the first items
            if self._executor is None:
                context = multiprocessing.get_context("spawn")
                self._executor = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_prepare_worker)
            pending.extend((item, self._executor.submit(function, item)) for item in items[: self.workers])
        try:
            for item in items[self.workers :]:
                pending.append((item, self._executor.submit(function, item)))
                if len(pending) >= _AHEAD * self.workers:
                    yield pending[0][1].result()
                    pending.popleft()
            while pending:
                yield pending[0][1].result()
                pending.popleft()
        except BrokenProcessPool as error:
            names = ", ".join(str(getattr(item, "cell_id", item)) for item, future in pending if not _is_good(future))
            raise RuntimeError(
                f"A worker process died, out of memory or in the decoder of a damaged file, at one of: {names}."
            ) from error


def _is_good(future):
    return future.done() and not future.cancelled() and future.exception() is None


def _prepare_worker():
    """Called in a worker, before it imports NumPy: limits its threads, and ends it with its parent, however killed."""
    os.environ.update(_WORKER_ENVIRONMENT)
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


@contextlib.contextmanager
def empty_main():
    """Gives processes that are spawned within the block an empty main module."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
