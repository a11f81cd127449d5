"""Measures `tfds build` from stacks: cells a second, read rate, and memory: python benchmarks/build_speed.py.

Each cell is read from uncompressed stacks of 3x60x300x300 uint16 and masks of 2x60x300x300 uint8, or of as many voxels
as --stack says, over the same 18 x 75 x 75 µm. There are only a few distinct files, so that they stay in the page
cache; the frame has 256 px, or with --volumes 32 x 64 x 64. Each build runs in a process of its own. --parts measures
the CPU time of each part of the work on a cell instead.
"""

import argparse
import contextlib
import csv
import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import psutil
import tifffile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SHAPE, EXTENT = (60, 300, 300), (18.0, 75.0, 75.0)  # Z, Y, X; voxels and µm
FILES, STRUCTURES = 8, ("tom20", "lamin-b1")
PICTURES = {"name": "speed", "kind": "stacks", "image_size": 256, "pixel_size": 0.317}
VOLUMES = PICTURES | {"image_size": [32, 64, 64], "pixel_size": [0.75, 1.25, 1.25]}
NAMES = "{'crop_raw': ['membrane', 'dna', 'structure'], 'crop_seg': ['cell_seg', 'nucleus_seg']}"


def make_stack(seed, shape=SHAPE):
    """Makes a cell, a rotated ellipsoid in noise: channels (3, Z, Y, X) uint16, masks (2, Z, Y, X) uint8."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in shape), indexing="ij")
    angle = rng.uniform(0, np.pi)
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    cell = (along / 0.8) ** 2 + (across / 0.5) ** 2 * (1 + 0.4 * along) + (z / 0.8) ** 2 < 1
    nucleus = ((along - 0.1) / 0.3) ** 2 + (across / 0.25) ** 2 + (z / 0.5) ** 2 < 1
    signal = np.stack([800 * cell, 1500 * nucleus, 600 * (cell & ~nucleus)])
    channels = rng.poisson(200, (3, *shape)) + signal * rng.random((3, *shape), np.float32)
    return channels.astype(np.uint16), np.stack([cell, nucleus]).astype(np.uint8)


def write_stacks(folder, shape=SHAPE):
    """Writes the distinct stacks; returns the bytes that are read for one cell."""
    sizes = {f"PhysicalSize{axis}": side / n for axis, side, n in zip("ZYX", EXTENT, shape, strict=True)}
    for number in range(FILES):
        for kind, data in zip(("raw", "seg"), make_stack(number, shape), strict=True):
            tifffile.imwrite(folder / f"{number}_{kind}.ome.tif", data, metadata={"axes": "CZYX"} | sizes)
    return sum(path.stat().st_size for path in folder.glob("0_*.ome.tif"))


def write_manifest(folder, cells):
    """Writes a manifest.csv of so many cells."""
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("CellId", "structure_name", "crop_raw", "crop_seg", "name_dict"))
        for i in range(cells):
            files = (f"{i % FILES}_{kind}.ome.tif" for kind in ("raw", "seg"))
            writer.writerow((f"cell-{i}", STRUCTURES[i // FILES % 2], *files, NAMES))


def build(config, manual_dir, data_dir):
    """Builds once, in a process of its own. Returns: seconds, and peak MB of that process and of all together."""
    command = [sys.executable, __file__, "--build", json.dumps(config), str(manual_dir), str(data_dir)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peaks = 0.0, 0.0
    while True:
        try:
            output, errors = process.communicate(timeout=0.5)
            break
        except subprocess.TimeoutExpired:
            peaks = tuple(map(max, peaks, memory(psutil.Process(process.pid))))
    if process.returncode:
        sys.exit(f"{errors}\nThe build failed.")
    return float(output.splitlines()[-1]), *peaks


def memory(process):
    """Returns the memory of a process, and of it with its descendants, in MB.

    Pages of mapped files do not count: they belong to the page cache, which shrinks when memory is needed.
    """
    sizes = []
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended
            found = each.memory_info()
            sizes.append((found.rss - found.shared) / 1e6)
    return sum(sizes[:1]), sum(sizes)


def run_build(config, manual_dir, data_dir):
    """Builds in this process, and prints the seconds without those of TensorFlow's import."""
    import tensorflow  # noqa: F401
    import tensorflow_datasets as tfds

    from datasets.integrated_cell.integrated_cell_dataset_builder import Builder, IntegratedCellConfig

    builder = Builder(data_dir=data_dir, config=IntegratedCellConfig(**json.loads(config)))
    start = time.perf_counter()
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    print(time.perf_counter() - start)


def measure_parts(config, folder, cells):
    """Prints the CPU time of each part of the work on a cell, in this one process."""
    import tensorflow  # noqa: F401
    from tensorflow_datasets.core import example_serializer

    from datasets.integrated_cell.integrated_cell_dataset_builder import Builder, IntegratedCellConfig
    from icell_tf.imaging import prepare
    from icell_tf.imaging.frame.preprocess import preprocess
    from icell_tf.imaging.manifest import manifest

    write_manifest(folder, cells)
    frame = IntegratedCellConfig(**config).frame
    builder = Builder(data_dir=folder, config=IntegratedCellConfig(**config))
    builder.info.features["structure"].names = STRUCTURES
    serializer = example_serializer.ExampleSerializer(builder.info.features.get_serialized_info())
    parts = dict.fromkeys(("read", "read and preprocess", "the whole of a worker's", "hand over to TFDS"), 0.0)

    def timed(part, function, *arguments):
        start = time.process_time()
        result = function(*arguments)
        parts[part] += time.process_time() - start
        return result

    def through(loaded):
        return preprocess(loaded.channels, loaded.cell_mask, loaded.nucleus_mask, loaded.scale, frame)

    def read(cell):
        loaded = cell.load()
        return sum(int(array[..., 0].sum()) for array in (*loaded.channels, loaded.cell_mask, loaded.nucleus_mask))

    def hand_over(record):
        serializer.serialize_example(builder.info.features.encode_example(record))

    listed, _ = manifest.list_manifest(folder / "manifest.csv")
    for cell in listed:
        timed("read", read, cell)
        timed("read and preprocess", lambda cell: through(cell.load()), cell)
        record, _ = timed("the whole of a worker's", prepare.examine, cell, frame)
        timed("hand over to TFDS", hand_over, record)
    for part, seconds in parts.items():
        print(f"{part:25}{1000 * seconds / len(listed):8.1f} ms of CPU a cell")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[200, 2000], help="sizes of the builds")
    parser.add_argument("--volumes", action="store_true", help="in place of pictures")
    parser.add_argument("--stack", type=int, nargs=3, default=SHAPE, metavar=("Z", "Y", "X"), help="voxels of a stack")
    parser.add_argument("--build", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--parts", action="store_true", help="CPU time of the parts, for the first of --cells")
    arguments = parser.parse_args()
    if arguments.build:
        return run_build(*arguments.build)
    config = VOLUMES if arguments.volumes else PICTURES
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        bytes_read = write_stacks(folder, arguments.stack)
        print(f"{_machine()}\n{bytes_read / 1e6:.1f} MB a cell; {json.dumps(config)}\n")
        if arguments.parts:
            sys.path.insert(0, str(REPOSITORY))
            return measure_parts(config, folder, arguments.cells[0])
        print("cells    seconds    cells/s    read MB/s    peak MB: main process    with workers")
        for cells in arguments.cells:
            write_manifest(folder, cells)
            seconds, main_peak, all_peak = build(config, folder, folder / "data")
            rate = cells / seconds
            print(
                f"{cells:5}    {seconds:7.1f}    {rate:7.1f}    {rate * bytes_read / 1e6:9.0f}"
                f"    {main_peak:21.0f}    {all_peak:12.0f}",
                flush=True,
            )
            shutil.rmtree(folder / "data")


def _machine():
    names = ("numpy", "scipy", "tifffile", "tensorflow", "tensorflow-datasets")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    model = next((line for line in open("/proc/cpuinfo") if line.startswith("model name")), ": unknown").split(": ")[1]
    return f"{model.strip()}, {len(os.sched_getaffinity(0))} cores; Python {platform.python_version()}, {versions}"


if __name__ == "__main__":
    main()
