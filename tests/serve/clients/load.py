"""Clients that ask for as long as they are told, and compare each answer with the numbers that it must have."""

import contextlib
import dataclasses
import http.client
import random
import threading
import time

import numpy as np

from .wire import HOST, SECONDS

MOST = 5000  # requests of a client, so that a fast server ends too
LONGEST_PAUSE = 1  # seconds, whatever Retry-After says


@dataclasses.dataclass
class Tally:
    """What clients have met.

    Attributes:
      seconds: of each answer with the right numbers.
      refused: 503 with Retry-After, after which a client comes again.
      faults: what must not be, in words.
      broken: (error, time until which the request was sent) of connections that ended without an answer.
    """

    seconds: list = dataclasses.field(default_factory=list)
    refused: int = 0
    faults: list = dataclasses.field(default_factory=list)
    broken: list = dataclasses.field(default_factory=list)

    def row(self, clients, passed):
        """A line of `HEAD`."""
        p50, p99 = np.percentile(self.seconds, (50, 99)) * 1000
        count = len(self.seconds)
        return (
            f"{clients:7} {count:9} {count / passed:9.1f} {p50:8.0f} {p99:8.0f} {self.refused:8} {len(self.faults):7}"
        )


HEAD = f"{'clients':>7} {'answers':>9} {'a second':>9} {'p50 ms':>8} {'p99 ms':>8} {'503':>8} {'failed':>7}"


@contextlib.contextmanager
def clients(port, good, count, seed, may_break=False):
    """While it is entered, `count` clients ask for requests of `good` at random; gives their `Tally`."""
    tally, ending = Tally(), threading.Event()
    threads = [
        threading.Thread(target=_ask, args=(port, good, random.Random(f"{seed} {i}"), tally, ending))
        for i in range(count)
    ]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        ending.set()
        for thread in threads:
            thread.join()
    if not may_break:
        tally.faults += [str(error) for error, _ in tally.broken]


def _ask(port, good, rng, tally, ending):
    connection = http.client.HTTPConnection(HOST, port, timeout=SECONDS)
    for _ in range(MOST):
        if ending.is_set():
            break
        _exchange(connection, rng.choice(good), tally, ending)
    connection.close()


def _exchange(connection, request, tally, ending):
    begun, sent = time.monotonic(), None
    try:
        connection.request("POST", request.path, request.body, dict(request.headers))
        sent = time.monotonic()
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        tally.broken.append((f"{request.name}: {type(error).__name__}: {error}", sent))
        ending.wait(0.1)
        return
    headers = {name.lower(): value for name, value in answer.getheaders()}
    if answer.status == 503 and "retry-after" in headers:
        tally.refused += 1
        ending.wait(min(float(headers["retry-after"]), LONGEST_PAUSE))
    elif answer.status != 200:
        tally.faults.append(f"{request.name}: {answer.status} {body[:300]!r}")
    else:
        try:
            request.check(headers, body)
        except (AssertionError, KeyError, ValueError) as error:
            tally.faults.append(f"{request.name}: {error}")
        else:
            tally.seconds.append(time.monotonic() - begun)
