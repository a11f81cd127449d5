"""What a run would find on this machine, and what is wrong with it: python -m icell_tf.training.doctor --preset=small.

Prints versions, devices, how training would run, and memory and disk against what a run needs. What is wrong comes
last, with what to do; the exit status is then 1. Nothing is trained, and nothing stays written.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import platform
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from absl import logging
from packaging.requirements import Requirement  # TensorFlow and Keras require it
from packaging.specifiers import SpecifierSet

from icell_tf.config import PHASES, PRECISIONS, PRESETS, ConfigError
from icell_tf.spec import Cells
from icell_tf.structures import NAMES, STRUCTURES
from icell_tf.training import machine

GIB = 2**30
# What the commands in train/ prepare by themselves: pixels along a side, cells.
SIMULATED = {
    "integrated_cell/simulated": (256, sum(structure.total for structure in STRUCTURES)),
    "integrated_cell/simulated_64": (64, 280 * len(NAMES)),
}


class Part(NamedTuple):
    """What one look at the machine has found: lines to print, and a sentence for each thing that is wrong."""

    title: str
    lines: list
    wrong: list


def devices(listed=()):
    """Processors and GPUs, and what the container grants of them. Args: listed, as `machine.gpus` returns them."""
    import tensorflow as tf

    cores, granted = machine.cores(), machine.granted_cores()
    threads = machine.asked_threads().get(machine.THREADS[0], cores)
    lines, wrong = [f"{cores} of {os.cpu_count()} CPU cores ({machine.processor()})"], []
    if granted:
        lines.append(f"the container grants the time of {granted:g} cores")
        if threads > max(1, granted):
            wrong.append(
                f"{threads} threads share the time of {granted:g} cores that the container grants, and wait for each "
                f"other: export {machine.THREADS[0]}={max(1, int(granted))}, or raise the container's CPU limit"
            )
    seen = tf.config.list_physical_devices("GPU")
    for gpu in seen:
        details = tf.config.experimental.get_device_details(gpu)
        capability = ".".join(map(str, details.get("compute_capability", ("unknown",))))
        lines.append(f"{gpu.name}: {details.get('device_name', 'unknown')}, compute capability {capability}")
    lines += [f"{name}: {free / GIB:.1f} of {total / GIB:.1f} GiB free" for name, total, free in listed]
    if not seen:
        lines.append("no GPU that TensorFlow sees")
    if listed and not seen:
        wrong.append(
            f"TensorFlow sees none of {len(listed)} GPUs ({listed[0][0]}): pip install 'tensorflow[and-cuda]', and "
            "look at the driver (nvidia-smi)"
        )
    return Part("devices", lines, wrong)


def versions():
    """Whether what is installed lies within the ranges that icell_tf was tested with."""
    try:
        own = metadata.metadata("icell_tf")
    except metadata.PackageNotFoundError:
        return Part("versions", [], ["icell_tf is not installed: run `pip install -e .` in its checkout"])
    lines, wrong = [f"icell_tf {own['Version']}"], []
    python, tested = platform.python_version(), own["Requires-Python"]
    lines.append(f"Python {python} (tested: {tested})")
    if python not in SpecifierSet(tested):
        wrong.append(f"Python is {python}, but icell_tf was tested with {tested}: use such a one")
    for requirement in map(Requirement, own.get_all("Requires-Dist") or ()):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            installed = "missing"
        lines.append(f"{requirement.name} {installed} (tested: {requirement.specifier})")
        if installed not in requirement.specifier:
            wrong.append(
                f"{requirement.name} is {installed}, but icell_tf was tested with {requirement.specifier}: "
                f"pip install '{requirement}'"
            )
    return Part("versions", lines, wrong)


def training(configs, size):
    """How training would run: strategy, precision, threads and XLA, and whether batches can be shared out.

    Args:
      configs: {phase: config}.
      size: of images, pixels along a side.
    """
    lines, wrong = [], []
    from icell_tf.training.acceleration import Acceleration, spread_over_cores
    from icell_tf.training.devices import VARIABLE, make_strategy, read_cluster

    try:
        cluster = read_cluster(os.environ.get(VARIABLE))
    except ConfigError as error:
        return Part("training", lines, [str(error)])
    if not cluster:
        spread_over_cores(size)
    strategy = make_strategy()
    replicas = strategy.num_replicas_in_sync
    name = type(strategy).__name__ if replicas > 1 else "none is needed"
    if cluster:  # a strategy of many machines would wait for the others; they are taken to have the devices of this one
        replicas, name = replicas * len(cluster.hosts), "MultiWorkerMirroredStrategy"
        lines.append(f"{VARIABLE}: machine {cluster.index + 1} of {len(cluster.hosts)}, {', '.join(cluster.hosts)}")
    lines.append(f"strategy: {name}, {replicas} device{'s' * (replicas > 1)}")
    for phase, config in configs.items():
        lines.append(f"{phase}: {Acceleration.of(config, replicas)}")
        if config.batch_size % replicas:
            wrong.append(
                f"batch_size is {config.batch_size} in phase {phase}, which {replicas} devices can't share evenly: "
                f"give --batch_size={-(-config.batch_size // replicas) * replicas}"
            )
    return Part("training", lines, wrong)


def data(dataset, data_dir=None):
    """Returns the Part of a prepared data set, its `Cells`, and the bytes of its images in memory.

    Where a simulated one is still to be prepared, its numbers are those that it will have; for any other, None.
    """
    from icell_tf.data.prepared import DatasetError, PreparedCells, default_data_dir, find_prepared
    from icell_tf.training.devices import in_cluster

    try:
        folder = find_prepared(dataset, data_dir)
    except DatasetError as error:
        if dataset not in SIMULATED:
            return Part("data", [f"{dataset}: none"], [str(error)]), None, 0
        size, count = SIMULATED[dataset]
        part = disk("data", data_dir or default_data_dir(), count * size**2 * 3, "--data_dir")
        part.lines.insert(0, f"{dataset}: not prepared yet; the commands in train/ do it on first use, as follows")
        with contextlib.suppress(ConfigError):  # `training` tells of it
            if in_cluster():
                part.wrong.append(
                    f"{dataset} is not prepared, and several machines don't prepare it: run `tfds build` in "
                    "datasets/integrated_cell on one of them first"
                )
        return part, Cells(NAMES, size, 0.0), count * size**2 * 3
    try:
        prepared = PreparedCells(folder)
        cells, splits = prepared.cells, prepared.splits
    except DatasetError as error:
        return Part("data", [f"{folder}: can't be read"], [str(error)]), None, 0
    held = sum(count for name, count in splits.items() if name != "test")
    counts = ", ".join(f"{name} {count:,}" for name, count in splits.items())
    lines = [f"{prepared.folder}: {cells.image_size} px, {len(cells.structures)} structures, {counts}"]
    return Part("data", lines, []), cells, held * cells.image_size**2 * 3


def image_size(dataset, data_dir=None):
    """Returns the pixels along a side of a prepared data set, or what they will be; 256 of one that is not known."""
    from icell_tf.data.prepared import DatasetError, PreparedCells, find_prepared

    try:
        return PreparedCells(find_prepared(dataset, data_dir)).image_size
    except DatasetError:
        return SIMULATED.get(dataset, SIMULATED["integrated_cell/simulated"])[0]


def disk(title, folder, needed, flag):
    """Returns the Part of a folder that `needed` more bytes will be written into.

    Args:
      title: the Part's.
      folder: need not exist yet.
      needed: bytes.
      flag: that names it.
    """
    folder = Path(folder).expanduser().absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):  # asking for the mode would say yes on a read-only disk
            pass
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        return Part(
            title,
            [f"{folder}: can't be written"],
            [f"{folder} can't be written ({reason}: {existing}): make it writable, or give another {flag}"],
        )
    free = shutil.disk_usage(existing).free
    wrong = []
    if free < needed:
        wrong.append(
            f"{folder} needs {needed / GIB:.2f} GiB and its disk has {free / GIB:.2f} GiB free: free space there, or "
            f"give another {flag}"
        )
    return Part(title, [f"{folder}: {needed / GIB:.2f} GiB needed, {free / GIB:.2f} GiB free"], wrong)


def memory(needs, images, gpus=()):
    """Returns the Part of the memory that the larger phase takes: on a GPU what its step does, else all of it.

    Args:
      needs: {phase: `need.Need`}.
      images: bytes of the data set's images, which lie in memory twice while they are loaded.
      gpus: as `machine.gpus` returns them, if TensorFlow uses them; they share a batch.
    """
    from icell_tf.training.requirements import PROCESS

    step = max(phase.state + phase.activations / max(1, len(gpus)) for phase in needs.values())
    process = PROCESS + 2 * images + (0 if gpus else step)
    places = [("memory", machine.memory(), process)]
    places += [(f"memory of {name}", (total, free), step) for name, total, free in gpus]
    lines, wrong = [], []
    for place, found, needed in places:
        if not found:
            lines.append(f"{place}: about {needed / GIB:.2f} GiB needed; how much is free is not known here")
            continue
        total, free = found
        lines.append(f"{place}: about {needed / GIB:.2f} GiB needed, {free / GIB:.2f} of {total / GIB:.2f} GiB free")
        if free < needed:
            wrong.append(
                f"{place} needs about {needed / GIB:.2f} GiB and has {free / GIB:.2f} GiB free: end what else "
                "runs there, raise the container's limit, or give a smaller --batch_size or --width"
            )
    return Part("memory", lines, wrong)


def examine(configs, run_dirs, data_dir=None):
    """Returns all Parts.

    Args:
      configs: {phase: config}.
      run_dirs: {phase: the folder of its run}, which need not exist yet.
      data_dir: where prepared data sets lie; None is TFDS' default.
    """
    parts = [versions()]
    if any(" is missing" in line for line in parts[0].wrong):
        return parts  # what needs them can't be asked

    gpus = machine.gpus()  # before TensorFlow takes all memory that they have
    import tensorflow as tf

    from icell_tf.training.requirements import need

    how = training(configs, image_size(configs["reference"].dataset, data_dir))  # first, because it sets threads up
    found, cells, images = data(configs["reference"].dataset, data_dir)
    parts += [devices(gpus), how, found]
    needed = 0
    if cells:
        needs = {phase: need(phase, configs, cells) for phase in PHASES}
        there = sum(path.stat().st_size for folder in run_dirs.values() for path in Path(folder).glob("*.weights.h5"))
        needed = max(0, sum(phase.saved for phase in needs.values()) - there)
        parts.append(memory(needs, images, gpus if tf.config.list_physical_devices("GPU") else ()))
    return [*parts, disk("runs", Path(run_dirs["reference"]).parent, needed, "--run_dir")]


def main():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.ERROR)  # TFDS warns of itself
    parser = argparse.ArgumentParser(prog="python -m icell_tf.training.doctor", description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", choices=PRESETS, default="paper", help="of the runs")
    parser.add_argument(
        "--run_dir", default="runs", help="holds their folders, PRESET-reference and PRESET-conditional"
    )
    parser.add_argument("--data_dir", help="where prepared data sets lie (default: TFDS' own)")
    parser.add_argument("--dataset", help="another than the preset's")
    parser.add_argument("--width", type=float, help="another than the preset's")
    parser.add_argument("--batch_size", type=int, help="another than the preset's")
    parser.add_argument("--precision", choices=PRECISIONS, help="another than the preset's")
    parser.add_argument("--json", action="store_true", help="print for machines")
    given = parser.parse_args()
    names = ("dataset", "width", "batch_size", "precision")
    others = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    try:
        machine.asked_threads()
        configs = {phase: dataclasses.replace(config, **others) for phase, config in PRESETS[given.preset].items()}
    except ConfigError as error:
        sys.exit(f"Error: {error}")
    run_dirs = {phase: Path(given.run_dir) / f"{given.preset}-{phase}" for phase in PHASES}
    parts = examine(configs, run_dirs, given.data_dir)
    wrong = [line for part in parts for line in part.wrong]
    if given.json:
        print(json.dumps({"parts": {part.title: part.lines for part in parts}, "wrong": wrong}, indent=2))
    else:
        for part in parts:
            print("\n  ".join([part.title, *part.lines]))
        print("\n  ".join(["wrong", *wrong]) if wrong else "nothing is wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
