"""What the doctor finds, on this machine and with faults that it is shown."""

import dataclasses
import json
import re
import shutil
import sys
import tempfile
from importlib import metadata

import pytest

from datasets.integrated_cell.integrated_cell_dataset_builder import Builder
from icell_tf.config import PRESETS
from icell_tf.structures import NAMES
from icell_tf.training import devices, doctor, machine
from icell_tf.training.acceleration import Acceleration
from icell_tf.training.requirements import Need

GIB = 2**30


def configs(preset="small", **settings):
    return {phase: dataclasses.replace(config, **settings) for phase, config in PRESETS[preset].items()}


@pytest.fixture(autouse=True)
def healthy(monkeypatch):
    """Whatever runs the tests: memory, no GPU, no container's limit, no cluster."""
    monkeypatch.setattr(machine, "memory", lambda: (16 * GIB, 12 * GIB))
    monkeypatch.setattr(machine, "granted_cores", lambda: None)
    monkeypatch.setattr(machine, "gpus", lambda: [])
    for name in ("TF_CONFIG", "TF_NUM_INTRAOP_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def run(monkeypatch, capsys, *flags):
    """Returns the exit status of the command, and what it prints."""
    monkeypatch.setattr(sys, "argv", ["doctor", *flags])
    with pytest.raises(SystemExit) as ended:
        doctor.main()
    return int(ended.value.code), capsys.readouterr().out


def test_a_healthy_machine(prepared, tmp_path, monkeypatch, capsys):
    flags = (f"--dataset={prepared.folder}", f"--run_dir={tmp_path / 'new' / 'runs'}", "--preset=small")
    status, out = run(monkeypatch, capsys, *flags)
    assert out.splitlines()[-1] == "nothing is wrong" and status == 0
    for line in (
        f"  tensorflow {metadata.version('tensorflow')} (tested: <2.22,>=2.21)",
        "  strategy: none is needed, 1 device",
        f"  conditional: {Acceleration('float32', False)}",
        f"  {prepared.folder}: 32 px, 10 structures, train {prepared.splits['train']}, "
        f"validation {prepared.splits['validation']}, test {prepared.splits['test']}",
    ):
        assert line in out.splitlines()
    assert not (tmp_path / "new").exists()
    status, out = run(monkeypatch, capsys, *flags, "--json")
    found = json.loads(out)
    assert list(found["parts"]) == ["versions", "devices", "training", "data", "memory", "runs"]
    assert found["wrong"] == [] and status == 0


def test_what_is_wrong_is_said_with_what_to_do(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    status, out = run(
        monkeypatch, capsys, "--dataset=mine/cells", f"--data_dir={tmp_path}", f"--run_dir={tmp_path}/file"
    )
    assert status == 1
    data, runs = out.partition("\nwrong\n")[2].splitlines()
    assert data.startswith(f"  no prepared data set mine/cells in {tmp_path}. Prepare it with `tfds build`")
    assert runs.startswith(f"  {tmp_path}/file can't be written (Not a directory")
    assert runs.endswith("make it writable, or give another --run_dir")


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
    needs = {"reference": Need(0, GIB, 2 * GIB), "conditional": Need(0, GIB, 3 * GIB)}
    monkeypatch.setattr(machine, "memory", lambda: (8 * GIB, 6 * GIB))
    assert doctor.memory(needs, images=GIB // 4).wrong == []
    (wrong,) = doctor.memory(needs, images=GIB).wrong
    assert wrong.startswith("memory needs about 6.90 GiB and has 6.00 GiB free") and "--batch_size" in wrong
    (wrong,) = doctor.memory(needs, GIB, [("T4", 16 * GIB, 3 * GIB)]).wrong  # the step is the GPU's
    assert wrong.startswith("memory of T4 needs about 4.00 GiB and has 3.00 GiB free")
    assert doctor.memory(needs, GIB, [("T4", 16 * GIB, 3 * GIB)] * 3).wrong == []  # three share the activations


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
        ('{"cluster": {"worker": ["a:1"]}', "", "can't be used"),
        ('{"cluster": {}}', "", "lacks 'task'"),
    ],
)
def test_a_cluster(monkeypatch, text, line, wrong):
    monkeypatch.setenv("TF_CONFIG", text)
    part = doctor.training(configs(), 64)
    assert line in "\n".join(part.lines)
    assert len(part.wrong) == bool(wrong)
    assert re.search(wrong or "", "".join(part.wrong))


def test_batches_that_devices_cannot_share(monkeypatch):
    class Three:
        num_replicas_in_sync = 3

    monkeypatch.setattr(devices, "make_strategy", Three)
    wrong = doctor.training(configs(batch_size=32), 64).wrong
    assert len(wrong) == 2 and all(line.endswith("give --batch_size=33") for line in wrong)
    assert doctor.training(configs(batch_size=33), 64).wrong == []


def test_batches_that_machines_cannot_share(monkeypatch):
    monkeypatch.setenv(
        "TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1", "c:1"]}, "task": {"type": "worker", "index": 0}}'
    )
    wrong = doctor.training(configs(batch_size=32), 64).wrong
    assert len(wrong) == 2 and all("which 3 devices can't share evenly" in line for line in wrong)


def test_damaged_cells_are_not_taken_for_cells_to_be_prepared(prepared, tmp_path):
    folder = shutil.copytree(prepared.folder, tmp_path / "integrated_cell" / "simulated_64" / prepared.folder.name)
    (record,) = folder.glob("*-train.tfrecord*")
    record.write_bytes(record.read_bytes()[:1000])
    part, cells, _ = doctor.data("integrated_cell/simulated_64", tmp_path)
    assert cells is None and part.lines == [f"{folder}: can't be read"] and str(record) in part.wrong[0]


def test_of_the_disk_only_the_weights_of_these_runs_count(prepared, tmp_path, monkeypatch, capsys):
    flags = (f"--dataset={prepared.folder}", f"--run_dir={tmp_path}", "--preset=small")

    def needed():
        return run(monkeypatch, capsys, *flags)[1].partition("\nruns\n")[2].splitlines()[0]

    before = needed()
    for name in ("other", "small-reference"):
        (tmp_path / name).mkdir()
        with (tmp_path / name / "last.weights.h5").open("wb") as file:
            file.truncate(GIB)
        assert (needed() == before) == (name == "other")


def test_more_threads_than_the_container_grants(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 64)
    monkeypatch.setattr(machine, "granted_cores", lambda: 2.5)
    (wrong,) = doctor.devices().wrong
    assert "64 threads share the time of 2.5 cores" in wrong and "TF_NUM_INTRAOP_THREADS=2," in wrong
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    assert doctor.devices().wrong == []


def test_a_gpu_that_tensorflow_does_not_see():
    part = doctor.devices([("H100", 80 * GIB, 79 * GIB)])
    assert "H100: 79.0 of 80.0 GiB free" in part.lines
    assert part.wrong[0].startswith("TensorFlow sees none of 1 GPUs (H100): pip install 'tensorflow[and-cuda]'")


def test_simulated_cells_are_as_the_builder_has_them(tmp_path, monkeypatch):
    of_builder = {f"integrated_cell/{c.name}": c for c in Builder.BUILDER_CONFIGS if c.kind == "simulated"}
    assert doctor.SIMULATED.keys() == of_builder.keys()
    for name, (size, cells) in doctor.SIMULATED.items():
        assert of_builder[name].image_size == size
        assert cells == 10 * (of_builder[name].cells_per_structure or 607.7)  # Table S8: 6,077 in all
    part, cells, images = doctor.data("integrated_cell/simulated_64", tmp_path)
    assert "not prepared yet" in part.lines[0] and part.wrong == []
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}')
    (wrong,) = doctor.data("integrated_cell/simulated_64", tmp_path)[0].wrong
    assert "several machines don't prepare it: run `tfds build`" in wrong
    assert (cells.image_size, cells.structures, images) == (64, NAMES, 2800 * 64 * 64 * 3)


def test_a_setting_that_no_run_can_have_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["doctor", "--batch_size=1"])
    with pytest.raises(SystemExit, match="Error: batch_size is 1, but has to be at least 2"):
        doctor.main()
