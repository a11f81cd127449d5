"""Slow clients, killed clients, and a server that is ended while it works: `make soak-server`."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from ..serve.clients.good import CONTENT_TYPE, fields, form, inputs_of
from ..serve.clients.load import clients
from ..serve.clients.slow import SLOW, suffer
from ..serve.clients.wire import HOST, request
from .conftest import BODY_SECONDS, HEADER_SECONDS

pytestmark = pytest.mark.soak_server

SEED = os.environ.get("SOAK_SEED", "0")
EACH = 6  # clients of each slow kind
SLACK = 10  # seconds, beyond a deadline, on a machine that has much else to do
KILLS = 40
LONGEST = 60  # seconds that an end may take
# Sends requests piece by piece, for ever, and reads the start of the answers.
CLIENT = f"""
import random, socket, sys, time
port, files, rng = int(sys.argv[1]), sys.argv[3:], random.Random(sys.argv[2])
print("ready", flush=True)
while True:
    with open(rng.choice(files), "rb") as file, socket.create_connection(("{HOST}", port)) as connection:
        while piece := file.read(rng.randint(1, 20_000)):
            connection.sendall(piece)
            time.sleep(0.002)
        connection.recv(rng.choice((1, 1000, 100_000)))
"""


def assert_all_is_well(server, good):
    """The server is idle, and answers with the numbers of before."""
    server.wait_until_idle()
    for ask in good:
        answer = server.ask_for(ask)
        assert answer.status == 200, (ask.name, answer)
        ask.check(answer.headers, answer.body)
    assert "Traceback" not in server.log(), server.log()[-3000:]


def test_slow_clients_are_closed_by_the_deadline_while_others_are_served(server, good):
    deadlines = {"head": HEADER_SECONDS, "body": BODY_SECONDS, "none": 0}
    crowd, longest = SLOW * EACH, max(deadlines.values()) * 2 + SLACK
    with clients(server.port, good, 2, SEED) as others, ThreadPoolExecutor(len(crowd)) as threads:
        met = list(threads.map(lambda slow: suffer(server.port, slow, longest), crowd))
    print(f"\n{'a client that':36} {'deadline s':>10} {'closed after s':>14}  answered")
    for slow in SLOW:
        mine = [each for other, each in zip(crowd, met, strict=True) if other is slow]
        status = f"{slow.status}" if slow.status else "nothing"
        print(f"{slow.name:36} {deadlines[slow.deadline]:10g} {max(seconds for seconds, _ in mine):14.1f}  {status}")
        for seconds, received in mine:
            assert seconds <= deadlines[slow.deadline] + SLACK, slow.name
            found = int(received.split()[1]) if received else None
            assert found == slow.status, (slow.name, received[:300])
    print(f"meanwhile {len(others.seconds)} good requests, all equal")
    assert others.seconds and not others.faults, "\n".join(others.faults[:10])
    assert_all_is_well(server, good)


def test_killed_clients_leave_no_trace(server, good, subject, tmp_path):
    files = []
    for number, ask in enumerate([good[0], good[1], good[-1]]):
        files.append(tmp_path / f"{number}")
        files[-1].write_bytes(request(ask.path, ask.body, ask.headers))
    large = form([("stack", "a.tif", subject.stack + bytes(20 * 2**20)), *fields()])  # of which none gets to the end
    files.append(tmp_path / "large")
    files[-1].write_bytes(request("/integrate", large, [CONTENT_TYPE]))
    rng = random.Random(SEED)

    def kill(number, seconds):
        command = [sys.executable, "-c", CLIENT, str(server.port), f"{SEED} {number}", *map(str, files)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            client.stdout.readline()
            time.sleep(seconds)
            client.kill()

    with clients(server.port, good, 2, SEED) as others, ThreadPoolExecutor(8) as threads:
        list(threads.map(kill, range(KILLS), [rng.uniform(0.05, 1.5) for _ in range(KILLS)]))
    print(f"\n{KILLS} clients killed; meanwhile {len(others.seconds)} good requests, all equal")
    assert others.seconds and not others.faults, "\n".join(others.faults[:10])
    assert_all_is_well(server, good)
    assert not server.left_behind()


def ended_under_load(server, good, *signals):
    """Ends a server that 8 clients ask. Returns: the exit status, and the clients' `Tally`."""
    with clients(server.port, good, 8, SEED, may_break=True) as tally:
        while len(tally.seconds) < 16:
            assert not tally.faults and not tally.broken, (tally.faults, tally.broken)
            time.sleep(0.1)
        begun = time.monotonic()
        status = server.end(*signals)
        passed = time.monotonic() - begun
    lost = [error for error, sent in tally.broken if sent is not None and sent < begun]
    print(f"\nended after {passed:.1f} s with status {status}, {len(lost)} requests lost that were sent before")
    assert not lost and not tally.faults, (lost, tally.faults)
    return status


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_requests_in_flight_are_answered_before_the_end(start, good, signals):
    with start() as server:
        assert ended_under_load(server, good, *signals) == 0
        assert "Traceback" not in server.log() and not server.left_behind()


def test_idle_and_slow_clients_do_not_keep_it_from_ending(start, served, good):
    with start() as server, ThreadPoolExecutor(len(SLOW) + 1) as threads:
        for slow in SLOW:
            threads.submit(suffer, server.port, slow, LONGEST)
        x_r = inputs_of(served, 1, 64)["x_r"]
        from icell_tf.serve.tensors import BINARY, pack

        long = request(good[0].path, pack({"x_r": x_r}), [("Content-Type", BINARY), ("Accept", BINARY)])
        answer = threads.submit(server.ask, long)
        time.sleep(1)
        begun = time.monotonic()
        assert server.end() == 0
        print(f"\nended after {time.monotonic() - begun:.1f} s")
        assert answer.result().status == 200
        assert "Traceback" not in server.log() and not server.left_behind()


def test_killed_it_leaves_no_files_but_temporary_ones_and_no_process(start, good):
    with start() as server:
        with clients(server.port, good[-2:], 8, SEED, may_break=True) as tally:
            while len(tally.seconds) < 4:
                time.sleep(0.1)
            children = psutil.Process(server.process.pid).children(recursive=True)
            server.process.kill()
            server.process.wait()
        _, alive = psutil.wait_procs(children, LONGEST)
        print(f"\nkilled; of its {len(children)} processes {len(alive)} are left; files: {server.left_behind()}")
        assert not alive and not list(server.cwd.iterdir())
        assert all(name.startswith(("icell-", "pymp-")) for name in os.listdir(server.temporary))
