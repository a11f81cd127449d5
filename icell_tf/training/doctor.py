"""Examines a machine before a run: versions, devices, how training would run, memory and disk.

It runs, and says so, where a package is missing: TensorFlow is imported once all packages are known to be installed.
"""

import contextlib
import math
import os
import platform
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement  # TensorFlow and Keras require it
from packaging.specifiers import SpecifierSet

from icell_tf.config import PHASES, ConfigError
from icell_tf.messages import quiet_start

GIB = 2**30


class Part(NamedTuple):
    """A part of the examination: its title, lines to print, and a sentence for each thing that is wrong."""

    title: str
    lines: list
    wrong: list


def devices(listed=()):
    """Examines cores, GPUs and the container's limits. Args: listed, as `machine.gpus` returns them."""
    import tensorflow as tf

    from icell_tf.training import machine

    cores, granted = machine.cores(), machine.granted_cores()
    threads = machine.asked_threads().get(machine.THREADS[0], cores)
    lines, wrong = [f"{cores} of {os.cpu_count()} CPU cores ({machine.processor()})"], []
    if granted:
        lines.append(f"the container grants the time of {granted:g} cores")
        if threads > max(1, granted):
            wrong.append(
                f"{threads} threads share the time of the {granted:g} cores that the container grants, and wait for "
                f"each other: export {machine.THREADS[0]}={max(1, int(granted))}, or raise the container's CPU limit"
            )
    seen = tf.config.list_physical_devices("GPU")
    for gpu in seen:
        details = tf.config.experimental.get_device_details(gpu)
        capability = ".".join(map(str, details.get("compute_capability", ("unknown",))))
        lines.append(f"{gpu.name}: {details.get('device_name', 'unknown')}, compute capability {capability}")
    lines += [f"{name}: {free / GIB:.1f} of {total / GIB:.1f} GiB free" for name, total, free in listed]
    if not seen:
        lines.append("TensorFlow sees no GPU")
    if listed and not seen:
        wrong.append(
            f"TensorFlow sees none of {len(listed)} GPUs ({listed[0][0]}): pip install 'icell_tf[gpu]', and "
            "look at the driver (nvidia-smi)"
        )
    return Part("devices", lines, wrong)


def versions():
    """Compares the installed versions with the ranges that icell_tf was tested with."""
    try:
        own = metadata.metadata("icell_tf")
    except metadata.PackageNotFoundError:
        return Part("versions", [], ["icell_tf is not installed: run `pip install -e .` in its checkout"])
    python = SpecifierSet(own["Requires-Python"])
    found = [("Python", platform.python_version(), python, "use one of these versions")]
    for needed in map(Requirement, own.get_all("Requires-Dist") or ()):
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            installed = "missing"
            with contextlib.suppress(metadata.PackageNotFoundError):
                installed = metadata.version(needed.name)
            found.append((needed.name, installed, needed.specifier, f"pip install '{needed}'"))
    lines, wrong = [f"icell_tf {own['Version']}"], []
    for name, version, tested, remedy in found:
        lines.append(f"{name} {version} (tested: {tested})")
        if version not in tested:
            wrong.append(f"{name} is {version}, but icell_tf was tested with {tested}: {remedy}")
    return Part("versions", lines, wrong)


def training(configs, shape, threads="auto"):
    """Examines how training would run: strategy, precision, threads and XLA, and whether devices can share a batch.

    Args: configs, {phase: config}; shape, pixels along each axis, None: unknown; threads, as in `examine`.
    """
    from icell_tf.training.acceleration import Acceleration, set_threads
    from icell_tf.training.devices import VARIABLE, make_strategy, read_cluster

    lines, wrong = [], []
    try:
        cluster = read_cluster(os.environ.get(VARIABLE))
    except ConfigError as error:
        return Part("training", lines, [str(error)])
    set_threads(threads, None if cluster else shape)
    strategy = make_strategy()
    replicas = strategy.num_replicas_in_sync
    name = type(strategy).__name__ if replicas > 1 else "none is needed"
    if cluster:  # the strategy itself would wait for the other machines; they are assumed to have the same devices
        replicas, name = replicas * len(cluster.hosts), "MultiWorkerMirroredStrategy"
        lines.append(f"{VARIABLE}: machine {cluster.index + 1} of {len(cluster.hosts)}, {', '.join(cluster.hosts)}")
    lines.append(f"strategy: {name}, {replicas} device{'s' * (replicas > 1)}")
    for phase, config in configs.items():
        lines.append(f"{phase}: {Acceleration.of(config, replicas, shape)}")
        if config.batch_size % replicas:
            wrong.append(
                f"batch_size is {config.batch_size} in phase {phase}, which {replicas} devices can't share evenly: "
                f"give --batch_size={-(-config.batch_size // replicas) * replicas}"
            )
    return Part("training", lines, wrong)


def data(dataset, data_dir=None):
    """Returns the Part of a prepared data set and its `CellSpec`.

    For a simulated one that is not prepared yet, it is what it will be; without the data set, None.
    """
    from icell_tf.data.builder.config import SIMULATED
    from icell_tf.data.folders import default_data_dir, find_prepared
    from icell_tf.data.prepared import DatasetError, PreparedCells
    from icell_tf.training.devices import in_cluster

    try:
        folder = find_prepared(dataset, data_dir)
    except DatasetError as error:
        if dataset not in SIMULATED:
            return Part("data", [f"{dataset}: none"], [str(error)]), None
        config = SIMULATED[dataset]
        needed = config.cells * math.prod(config.spec().image_shape)
        part = disk("data", data_dir or default_data_dir(), needed, "--data_dir")
        part.lines.insert(0, f"{dataset}: not prepared yet; training prepares it when it starts, in:")
        with contextlib.suppress(ConfigError):  # reported by `training`
            if in_cluster():
                part.wrong.append(
                    f"{dataset} is not prepared, and training on several machines does not prepare it: run "
                    f"`icell build --config={config.name}` on one of them first"
                )
        return part, config.spec()
    try:
        prepared = PreparedCells(folder)
        spec, splits = prepared.spec, prepared.splits
        prepared.check()
    except DatasetError as error:
        return Part("data", [f"{folder}: can't be read"], [str(error)]), None
    counts = ", ".join(f"{name} {count:,}" for name, count in splits.items())
    line = f"{folder}: {spec.described_shape} px, {len(spec.structures)} structures, {counts}"
    return Part("data", [line], []), spec


def disk(title, folder, needed, flag):
    """Returns the Part of a folder, which need not exist yet, into which `needed` more bytes will be written.

    Args: flag, that gives the folder.
    """
    folder = Path(folder).expanduser().absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):  # the mode says writable also on a read-only disk
            pass
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        wrong = f"{folder} can't be written ({reason}: {existing}): make it writable, or give another {flag}"
        return Part(title, [f"{folder}: can't be written"], [wrong])
    free = shutil.disk_usage(existing).free
    wrong = (
        f"{folder} needs {needed / GIB:.2f} GiB and its disk has {free / GIB:.2f} GiB free: free space there, or "
        f"give another {flag}"
    )
    line = f"{folder}: {needed / GIB:.2f} GiB needed, {free / GIB:.2f} GiB free"
    return Part(title, [line], [wrong] if free < needed else [])


def memory(needs, gpus=()):
    """Returns the Part of the memory that the larger phase needs; the step is in that of GPUs, which share a batch.

    Args: needs, {phase: `Requirements`}; gpus, as `machine.gpus` returns them, if TensorFlow uses them.
    """
    from icell_tf.training import machine
    from icell_tf.training.requirements import PROCESS

    step = max(phase.state + phase.activations / max(1, len(gpus)) for phase in needs.values())
    process = PROCESS + (0 if gpus else step)
    places = [("memory", machine.memory(), process)]
    places += [(f"memory of {name}", (total, free), step) for name, total, free in gpus]
    lines, wrong = [], []
    for place, (total, free), needed in places:
        lines.append(f"{place}: about {needed / GIB:.2f} GiB needed, {free / GIB:.2f} of {total / GIB:.2f} GiB free")
        if free < needed:
            wrong.append(
                f"{place} needs about {needed / GIB:.2f} GiB and has {free / GIB:.2f} GiB free: end "
                "other programs there, raise the container's limit, or give a smaller --batch_size or --width"
            )
    return Part("memory", lines, wrong)


def examine(configs, run_dirs, data_dir=None, threads="auto"):
    """Returns all Parts; only the versions if a package is missing.

    Args: configs, {phase: config}; run_dirs, {phase: the folder of its run}, which need not exist yet; data_dir, where
    prepared data sets lie, None: TFDS' default; threads, as of `acceleration.set_threads`.
    """
    parts = [versions()]
    if any(" is missing" in line for line in parts[0].wrong):
        return parts
    with quiet_start():
        import tensorflow as tf

    from icell_tf.training import machine, requirements

    gpus = machine.gpus()  # before TensorFlow takes all their memory
    found, spec = data(configs["reference"].dataset, data_dir)
    how = training(configs, spec and spec.shape, threads)  # before TensorFlow computes, as it sets threads
    parts += [devices(gpus), how, found]
    needed = 0
    if spec:
        needs = {phase: requirements.estimate(phase, configs, spec) for phase in PHASES}
        there = sum(path.stat().st_size for folder in run_dirs.values() for path in Path(folder).glob("*.weights.h5"))
        needed = max(0, sum(phase.saved for phase in needs.values()) - there)
        parts.append(memory(needs, gpus if tf.config.list_physical_devices("GPU") else ()))
    return [*parts, disk("runs", Path(run_dirs["reference"]).parent, needed, "--run_dir")]
