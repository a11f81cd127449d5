"""What the process has on this machine, or in its container: cores, memory, GPUs."""

import os
import platform
import subprocess
from pathlib import Path

import psutil

from icell_tf.config import ConfigError

CGROUPS, OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
THREADS = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"  # TensorFlow's: of an operation, operations at a time
BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # as Linux calls them
UNLIMITED = 2**60  # version 1 writes no limit as a number a little below 2^63


def processor():
    """The processor's name."""
    return _of_processor("model name") or platform.processor() or platform.machine()


def has_bfloat16():
    """Whether the processor has instructions that multiply bfloat16; where Linux doesn't say, False."""
    return not BFLOAT16.isdisjoint(_of_processor("flags").split())


def _of_processor(name):
    lines = [line for line in _lines(Path("/proc/cpuinfo")) if line.startswith(name)]
    return lines[0].partition(":")[2].strip() if lines else ""


def cores():
    """The number of cores that this process may run on; TensorFlow starts a thread for each."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def asked_threads():
    """Returns the threads that the environment sets, {variable of THREADS: number}. Raises: ConfigError: no number."""
    asked = {name: os.environ[name] for name in THREADS if os.environ.get(name, "0") not in ("", "0")}  # 0: default
    for name, value in asked.items():
        if not value.isdecimal():
            raise ConfigError(f"the environment variable {name} is {value!r}: give a number of threads, or unset it")
    return {name: int(value) for name, value in asked.items()}


def granted_cores():
    """The processor time that the container grants, in cores, or None without a limit."""
    grants = [_quotient(*line.split()) for folder in _groups("") for line in _lines(folder / "cpu.max")]
    for folder in _groups("cpu"):
        quota, period = _lines(folder / "cpu.cfs_quota_us"), _lines(folder / "cpu.cfs_period_us")
        grants += [_quotient(*quota, *period)] if quota and period else []
    return min((grant for grant in grants if grant), default=None)


def _quotient(quota, period):
    return None if quota in ("max", "-1") else int(quota) / int(period)


def memory():
    """Returns (total, free) bytes for this process: the machine's or, if it is less, the container's.

    Memory that caches hold and give up when it is needed counts as free.
    """
    machine = psutil.virtual_memory()
    total, free = machine.total, machine.available
    version_1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
    for controller, names in {"": ("memory.max", "memory.current", "inactive_file"), "memory": version_1}.items():
        for folder in _groups(controller):
            limit, usage = (_lines(folder / name) for name in names[:2])
            if limit and usage and limit[0] != "max" and int(limit[0]) < UNLIMITED:
                cached = dict(line.split() for line in _lines(folder / "memory.stat")).get(names[2], 0)
                total = min(total, int(limit[0]))
                free = min(free, int(limit[0]) - int(usage[0]) + int(cached))
    return total, max(0, free)


def _groups(controller):
    """The folders of the control groups of this process, its own first. Args: "" for version 2, or one of version 1.

    A group's limit holds for all groups below it. In a container the path may be the host's and not exist, because the
    container's own group is mounted at the root.
    """
    for line in _lines(OWN_CGROUP):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            root = CGROUPS / controller
            own = root / path.lstrip("/")
            return [folder for folder in (own, *own.parents) if folder == root or root in folder.parents]
    return []


def gpus():
    """Returns (name, total bytes, free bytes) of the GPUs that nvidia-smi lists; none if it isn't installed.

    Without GPUs that CUDA_VISIBLE_DEVICES hides, and those that have no memory of their own.
    """
    query = ["nvidia-smi", "--query-gpu=index,uuid,name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    visible = []
    for line in found.stdout.splitlines() if not found.returncode else ():
        index, uuid, described = line.split(", ", 2)
        name, total, free = described.rsplit(", ", 2)
        if _is_visible(index, uuid) and total.isdecimal() and free.isdecimal():
            visible.append((name, int(total) * 2**20, int(free) * 2**20))
    return visible


def _is_visible(index, uuid):
    """Whether CUDA_VISIBLE_DEVICES lets a GPU be seen, by its number or by how its identifier begins."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    return shown is None or any(one == index or (one and uuid.startswith(one)) for one in shown.split(","))


def _lines(path):
    """The lines of a file; none if it doesn't exist."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
