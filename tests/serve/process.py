"""`icell serve` as a process of its own, as people run it."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import psutil

from ..conftest import REPOSITORY
from .clients.wire import HOST, SECONDS, exchange, request

START_SECONDS = 600  # on a machine that does much else
QUIET_SECONDS = 3


class Server:
    """A process that serves a model at 127.0.0.1, in a folder of its own.

    Args: folder: for its log, its working directory and its temporary files; model: an export; flags of `icell serve`,
      without port.
    """

    def __init__(self, folder, model, *flags):
        self.folder, self.port = pathlib.Path(folder), free_port()
        self.cwd, self.temporary = self.folder / "cwd", self.folder / "temporary"
        for place in (self.cwd, self.temporary):
            place.mkdir(parents=True)
        command = [
            sys.executable,
            "-P",
            "-m",
            "icell_tf.cli",
            "serve",
            f"--model={model}",
            f"--port={self.port}",
            *flags,
        ]
        own = {"CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(self.temporary)}
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | own, cwd=self.cwd
            )
        self._wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _wait(self):
        until = time.monotonic() + START_SECONDS
        while "Serving" not in self.log():
            assert self.process.poll() is None and time.monotonic() < until, self.log()
            time.sleep(0.1)

    def log(self):
        """What it has printed."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def ask(self, data, seconds=SECONDS):
        """Sends bytes. Returns: `Answer`."""
        return exchange(self.port, data, seconds)

    def ask_for(self, good):
        """Sends a `Good` request. Returns: `Answer`."""
        return self.ask(request(good.path, good.body, good.headers))

    def running(self):
        """How many other requests it is busy with, by its own count."""
        text = self.ask(request("/metrics", method="GET")).body.decode()
        return int(float(text.partition("\nicell_requests_running ")[2].split()[0])) - 1

    def wait_until_idle(self, seconds=SECONDS):
        until = time.monotonic() + seconds
        while self.running():
            assert time.monotonic() < until, "requests of clients that have gone are still running"
            time.sleep(0.1)

    def memory(self):
        """Resident bytes of it and its child processes: the least within some seconds in which nobody asks anything."""
        self.wait_until_idle()
        found, until = [], time.monotonic() + QUIET_SECONDS
        while time.monotonic() < until:
            processes = [psutil.Process(self.process.pid)]
            processes += processes[0].children(recursive=True)
            found.append(sum(process.memory_info().rss for process in processes))
            time.sleep(0.1)
        return min(found)

    def end(self, *signals, pause=0.2):
        """Sends signals, and waits. Returns: the exit status."""
        for number in signals or (signal.SIGTERM,):
            self.process.send_signal(number)
            time.sleep(pause)
        return self.process.wait(SECONDS)

    def left_behind(self):
        """Names of the files in its working directory and among its temporary files."""
        return sorted(path.name for place in (self.cwd, self.temporary) for path in place.rglob("*"))


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
