"""What the doctor finds, on this machine and with faults that it is shown."""

import dataclasses
import shutil
import tempfile
from importlib import metadata
from types import SimpleNamespace

import pytest

from icell_tf.config import PHASES, PRESETS
from icell_tf.structures import NAMES
from icell_tf.training import devices, doctor, machine
from icell_tf.training.requirements import Requirements

GIB = 2**30
pytestmark = pytest.mark.usefixtures("healthy")


def configs(preset="small", **settings):
    return {phase: dataclasses.replace(config, **settings) for phase, config in PRESETS[preset].items()}


def test_a_read_only_disk(tmp_path, monkeypatch):
    def refuse(dir):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    part = doctor.disk("runs", tmp_path / "runs", 0, "--run_dir")
    assert part.wrong == [
        f"{tmp_path / 'runs'} can't be written (Read-only file system: {tmp_path}): make it writable, or give another "
        "--run_dir"
    ]


def test_too_little_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10 * GIB, 9 * GIB, GIB))
    assert doctor.disk("runs", tmp_path, GIB, "--run_dir").wrong == []
    (wrong,) = doctor.disk("runs", tmp_path, 3 * GIB // 2, "--run_dir").wrong
    assert wrong.startswith(f"{tmp_path} needs 1.50 GiB and its disk has 1.00 GiB free: free space there")


def test_too_little_memory(monkeypatch):
    needs = {"reference": Requirements(0, GIB, 2 * GIB), "conditional": Requirements(0, GIB, 3 * GIB)}
    monkeypatch.setattr(machine, "memory", lambda: (8 * GIB, 6 * GIB))
    assert doctor.memory(needs).wrong == []
    monkeypatch.setattr(machine, "memory", lambda: (8 * GIB, 4 * GIB))
    (wrong,) = doctor.memory(needs).wrong
    assert wrong.startswith("memory needs about 4.90 GiB and has 4.00 GiB free") and "--batch_size" in wrong
    (wrong,) = doctor.memory(needs, [("T4", 16 * GIB, 3 * GIB)]).wrong  # the step is the GPU's
    assert wrong.startswith("memory of T4 needs about 4.00 GiB and has 3.00 GiB free")
    assert doctor.memory(needs, [("T4", 16 * GIB, 3 * GIB)] * 3).wrong == []  # three share the activations


def test_another_version_and_a_missing_one(monkeypatch):
    others = {"numpy": "1.26.4", "jinja2": None}
    original = metadata.version

    def version(name):
        found = others.get(name, original(name))
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(metadata, "version", version)
    missing, other = doctor.versions().wrong
    assert other == "numpy is 1.26.4, but icell_tf was tested with <2.5,>=2.4: pip install 'numpy<2.5,>=2.4'"
    assert missing.startswith("jinja2 is missing, but icell_tf was tested with <4,>=3.1.6: pip install ")
    assert [part.title for part in doctor.examine(configs(), {})] == ["versions"]


@pytest.mark.parametrize(
    "text, line, wrong",
    [
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}',
            "machine 2 of 2, a:1, b:1\nstrategy: MultiWorkerMirroredStrategy, 2 devices\nreference: Computes in ",
            None,
        ),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "", "task 1 of 'worker'"),
    ],
)
def test_a_cluster(monkeypatch, text, line, wrong):
    monkeypatch.setenv("TF_CONFIG", text)
    part = doctor.training(configs(), (64, 64))
    assert line in "\n".join(part.lines)
    assert len(part.wrong) == bool(wrong)
    assert not wrong or wrong in part.wrong[0]


THREE = '{"cluster": {"worker": ["a:1", "b:1", "c:1"]}, "task": {"type": "worker", "index": 0}}'


@pytest.mark.parametrize(("devices_here", "cluster"), [(3, ""), (1, THREE)])
def test_batches_that_devices_or_machines_cannot_share(monkeypatch, devices_here, cluster):
    monkeypatch.setattr(devices, "make_strategy", lambda: SimpleNamespace(num_replicas_in_sync=devices_here))
    monkeypatch.setenv("TF_CONFIG", cluster)
    wrong = doctor.training(configs(batch_size=32), (64, 64)).wrong
    assert len(wrong) == len(PHASES)
    assert all("which 3 devices can't share evenly: give --batch_size=33" in line for line in wrong)
    assert doctor.training(configs(batch_size=33), (64, 64)).wrong == []


def test_damaged_cells_are_not_taken_for_cells_to_be_prepared(prepared, tmp_path):
    folder = shutil.copytree(prepared.folder, tmp_path / "integrated_cell" / "simulated_64" / prepared.folder.name)
    (record,) = folder.glob("*-train.array_record*")
    record.write_bytes(record.read_bytes()[:1000])
    part, spec = doctor.data("integrated_cell/simulated_64", tmp_path)
    assert spec is None and part.lines == [f"{folder}: can't be read"] and str(record) in part.wrong[0]


def test_more_threads_than_the_container_grants(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 64)
    monkeypatch.setattr(machine, "granted_cores", lambda: 2.5)
    (wrong,) = doctor.devices().wrong
    assert "64 threads share the time of the 2.5 cores" in wrong and "TF_NUM_INTRAOP_THREADS=2," in wrong
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    assert doctor.devices().wrong == []


def test_a_gpu_that_tensorflow_does_not_see():
    part = doctor.devices([("H100", 80 * GIB, 79 * GIB)])
    assert "H100: 79.0 of 80.0 GiB free" in part.lines
    assert part.wrong[0].startswith("TensorFlow sees none of 1 GPUs (H100): pip install 'icell_tf[gpu]'")


def test_simulated_cells_that_are_not_prepared_yet(tmp_path, monkeypatch):
    part, spec = doctor.data("integrated_cell/simulated_64", tmp_path)
    assert "not prepared yet" in part.lines[0] and part.wrong == []
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}')
    (wrong,) = doctor.data("integrated_cell/simulated_64", tmp_path)[0].wrong
    assert "several machines" in wrong and "run `icell build --config=" in wrong
    assert (spec.shape, spec.structures) == ((64, 64), NAMES)
