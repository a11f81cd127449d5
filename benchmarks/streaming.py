"""What it costs to leave cells in their files: memory against the number of cells, an epoch against cells in memory.

    python benchmarks/streaming.py
    python benchmarks/streaming.py --parts=memory --train
    python benchmarks/streaming.py --parts=time --sizes=64 --cells=640 --json=FILE
    python benchmarks/streaming.py --parts=memory,time --sizes=32x64x64
    python benchmarks/streaming.py --parts=read --dataset=integrated_cell/simulated_3d

Made-up cells, written into a temporary folder; --parts=read takes a prepared data set. Memory: the peak of a process
that takes all batches of an epoch from files, without a cache; each measurement is a process of its own. Time: epochs
of phase 1, with the widths of the preset `demo`. Three loaders take turns in one process: cells in memory as one
tensor, which is the yardstick, and the batches of `PreparedCells` with the cache off and auto. Read: how fast the
training cells of a data set are read in random order. Figures are medians over the rounds. The machine has to be idle.
"""

import argparse
import dataclasses
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import train_step  # noqa: E402

STRUCTURES = ("lamin-b1", "tom20", "zo1")
DISTINCT = 100  # cells that differ; a data set repeats them
PIXEL_SIZES = {"64": 0.6, "256": 0.317, "32x64x64": 0.6}
MEMORY = {"64": (2000, 20000), "256": (200, 2000), "32x64x64": (200, 2000)}  # cells whose peaks are compared
TIME = {"64": 1280, "256": 128, "32x64x64": 128}  # cells of an epoch
BATCH = {"64": 32, "256": 8, "32x64x64": 8}
READ_BATCH = 32
GIB = 2**30


def cell_image(spec, rng):
    """Returns a made-up image, (*shape, C) uint8: noise within a ball, which PNG and zlib halve, as they do cells."""
    grid = np.meshgrid(*(np.linspace(-1.2, 1.2, side) for side in spec.shape), indexing="ij")
    inside = sum(np.square(axis) for axis in grid) < 1
    return rng.integers(0, 64, spec.image_shape, np.uint8) * inside[..., None]


def write_cells(folder, spec, counts, seed=0):
    """Writes a prepared data set of made-up cells.

    Args:
      folder: NAME/VERSION.
      spec: its `CellSpec`.
      counts: {split: [cells of each of its files]}.
      seed: of the images.
    Returns: the folder.
    """
    import tensorflow_datasets as tfds
    from array_record.python.array_record_module import ArrayRecordWriter

    from icell_tf.data.records import FILES, FINGERPRINT, file_digests

    tensor = tfds.features.Tensor(shape=spec.image_shape, dtype=np.uint8, encoding="zlib")
    features = {
        "image": tfds.features.Image(shape=spec.image_shape, encoding_format="png") if spec.axes == "YX" else tensor,
        "structure": tfds.features.ClassLabel(names=spec.structures),
        "cell_id": tfds.features.Text(),
        "fov_id": tfds.features.Text(),
    }
    features, rng, number, splits = tfds.features.FeaturesDict(features), np.random.default_rng(seed), 0, []
    images = [cell_image(spec, rng) for _ in range(min(DISTINCT, sum(map(sum, counts.values()))))]
    folder.mkdir(parents=True)
    template = tfds.core.ShardedFileTemplate(
        data_dir=folder, dataset_name=folder.parent.name, filetype_suffix="array_record"
    )
    for split, shards in counts.items():
        named = template.replace(split=split)
        for shard, count in enumerate(shards):
            path = named.sharded_filepath(shard_index=shard, num_shards=len(shards))
            writer = ArrayRecordWriter(str(path), "group_size:1")
            for _ in range(count):
                record = {"image": images[number % len(images)], "structure": number % len(spec.structures)}
                record |= {"cell_id": f"cell-{number:06d}", "fov_id": f"field-{number // 4:06d}"}
                writer.write(features.serialize_example(record))
                number += 1
            writer.close()
        splits.append(tfds.core.SplitInfo(name=split, shard_lengths=list(shards), num_bytes=0, filename_template=named))
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=features,
        split_infos=splits,
        check_data=False,
        metadata=tfds.core.MetadataDict(
            {"spec": spec.to_dict(), FINGERPRINT: str(seed), FILES: file_digests(folder.glob("*.array_record-*"))}
        ),
    )
    return folder


def spec_of(size):
    """Returns the `CellSpec` of a size: pixels along the side of a square, or along z, y and x, joined by x."""
    from icell_tf.spec import CellSpec

    shape = tuple(map(int, size.split("x")))
    axes, shape = ("ZYX", shape) if len(shape) > 1 else ("YX", shape * 2)
    return CellSpec(axes, shape, (PIXEL_SIZES[size],) * len(axes), STRUCTURES)


def open_cells(folder):
    from icell_tf.data.prepared import PreparedCells

    return PreparedCells(Path(folder))


def in_memory_batches(prepared, batch_size, seed, epochs):
    """The yardstick: the batches of `PreparedCells.training_batches`, of cells that lie in memory as one tensor."""
    import tensorflow as tf

    from icell_tf.data.cells import CachedCells

    cells = CachedCells.of(prepared.stored_cells(prepared.train_split))
    images, y, steps = tf.constant(cells.images), tf.constant(cells.y), len(cells) // batch_size

    def epoch(number):
        order = tf.random.experimental.stateless_shuffle(tf.range(len(cells), dtype=tf.int64), [seed, number])
        return tf.data.Dataset.from_tensor_slices(tf.reshape(order[: steps * batch_size], [steps, batch_size]))

    def gather(index):
        return {"x": tf.cast(tf.gather(images, index), tf.float32) / 255.0, "structure": tf.gather(y, index)}

    indices = tf.data.Dataset.range(epochs).flat_map(epoch)
    return indices.map(gather, tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def build_step(spec, batch_size):
    """Returns a function from a batch to the loss of one training step of phase 1."""
    import tensorflow as tf

    from icell_tf.config import PRESETS
    from icell_tf.models.factory import build_model
    from icell_tf.runs.run import Run

    config = dataclasses.replace(PRESETS["demo"]["reference"], batch_size=batch_size)
    model = build_model(Run("reference", config, spec))
    model.compile()
    step = tf.function(model.train_step)
    return lambda batch: float(step(batch)["reconstruction"])


def measure_memory(arguments):
    """Takes an epoch's batches, and trains on them if asked to; reads this process' memory before and at its peak."""
    import tensorflow as tf

    prepared, batch_size = open_cells(arguments.folder), arguments.batch_size
    take = build_step(prepared.spec, batch_size) if arguments.train else lambda batch: tf.reduce_mean(batch["x"])
    take({"x": tf.zeros([batch_size, *prepared.spec.image_shape]), "structure": tf.zeros([batch_size], tf.int32)})
    before = peak()
    for batch in prepared.training_batches(batch_size, 0, 1, mirror=True, cache="off"):
        take(batch)
    return {"before GiB": before, "peak GiB": peak()}


def peak():
    """Returns this process's peak of memory, GiB. The one that getrusage tells begins with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024 / GIB


def measure_time(arguments):
    """Returns {loader: medians of an epoch's seconds, and of its processor seconds}."""
    from icell_tf.training.acceleration import set_threads

    prepared, batch_size = open_cells(arguments.folder), arguments.batch_size
    set_threads(shape=prepared.spec.shape)
    step, epochs = build_step(prepared.spec, batch_size), arguments.rounds + 1
    loaders = {"in memory": in_memory_batches(prepared, batch_size, 0, epochs)}
    for cache in ("off", "auto"):
        loaders[f"cache {cache}"] = prepared.training_batches(batch_size, 0, epochs, cache=cache)
    batches = {name: iter(loader) for name, loader in loaders.items()}
    seconds = {name: [] for name in loaders}
    for number in range(epochs):
        for name in list(loaders)[:: 1 if number % 2 else -1]:  # in turn, so that a drift of the machine cancels
            wall, processor = time.perf_counter(), time.process_time()
            for _ in range(prepared.steps_per_epoch(batch_size)):
                step(next(batches[name]))
            seconds[name].append((time.perf_counter() - wall, time.process_time() - processor))
    # The first epoch traces functions and starts threads.
    return {name: list(map(statistics.median, zip(*each[1:], strict=True))) for name, each in seconds.items()}


def measure_read(arguments):
    """Returns a row: how fast the training cells of a prepared data set are read in random order, in batches."""
    from icell_tf.data.folders import find_prepared

    folder = find_prepared(arguments.dataset, arguments.data_dir)
    cells = open_cells(folder).stored_cells("train")
    order = np.random.default_rng(0).permutation(len(cells))
    batches = np.array_split(order, len(cells) // READ_BATCH)
    seconds = []
    for _ in range(arguments.rounds + 1):
        wall, processor = time.perf_counter(), time.process_time()
        for rows in batches:
            cells.gather(rows)
        seconds.append((time.perf_counter() - wall, time.process_time() - processor))
    wall, processor = map(statistics.median, zip(*seconds[1:], strict=True))  # the first round traces functions
    stored, raw = sum(path.stat().st_size for path in folder.glob("*-train.*")), int(np.prod(cells.image_shape))
    row = {
        "dataset": arguments.dataset,
        "cells": len(cells),
        "kB a cell": stored / len(cells) / 1e3,
        "raw kB": raw / 1e3,
    }
    return row | {"cells/s": len(cells) / wall, "cpu ms a cell": 1e3 * processor / len(cells)}


WORKERS = {"memory": measure_memory, "time": measure_time}


def run_worker(part, arguments, size, folder):
    """Runs one of `WORKERS` in a process of its own."""
    flags = [f"--worker={part}", f"--folder={folder}", f"--batch_size={BATCH[size]}"]
    flags += [f"--rounds={arguments.rounds}"] + ["--train"] * arguments.train
    return train_step.finished([sys.executable, __file__, *flags])


def compare_memory(arguments, size, work):
    """Returns a row for each number of cells, with the ratio of its peak to the first one's."""
    rows = []
    for count in arguments.cells or MEMORY[size]:
        spec = spec_of(size)
        folder = write_cells(work / f"cells_{size}_{count}" / "1.0.0", spec, {"train": [count]})
        row = {"px": size, "cells": count, "images GiB": count * int(np.prod(spec.image_shape)) / GIB}
        rows.append(row | run_worker("memory", arguments, size, folder))
        rows[-1]["ratio"] = rows[-1]["peak GiB"] / rows[0]["peak GiB"]
    return rows


def compare_time(arguments, size, work):
    """Returns a row for each loader, with the ratio of its epoch to the yardstick's."""
    count = (arguments.cells or [TIME[size]])[0]
    folder = write_cells(work / f"epoch_{size}_{count}" / "1.0.0", spec_of(size), {"train": [count]})
    seconds = run_worker("time", arguments, size, folder)
    (yardstick, other), rows = seconds["in memory"], []
    for name, (wall, processor) in seconds.items():
        row = {"px": size, "cells": count, "loader": name, "epoch s": wall, "ratio": wall / yardstick}
        rows.append(row | {"cpu s": processor, "cpu ratio": processor / other})
    return rows


PARTS = {"memory": compare_memory, "time": compare_time}


def over_sizes(compare, arguments):
    with tempfile.TemporaryDirectory() as work:
        return [row for size in arguments.sizes.split(",") for row in compare(arguments, size, Path(work))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS), help="memory, time or read, separated by commas")
    parser.add_argument(
        "--sizes", default="64,256", help=f"of {', '.join(PIXEL_SIZES)}: pixels along a side, or z, y, x"
    )
    parser.add_argument("--cells", type=int, nargs="*", help="numbers of cells (default: by size)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train", action="store_true", help="memory: with a training step")
    parser.add_argument("--dataset", help="read: name of a prepared data set, or its folder")
    parser.add_argument("--data_dir", help="read: where data sets lie")
    parser.add_argument("--json", help="file for the figures")
    for name, kind in {"worker": str, "folder": str, "batch_size": int}.items():
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(WORKERS[arguments.worker](arguments)))
        return
    import throughput

    results = train_step.machine()
    print(json.dumps(results))
    for part in arguments.parts.split(","):
        rows = results[part] = [measure_read(arguments)] if part == "read" else over_sizes(PARTS[part], arguments)
        about = measure_read if part == "read" else PARTS[part]
        print(f"\n{about.__doc__}\n{throughput.table(rows)}", flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
