"""Cores, memory and GPUs; the container's limits from files as Linux writes them."""

import subprocess
from types import SimpleNamespace

import psutil
import pytest

from icell_tf.config import ConfigError
from icell_tf.training import machine

GIB = 2**30


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A function that writes {path: text} as control groups have them, on a machine with 8 of 16 GiB free."""
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=16 * GIB, available=8 * GIB))

    def write(contents):
        for name, text in contents.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def test_without_control_groups_or_limits_the_machine_is_what_there_is(files):
    assert machine.cores() >= 1
    limits = {"own": "0::/\n", "cgroup/memory.max": "max\n", "cgroup/cpu.max": "max 100000\n"}
    for written in ({}, limits | {"cgroup/memory.current": "123\n"}):
        files(written)
        assert machine.memory() == (16 * GIB, 8 * GIB) and machine.granted_cores() is None


def test_the_tightest_group_counts_without_its_cache(files):
    files({"own": "0::/pod/box\n"})
    files({"cgroup/pod/memory.max": f"{6 * GIB}\n", "cgroup/pod/memory.current": f"{4 * GIB}\n"})
    files({"cgroup/pod/memory.stat": f"anon 5\ninactive_file {GIB}\n"})
    files({"cgroup/pod/box/memory.max": f"{5 * GIB}\n", "cgroup/pod/box/memory.current": f"{GIB}\n"})
    files({"cgroup/pod/cpu.max": "400000 100000\n", "cgroup/pod/box/cpu.max": "150000 100000\n"})
    assert machine.memory() == (5 * GIB, 3 * GIB)
    assert machine.granted_cores() == 1.5


def test_version_1_in_a_container_whose_path_is_the_hosts(files):
    files({"own": "5:memory:/docker/1a\n2:cpuacct,cpu:/docker/1a\n0::/\n"})
    files({"cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}\n"})
    files({"cgroup/memory/memory.usage_in_bytes": f"{GIB}\n"})
    files({"cgroup/memory/memory.stat": "total_inactive_file 0\n"})
    files({"cgroup/cpu/cpu.cfs_quota_us": "50000\n", "cgroup/cpu/cpu.cfs_period_us": "100000\n"})
    assert machine.memory() == (2 * GIB, GIB)
    assert machine.granted_cores() == 0.5
    files({"cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "cgroup/cpu/cpu.cfs_quota_us": "-1\n"})
    assert machine.memory() == (16 * GIB, 8 * GIB)
    assert machine.granted_cores() is None


def test_threads_that_the_environment_asks_for(monkeypatch):
    within, beside = machine.THREADS
    monkeypatch.setenv(within, "0")
    monkeypatch.setenv(beside, "3")
    assert machine.asked_threads() == {beside: 3}
    for wrong in ("abc", "-1"):
        monkeypatch.setenv(within, wrong)
        with pytest.raises(ConfigError, match=f"{within} is '{wrong}': give a number of threads"):
            machine.asked_threads()


def test_gpus_as_the_drivers_tool_lists_them(monkeypatch):
    def answer(returncode, stdout):
        done = subprocess.CompletedProcess([], returncode, stdout)
        monkeypatch.setattr(subprocess, "run", lambda *args, **options: done)

    h100, t4 = ("NVIDIA H100 80GB HBM3", 81559 * 2**20, 80995 * 2**20), ("Tesla, T4", 15 * GIB, 100 * 2**20)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    listed = "0, GPU-1a, NVIDIA H100 80GB HBM3, 81559, 80995\n1, GPU-2b, Tesla, T4, 15360, 100\n"
    answer(0, listed + "2, GPU-3c, GB10, [N/A], [N/A]\n")
    assert machine.gpus() == [h100, t4]  # the third shares the machine's memory
    for shown, found in {"1": [t4], "GPU-1": [h100], "1,0": [h100, t4], "-1": [], "": []}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
        assert machine.gpus() == found
    answer(9, "NVIDIA-SMI has failed\n")
    assert machine.gpus() == []
