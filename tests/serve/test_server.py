"""The process: `icell serve` on real sockets, from its first message to its end."""

import os
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

from icell_tf.inference.loading import load, version_of
from icell_tf.serve import Client

from ..conftest import REPOSITORY, SPEC
from ..in_process import run_icell

PATIENCE = 300  # seconds: a busy machine is no error
HEAD = "POST /v1/models/cells:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def process(make_export, port):
    """`icell serve` of an export, which answers; the last test ends it."""
    given = [f"--model={make_export()}", f"--port={port}", "--name=cells", "--body_seconds=2"]
    started = subprocess.Popen(
        [sys.executable, "-P", "-m", "icell_tf.cli", "serve", *given],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = started.stdout.readline()
        assert line == f"Serving cells, version 1, at http://127.0.0.1:{port}. Ctrl+C ends it.\n"
        yield started
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


@pytest.fixture
def client(process, port):
    with Client(f"http://localhost:{port}", name="cells", timeout=PATIENCE) as client:
        yield client


def test_an_export_is_served(client, make_export):
    x_r = np.random.default_rng(2).random((3, *SPEC.reference_shape), np.float32)
    expected = load(make_export()).integrate(x_r, samples=2)
    found = client.integrate(x_r, samples=2)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, atol=1e-5)


def test_a_slow_body_is_refused_and_its_connection_closed_while_others_are_answered(client, port):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as slow:
        slow.sendall(HEAD.encode() + b'{"in')
        assert client.sample([0])["x_rs"].shape == (1, *SPEC.image_shape)
        answer = b"".join(iter(lambda: slow.recv(4096), b""))  # until it is closed
    assert answer.startswith(b"HTTP/1.1 408 ") and b"the body took longer than 2 seconds" in answer


@pytest.mark.parametrize(
    ("request_", "status"),  # of requests that the server can't answer, so that it closes the connection
    [
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
        (HEAD.replace("100", "-5").encode(), b"400"),
        (HEAD.replace("Content-Length: 100", "Transfer-Encoding: chunked").encode() + b"zz\r\n", b"400"),
        (HEAD.encode() + b'{"in', b"400"),  # and no more
        (HEAD.replace("localhost", "elsewhere").encode(), b"421"),
        (b"GET /health HTTP/1.1\r\n\r\n", b"421"),
    ],
)
def test_requests_that_are_none_are_refused(process, port, request_, status):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sent:
        sent.sendall(request_)
        if request_.endswith(b'{"in'):
            sent.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sent.recv(4096), b""))
    assert answer.split(b" ")[1] == status


def test_a_port_in_use_is_said_before_the_model_is_loaded(process, port, tmp_path):
    message, _ = run_icell(tmp_path, "serve", "--model=nothing", f"--port={port}")
    assert message == f"Error: can't listen at 127.0.0.1:{port}: Address already in use; give another --port"


def test_it_ends_once_the_requests_in_flight_are_answered(client, process):
    """The last test: it ends the server."""
    client.sample([0])  # opens a connection, which must not keep the server from ending
    answers = []
    asking = threading.Thread(target=lambda: answers.append(client.sample([0] * 64)))
    asking.start()
    while asking.is_alive() and "requests_running 2" not in client._send("GET", "/metrics")[1].decode():
        pass
    process.send_signal(signal.SIGTERM)
    asking.join()
    assert answers[0]["x_rs"].shape == (64, *SPEC.image_shape)
    assert process.wait(PATIENCE) == 0


def test_the_version_is_that_of_the_folder(make_export, conditional_run, tmp_path):
    folder = make_export()
    assert version_of(folder) == version_of(folder.parent) == 1
    (tmp_path / "7").mkdir()
    assert version_of(tmp_path) == version_of(tmp_path / "7") == 7
    assert version_of(conditional_run) == version_of("simulated_64") == 1
