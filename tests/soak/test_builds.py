"""Builds that are killed at random moments leave no data set, and the same command then makes it: `make soak`."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from icell_tf.data.prepared import PreparedCells

pytestmark = pytest.mark.soak

KILLS = 6
BUILD = """
import sys
from tests.building import DUMMY, STACKS, TINY_3D, build

print("begins", flush=True)
build(sys.argv[1], {config}, DUMMY)
"""


def start(config, data_dir):
    """A process that builds, once it has imported everything, in a group with its workers."""
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD.format(config=config), str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    while process.stdout.readline() != "begins\n":
        assert process.poll() is None
    return process


@pytest.mark.parametrize(("config", "name"), [("STACKS", "stacks"), ("TINY_3D", "tiny_3d")])
def test_a_killed_build_leaves_nothing_and_is_made_anew(tmp_path, config, name):
    process = start(config, tmp_path / "whole")
    began = time.monotonic()
    process.communicate()
    seconds, rng = time.monotonic() - began, random.Random(0)
    folder = tmp_path / "killed" / "integrated_cell" / name
    for _ in range(KILLS):
        process = start(config, tmp_path / "killed")
        time.sleep(rng.uniform(0, 0.9 * seconds))
        with contextlib.suppress(ProcessLookupError):  # it was faster
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        left = [path.name for path in folder.glob("*")]
        assert len(left) <= 1  # what the kill before left is gone
        if left and not left[0].startswith("incomplete."):
            PreparedCells(folder / left[0]).check()
    process = start(config, tmp_path / "killed")
    process.communicate()
    (version,) = folder.iterdir()
    (whole,) = (tmp_path / "whole" / "integrated_cell" / name).iterdir()
    assert process.returncode == 0
    assert PreparedCells(version).fingerprint == PreparedCells(whole).fingerprint
    PreparedCells(version).check()
