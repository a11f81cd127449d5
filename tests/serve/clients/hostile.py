"""Malformed but whole requests from a seed, of which each must be answered 4xx, and files with wrong bits."""

import collections
import inspect
import json
import random
import tempfile
from concurrent.futures import ThreadPoolExecutor

from . import bodies, files, heads, uploads
from .good import CONTENT_TYPE, FIELDS, fields, form, inputs_of, stack
from .wire import request

AT_ONCE = 4
CELLS = 64  # that a request may have


class Subject:
    """What malformed requests are made of. Args: the model's `Integrator`, and its functions.

    Attributes: stack: bytes of a .tif that is good; cells: how many a request may have.
    """

    def __init__(self, integrator, functions):
        self._functions, self.cells = functions, CELLS
        self.stack = stack(integrator.spec)
        self._inputs = [inputs_of(integrator, seed, 1 + seed) for seed in range(2)]

    def values(self, rng, function=None):
        """Returns a function's name, and good inputs {name: array} of it."""
        function = function or rng.choice(sorted(self._functions))
        inputs = rng.choice(self._inputs)
        return function, {name: inputs[name] for name in self._functions[function].inputs}

    def good_json(self, rng):
        """Returns the body of a good request."""
        name, values = self.values(rng)
        inputs = {key: array.tolist() for key, array in values.items()}
        return json.dumps({"signature_name": name, "inputs": inputs}).encode()


def _kinds(module):
    """Returns the kinds of malformed requests, or files, in a module: its functions."""
    found = inspect.getmembers(module, inspect.isfunction)
    return [kind for name, kind in found if kind.__module__ == module.__name__ and not name.startswith("_")]


def _sent(kind):
    """Returns the kind of request that sends a kind of damaged file, as the stack or as its masks."""

    def upload(rng, subject):
        name, content = kind(rng, subject)
        parts = [("stack", name, content), *fields(rng.choice((FIELDS, {})))]
        if rng.random() < 0.25:
            masks = [("segmentation", name, content), *fields({"channels": FIELDS["channels"]})]
            parts = [("stack", "b.tif", subject.stack), *masks]
        return request("/integrate", form(parts), [CONTENT_TYPE])

    upload.__name__ = kind.__name__
    return upload


KINDS = [kind for module in (heads, bodies, uploads) for kind in _kinds(module)] + [*map(_sent, _kinds(files))]


def malformed(subject, seed, count):
    """Yields (kind, request): every kind in turn, each request from a seed of its own."""
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        yield kind.__name__, kind(random.Random(f"{seed} {number}"), subject)


def flipped(subject, seed, count):
    """Yields (kind, request): a good stack with wrong bits, which may still be readable."""
    for number in range(count):
        rng, content = random.Random(f"{seed} {number}"), bytearray(subject.stack)
        for _ in range(rng.choice((1, 4, 64))):
            place = rng.randrange(rng.choice((1000, len(content))))  # of which the first are the headers
            content[place] ^= 1 << rng.randrange(8)
        yield "wrong bits", request("/integrate", form([("stack", "a.tif", content), *fields()]), [CONTENT_TYPE])


def send(server, requests):
    """Sends requests, some at once. Returns: {kind: Counter of statuses}, and what is wrong with answers."""
    statuses, wrong = collections.defaultdict(collections.Counter), []

    def ask(number, kind, data):
        answer = server.ask(data)
        if fault := _fault(answer):
            wrong.append(f"{number}, {kind}: {fault}: {data[:200]!r} -> {answer.status} {answer.body[:300]!r}")
        return kind, answer.status

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for batch in _batches(requests):
            for kind, status in threads.map(ask, *zip(*batch, strict=True)):
                statuses[kind][status] += 1
    return statuses, wrong


def _batches(requests, size=50):
    """Some at a time, because a request may have megabytes."""
    batch = []
    for number, (kind, data) in enumerate(requests):
        batch.append((number, kind, data))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _fault(answer):
    """Says what is wrong with a refusal; None: nothing is. A status without a sentence is the web server's own."""
    if answer.status == 0:
        return "no answer"
    if answer.body and answer.headers.get("content-type") != "application/json":
        return "no JSON"
    if tempfile.gettempdir().encode() + b"/" in answer.body or b"Traceback" in answer.body:
        return "names what is the server's own"
    return None


def table(statuses):
    """Returns lines: each kind, how many, and with which statuses they were answered."""
    lines = [f"{'malformed requests':36} {'sent':>5}  answered"]
    for kind, counts in statuses.items():
        found = ", ".join(f"{count} x {status}" for status, count in sorted(counts.items()))
        lines.append(f"{kind.replace('_', ' '):36} {counts.total():5}  {found}")
    return "\n".join(lines)
