"""A folder in which a user has trained both phases, for the commands that use a run."""

import os
import subprocess
import sys

import pytest

from ..conftest import REPOSITORY
from ..in_process import run_command

SHORT = ["--preset=demo", "--width=0.0625", "--batch_size=16", "--epochs=1"]


def run(folder, command, *arguments):
    """Runs a command, which has to succeed. Returns: what it printed."""
    status, out = run_command(folder, command, *arguments)
    assert status == 0, out
    return out


def run_alone(folder, command, *arguments):
    """As `run`, in a process of its own."""
    done = subprocess.run(
        [sys.executable, REPOSITORY / "train" / command, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="session")
def folder(prepared, tmp_path_factory):
    """A folder in which both phases were trained, in the runs that the commands choose themselves."""
    folder = tmp_path_factory.mktemp("commands")
    cells = f"--dataset={prepared.folder}"  # which phase 2 takes from phase 1
    for phase, run_it, given in (("reference", run_alone, [cells]), ("conditional", run, [])):
        out = run_it(folder, f"{phase}.py", *SHORT, *given)
        assert f"Trained the {phase} model" in out.splitlines()[-1]
        assert out.splitlines()[-1].endswith(f"runs/demo-{phase}")
    return folder
