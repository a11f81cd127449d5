"""Requests that are joined: each gets its own answer, and what is wrong with one reaches no other."""

import asyncio
import threading

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.serve.batching import Batcher
from icell_tf.serve.metrics import Metrics
from icell_tf.serve.refusals import Refused
from icell_tf.serve.service import Service
from icell_tf.serve.settings import Settings

from ..conftest import SPEC


class Doubling:
    """A function that doubles x, remembers the rows of each call, and waits in the first one until told to go on."""

    def __init__(self, name="double"):
        self.name, self.calls, self.started, self.go_on = name, [], threading.Event(), threading.Event()

    def call(self, x):
        x = x.numpy()
        self.calls.append(x.tolist())
        self.started.set()
        assert self.go_on.wait(20)
        if (x < 0).any():
            raise tf.errors.InvalidArgumentError(None, None, "x is below 0\nin a graph")
        return {"double": tf.constant(2 * x), "name": tf.constant(["é"] * len(x))}


async def collected(batcher, function, *requests, also=()):
    """Asks for a first row, and while it is computed for all requests. Returns: their answers, or errors."""
    first = asyncio.create_task(batcher.call(function, {"x": np.array([0])}))
    await asyncio.to_thread(function.started.wait, 20)
    asked = [asyncio.create_task(batcher.call(one, {"x": np.array(x)})) for one, x in [*also]]
    asked += [asyncio.create_task(batcher.call(function, {"x": np.array(x)})) for x in requests]
    await asyncio.sleep(0)
    function.go_on.set()
    await first
    return await asyncio.gather(*asked, return_exceptions=True)


def test_requests_that_come_meanwhile_are_joined():
    function = Doubling()
    answers = asyncio.run(collected(Batcher(8, Metrics()), function, [1], [2, 3], [4]))
    assert [answer["double"].tolist() for answer in answers] == [[2], [4, 6], [8]]
    assert [answer["name"].tolist() for answer in answers] == [["é"], ["é", "é"], ["é"]]
    assert function.calls == [[0], [1, 2, 3, 4]]


def test_no_call_has_more_rows_than_fit_and_large_requests_make_way():
    function = Doubling()
    answers = asyncio.run(collected(Batcher(4, Metrics()), function, [1, 2, 3, 4, 5, 6], [7], [8]))
    assert [answer["double"].tolist() for answer in answers] == [[2, 4, 6, 8, 10, 12], [14], [16]]
    assert function.calls == [[0], [1, 2, 3, 4], [7, 8, 5, 6]]


def test_only_requests_for_one_function_are_joined():
    function, other = Doubling(), Doubling("other")
    other.go_on.set()
    answers = asyncio.run(collected(Batcher(8, Metrics()), function, [1], [2], also=[(other, [9])]))
    assert [answer["double"].tolist() for answer in answers] == [[18], [2], [4]]
    assert other.calls == [[9]] and function.calls == [[0], [1, 2]]


def test_what_the_model_refuses_reaches_no_other_request():
    function = Doubling()
    good, bad, last = asyncio.run(collected(Batcher(8, Metrics()), function, [1], [-1], [3]))
    assert good["double"].tolist() == [2] and last["double"].tolist() == [6]
    assert isinstance(bad, Refused) and (bad.status, bad.sentence) == (400, "x is below 0")


def test_requests_of_clients_that_have_gone_are_not_computed():
    function = Doubling()

    async def run():
        batcher = Batcher(8, Metrics())
        first = asyncio.create_task(batcher.call(function, {"x": np.array([0])}))
        await asyncio.to_thread(function.started.wait, 20)
        gone = asyncio.create_task(batcher.call(function, {"x": np.array([1])}))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        function.go_on.set()
        await first
        return await batcher.call(function, {"x": np.array([2])})

    assert asyncio.run(run())["double"].tolist() == [4]
    assert function.calls == [[0], [2]]


def test_batches_are_counted():
    metrics = Metrics()
    asyncio.run(collected(Batcher(8, metrics), Doubling(), [1], [2, 3]))
    lines = metrics.text().decode().splitlines()
    assert 'icell_batch_cells_sum{function="double"} 4.0' in lines and "icell_cells_waiting 0.0" in lines


def test_thirty_one_good_requests_and_a_bad_one(integrator):
    """31 answers, equal to those of cells that are asked for alone, and one refusal."""
    rng = np.random.default_rng(0)
    cells = rng.random((32, 1, *SPEC.reference_shape), np.float32)
    cells[17, 0, 3, 4, 1] = np.nan
    service = Service(integrator, Settings())

    async def run():
        return await asyncio.gather(*(service.call("integrate", {"x_r": x_r}) for x_r in cells), return_exceptions=True)

    answers = asyncio.run(run())
    bad = answers.pop(17)
    assert isinstance(bad, Refused) and bad.status == 400 and "x_r must lie in [0, 1], without NaN" in bad.sentence
    expected = integrator.integrate(np.concatenate(np.delete(cells, 17, axis=0)))
    for name in ("structures", "z_r"):
        found = np.concatenate([answer[name] for answer in answers])
        np.testing.assert_allclose(found, expected[name], atol=1e-5)
    count = 'icell_batch_cells_count{function="integrate"} '
    (batches,) = [line for line in service.metrics.text().decode().splitlines() if line.startswith(count)]
    assert float(batches.removeprefix(count)) < 31


def test_work_beside_the_model_and_with_it(integrator, x_r):
    service = Service(integrator, Settings())

    async def run():
        return await service.run(threading.current_thread), await service.run_model(threading.current_thread)

    beside, of_model = asyncio.run(run())
    assert beside.name.startswith("files") and of_model.name.startswith("model")


def test_unknown_functions_are_refused(integrator):
    with pytest.raises(Refused, match="no signature 'paint'; it has serving_default, classify"):
        asyncio.run(Service(integrator, Settings()).call("paint", {}))
