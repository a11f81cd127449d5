"""How many requests a second a server answers, beside the same model called in a loop in one process.

    python benchmarks/serving.py --model=simulated_64 --seconds=60

Each client keeps a connection and asks for one cell at a time. In binary form and as JSON, for 1, 8 and 64 clients:
requests a second, the median and the 99th percentile of the time to an answer, failed requests, and the ratio to the
cells a second of the loop, on the same cores, of which half is measured before and half after. At first: how long the
first request takes, against the median of those that follow. The machine has to be idle, but for the ratios.
"""

import argparse
import contextlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import throughput  # noqa: E402

CLIENTS = (1, 8, 64)
PATH = "/v1/models/integrator:predict"
STEADY = 50  # requests after the first


@contextlib.contextmanager
def served(model):
    """Starts `icell serve`; yields its port once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "icell_tf.cli", "serve", f"--model={model}", f"--port={port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            if not line.startswith("Serving"):
                sys.exit(f"the server did not start: {line}")
            yield port
        finally:
            process.terminate()


def requests_of(x_r):
    """Returns {form: (body, headers)} of a request for every structure in cells x_r."""
    from icell_tf.serve.tensors import BINARY, json_bytes, pack

    binary = {"content-type": BINARY, "accept": BINARY}
    return {
        "binary": (pack({"x_r": x_r}, {"signature_name": "integrate"}), binary),
        "JSON": (json_bytes({"inputs": {"x_r": x_r}}), {"content-type": "application/json"}),
    }


def ask(connection, request):
    """Returns whether a request was answered, and the seconds that this took."""
    started = time.perf_counter()
    connection.request("POST", PATH, *request)
    answer = connection.getresponse()
    answer.read()
    return answer.status == 200, time.perf_counter() - started


def load(port, request, clients, seconds):
    """Has clients ask one request after the other. Returns: [seconds of each answer], failed requests."""
    end, times, failed = time.perf_counter() + seconds, [], []

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while time.perf_counter() < end:
            try:
                good, took = ask(connection, request)
                (times if good else failed).append(took)
            except OSError as error:
                failed.append(error)
                connection.close()
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(failed)


def first_and_steady(port, request):
    """Returns the row of the first request, and of those that follow."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        times = [ask(connection, request)[1] for _ in range(1 + STEADY)]
    steady = statistics.median(times[1:])
    return {"first ms": 1000 * times[0], "steady ms": 1000 * steady, "ratio": times[0] / steady}


def loop(integrator, x_r, seconds):
    """Returns the cells a second of a loop that asks the model for one cell at a time."""
    end, count = time.perf_counter() + seconds, 0
    started = time.perf_counter()
    while time.perf_counter() < end:
        integrator.integrate(x_r)
        count += 1
    return count / (time.perf_counter() - started)


def row_of(times, failed, seconds, rate):
    """Returns a row of the table. Args: seconds of each answer; failed requests; seconds in all; the loop's rate."""
    ordered, found = sorted(times), len(times) / seconds
    row = {"requests/s": found, "p50 ms": 1000 * statistics.median(ordered)}
    row |= {"p99 ms": 1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], "failed": failed}
    return row | {"loop cells/s": rate, "ratio": found / rate}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="simulated_64", help="a run, an export, or a model that ships")
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement")
    arguments = parser.parse_args()
    from icell_tf import load as load_model

    integrator = load_model(arguments.model)
    x_r = integrator.spec.reference(integrator.sample([0], 0)["x_rs"])
    integrator.integrate(x_r)
    rows = []
    with served(arguments.model) as port:
        requests = requests_of(x_r)
        print(throughput.table([first_and_steady(port, requests["binary"])]), flush=True)
        for form, request in requests.items():
            for clients in CLIENTS:
                before = loop(integrator, x_r, arguments.seconds / 2)
                started = time.perf_counter()
                times, failed = load(port, request, clients, arguments.seconds)
                took = time.perf_counter() - started
                rate = (before + loop(integrator, x_r, arguments.seconds / 2)) / 2
                rows.append({"form": form, "clients": clients} | row_of(times, failed, took, rate))
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    print(throughput.table(rows))


if __name__ == "__main__":
    main()
