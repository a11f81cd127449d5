"""A server under load, and malformed requests by the thousand, which must leave no trace: `make soak-server`."""

import os
import time

import pytest

from ..serve.clients import hostile
from ..serve.clients.load import HEAD, clients

pytestmark = pytest.mark.soak_server

SECONDS = float(os.environ.get("SOAK_SECONDS", 60))
SEED = os.environ.get("SOAK_SEED", "0")
MALFORMED, FLIPPED = 1000, 200
GROWTH = 1.05  # of the server's memory, at most


def test_clients_get_the_integrators_numbers(server, good):
    print(f"\n{HEAD}")
    for count in (1, 8, 64):
        begun = time.monotonic()
        with clients(server.port, good, count, SEED) as tally:
            time.sleep(SECONDS)
        print(tally.row(count, time.monotonic() - begun), flush=True)
        assert not tally.faults, "\n".join(tally.faults[:10])
    assert not server.running() and "Traceback" not in server.log()


def test_malformed_requests_are_refused_and_leave_nothing_behind(server, good, subject):
    hostile.send(server, hostile.malformed(subject, f"warm {SEED}", MALFORMED))  # so that all is loaded that ever is
    before = server.memory()
    with clients(server.port, good, 1, SEED) as others:
        statuses, wrong = hostile.send(server, hostile.malformed(subject, SEED, MALFORMED))
    after = server.memory()
    print(f"\n{hostile.table(statuses)}")
    refused = sum(n for counts in statuses.values() for status, n in counts.items() if 400 <= status < 500)
    print(f"{refused} of {MALFORMED} answered with 4xx; meanwhile {len(others.seconds)} good requests, all equal")
    print(f"resident memory: {before / 2**20:.0f} MB before, {after / 2**20:.0f} MB after, {after / before:.3f} times")
    assert not wrong, "\n".join(wrong[:10])
    assert refused == MALFORMED
    assert not others.faults, "\n".join(others.faults[:10])
    assert after <= GROWTH * before
    assert "Traceback" not in server.log() and server.process.poll() is None
    for request in good:
        answer = server.ask_for(request)
        assert answer.status == 200
        request.check(answer.headers, answer.body)


def test_stacks_with_wrong_bits_are_answered_or_refused(server, subject):
    statuses, wrong = hostile.send(server, hostile.flipped(subject, SEED, FLIPPED))
    print(f"\n{hostile.table(statuses)}")
    assert not wrong, "\n".join(wrong[:10])
    assert set().union(*statuses.values()) <= {200, 400}
    assert "Traceback" not in server.log() and not server.left_behind()
