"""A few of the requests of `make soak-server`, on a tiny model: malformed, slow, and good ones meanwhile."""

import pytest

from icell_tf.serve.functions import functions_of

from .clients import hostile
from .clients.good import predictions, uploads
from .clients.load import clients
from .clients.slow import SLOW, suffer
from .process import Server

BODY_SECONDS = 1


@pytest.fixture(scope="module")
def server(make_export, tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server"), make_export(), f"--body_seconds={BODY_SECONDS}") as running:
        yield running


@pytest.fixture(scope="module")
def good(integrator, tmp_path_factory):
    functions = functions_of(integrator)
    return predictions(functions, integrator) + uploads(integrator, tmp_path_factory.mktemp("stacks"))


def test_malformed_and_slow_requests_are_refused_while_others_are_answered(server, good, integrator):
    subject = hostile.Subject(integrator, functions_of(integrator))
    (slow,) = [slow for slow in SLOW if slow.name == "drips a body"]
    with clients(server.port, good, 1, 0) as others:
        statuses, wrong = hostile.send(server, hostile.malformed(subject, 0, len(hostile.KINDS)))
        _, received = suffer(server.port, slow, 60)
    assert not wrong, "\n".join(wrong)
    assert {status // 100 for counts in statuses.values() for status in counts} == {4}, hostile.table(statuses)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert not others.faults, "\n".join(others.faults)
    for request in good:
        answer = server.ask_for(request)
        assert answer.status == 200
        request.check(answer.headers, answer.body)
    assert server.end() == 0
    assert "Traceback" not in server.log() and not server.left_behind()
