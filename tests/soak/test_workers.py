"""Two worker processes, one of them killed or stopped again and again, and restarted by a supervisor: `make soak`."""

import os
import random
import signal
import subprocess
import time

import pytest

from icell_tf.runs import weights
from icell_tf.training import devices

from ..training.test_devices import free_hosts, tf_config
from .test_kills import PHASES, assert_same_run, before, command

pytestmark = pytest.mark.soak

LIMIT = 300  # seconds in which anything must happen


class Pair:
    """Two processes on the loopback address, as a supervisor keeps them: what ends with an error is started again."""

    def __init__(self, prepared, phase, run_dir, before_dir, logs):
        self.hosts = free_hosts(2)
        self.command = command(prepared, phase, run_dir, before_dir, epochs=8, batch_size=16)
        self.run_dir, self.logs = run_dir, logs
        self.starts, self.processes = [0, 0], [None, None]
        for index in range(2):
            self.start(index)

    def start(self, index):
        log = self.logs / f"{self.run_dir.name}-{index}-{self.starts[index]}"
        self.starts[index] += 1
        self.started = time.time()
        own = {"CUDA_VISIBLE_DEVICES": "-1", "PYTHONUNBUFFERED": "1", devices.VARIABLE: tf_config(self.hosts, index)}
        with log.open("w") as file:
            self.processes[index] = subprocess.Popen(
                self.command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | own
            )

    def log(self, index):
        """What the present process of a worker has said."""
        return (self.logs / f"{self.run_dir.name}-{index}-{self.starts[index] - 1}").read_text()

    def trains(self):
        """Whether both are alive and have saved a step since they were started."""
        last = self.run_dir / weights.LAST
        alive = all(process.poll() is None for process in self.processes)
        return alive and last.is_file() and last.stat().st_mtime > self.started

    def wait(self, done):
        """Restarts what ends with an error until something holds; says what the workers said if it never does."""
        until = time.monotonic() + LIMIT
        while not done():
            assert time.monotonic() < until, self.log(0)[-3000:] + self.log(1)[-3000:]
            for index, process in enumerate(self.processes):
                if process.poll():
                    self.start(index)
            time.sleep(0.1)

    def wait_for_end(self, index):
        """Returns the seconds until a worker has ended by itself."""
        begun = time.monotonic()
        self.processes[index].wait(LIMIT)
        return time.monotonic() - begun

    def is_done(self):
        return all(process.poll() == 0 for process in self.processes)

    def kill(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def train_whole(prepared, tmp_path_factory):
    """A function that trains a phase, and those before, without interruption, once, and returns the folder of all."""
    folder = tmp_path_factory.mktemp("workers")

    def train(last):
        for phase in PHASES[: PHASES.index(last) + 1]:
            if not (folder / phase).exists():
                pair = Pair(prepared, phase, folder / phase, before(folder, phase), folder)
                try:
                    pair.wait(pair.is_done)
                finally:
                    pair.kill()
        return folder

    return train


@pytest.mark.parametrize("phase", PHASES)
def test_with_a_worker_killed_again_and_again_a_run_ends_as_if_it_had_not_been(train_whole, prepared, tmp_path, phase):
    rng, whole, waited = random.Random(phase), train_whole(phase), []
    pair = Pair(prepared, phase, tmp_path / phase, before(whole, phase), tmp_path)
    try:
        for victim, number, restart_at_once in (
            (1, signal.SIGKILL, False),
            (0, signal.SIGKILL, False),
            (1, signal.SIGKILL, True),
            (0, signal.SIGKILL, True),
            (1, signal.SIGTERM, False),
        ):
            pair.wait(lambda: pair.trains() or pair.is_done())
            time.sleep(rng.uniform(0, 2))
            assert pair.processes[victim].poll() is None, "the run was done too soon: give it more epochs"
            pair.processes[victim].send_signal(number)
            pair.processes[victim].wait(LIMIT)
            if restart_at_once:
                pair.start(victim)
            waited.append(pair.wait_for_end(1 - victim))
            expected = "Stopped by SIGTERM" if number == signal.SIGTERM else "Error: lost a machine of TF_CONFIG"
            if pair.processes[1 - victim].returncode:
                assert expected in pair.log(1 - victim), pair.log(1 - victim)
        pair.wait(pair.is_done)
    finally:
        pair.kill()
    assert_same_run(tmp_path / phase, whole / phase)
    print(
        f"\n{phase}: {len(waited)} times a worker was lost; the other ended after {max(waited):.0f} s at most; "
        f"{sum(pair.starts) - 2} restarts, nothing lost"
    )
