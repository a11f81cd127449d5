"""The command that examines a machine: what it prints, and its exit status."""

import json
import shutil
from importlib import metadata

import pytest

from icell_tf.training.acceleration import Acceleration

from ..in_process import run_command

GIB = 2**30
pytestmark = pytest.mark.usefixtures("healthy")


def test_a_healthy_machine(prepared, tmp_path):
    flags = (f"--dataset={prepared.folder}", f"--run_dir={tmp_path / 'new' / 'runs'}", "--preset=small")
    status, out = run_command(tmp_path, "doctor.py", *flags)
    assert out.splitlines()[-1] == "nothing is wrong" and status == 0
    for line in (
        f"  tensorflow {metadata.version('tensorflow')} (tested: <2.22,>=2.21)",
        "  strategy: none is needed, 1 device",
        f"  conditional: {Acceleration('float32', False)}",
        f"  {prepared.folder}: 32 x 32 px, 10 structures, train {prepared.splits['train']}, "
        f"validation {prepared.splits['validation']}, test {prepared.splits['test']}",
    ):
        assert line in out.splitlines()
    assert "operations at a time with" in out
    assert not (tmp_path / "new").exists()
    status, out = run_command(tmp_path, "doctor.py", *flags, "--json")
    found = json.loads(out)
    assert list(found["parts"]) == ["versions", "devices", "training", "data", "memory", "runs"]
    assert found["wrong"] == [] and status == 0


def test_what_is_wrong_is_said_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    flags = ("--dataset=mine/cells", f"--data_dir={tmp_path}", f"--run_dir={tmp_path}/file")
    status, out = run_command(tmp_path, "doctor.py", *flags)
    assert status == 1
    data, runs = out.partition("\nwrong\n")[2].splitlines()
    assert data.startswith(f"  no prepared data set mine/cells in {tmp_path}. Prepare it with `icell build`")
    assert runs.startswith(f"  {tmp_path}/file can't be written (Not a directory")
    assert runs.endswith("make it writable, or give another --run_dir")


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--threads_per_operation=0", "threads_per_operation is '0'"),
        ("--batch_size=1", "batch_size is 1, but has to be"),
    ],
)
def test_a_setting_that_no_run_can_have_is_refused(prepared, tmp_path, flag, message):
    status, _ = run_command(tmp_path, "doctor.py", f"--dataset={prepared.folder}", flag)
    assert status.startswith("Error: ") and message in status


def test_of_the_disk_only_the_weights_of_these_runs_count(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10 * GIB, GIB, 9 * GIB))
    flags = (f"--dataset={prepared.folder}", f"--run_dir={tmp_path}", "--preset=small")

    def needed():
        return run_command(tmp_path, "doctor.py", *flags)[1].partition("\nruns\n")[2].splitlines()[0]

    before = needed()
    for name in ("other", "small-reference"):
        (tmp_path / name).mkdir()
        with (tmp_path / name / "last.weights.h5").open("wb") as file:
            file.truncate(GIB)
        assert (needed() == before) == (name == "other")
