"""What a microscope's resolution along z does to the figures: simulated cells, imaged with several depths of focus.

    python -m benchmarks.depth_resolution
    python -m benchmarks.depth_resolution --sigma=0.17 --sigma=1.1 --training=20 --test=4

The same cells, with the same molecules, are imaged by point-spread functions that are Gaussians of 0.17 µm in the plane
and of each --sigma along z, in µm: 0.17 as if depth were seen as sharply as the plane; 0.55, a spinning disk's and the
simulator's own; 1.1, a poor confocal's. They are prepared as volumes of 32 x 64 x 64 voxels of 0.6 µm and, from stacks
of their own, as pictures of 64 x 64. For each resolution and frame it prints, as means over the ten structures,

    class_mean, nearest_pixels, mean_of_nearest_pixels, ceiling
                 as benchmarks/rivals.py has them: what can be predicted without a model, and at best;
    z / plane    of volumes, the power of the structure's images, without camera noise, at frequencies within 30 degrees
                 of the z axis over that within 30 degrees of the plane, in the bands of `power_1` to `power_4`.

No model is trained. The ceiling compares two means of as many draws, so few draws lower it in all rows alike.
"""

import argparse
import functools
import time

import numpy as np

from benchmarks.rivals import PREDICTIONS, measure
from icell_tf.evaluation.coded_cells import CodedCells
from icell_tf.evaluation.distribution import BANDS
from icell_tf.imaging import prepare
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.parallel import WorkerPool
from icell_tf.spec import CellSpec
from icell_tf.structures import NAMES

SHAPE, PIXEL_SIZE = (32, 64, 64), (0.6, 0.6, 0.6)
SIGMAS = (0.17, 0.55, 1.1)
CONE = np.cos(np.pi / 6)


def simulate(frame, sigma, numbers, draws, pool):
    """Returns `CodedCells` of simulated cells, with their numbers of every structure, that have no codes.

    Args: `Frame`; µm; numbers of cells of each structure; draws of an expected localization, 0 for none; `WorkerPool`.
    """
    ids = [prepare.SimulatedId(name, n, expected_draws=draws, psf_sigma_z=sigma) for name in NAMES for n in numbers]
    found = [record for record, _ in pool.map(functools.partial(prepare.examine, frame=frame), ids)]
    records = {"image": np.stack([prepare.decoded(record["image"]) for record in found])}
    truths = ("expected", "noise_free") if draws else ()
    records |= {name: np.stack([record[name] for record in found]) for name in truths}
    ceiling = np.stack([record["ceiling"] for record in found]) if draws else None
    labels = [cell.cell_id for cell in ids]
    codes = dict.fromkeys(("probabilities", "z_r", "z_r_hat", "z_s"), np.zeros((len(ids), 1), np.float32))
    return CodedCells(
        split="simulated",
        spec=CellSpec(frame.axes, frame.shape, frame.pixel_size, NAMES),
        read=lambda rows, features: {name: records[name][rows] for name in features},
        y=np.repeat(np.arange(len(NAMES)), len(numbers)),
        cell_ids=labels,
        fov_ids=labels,
        truths=truths,
        ceiling=ceiling,
        **codes,
    )


def depth_power(volumes, bands=BANDS):
    """Returns the power near the z axis over that near the plane in bands of cycles a voxel, (bands,).

    Args: volumes (N, Z, Y, X) of voxels that are cubes.
    """
    power = np.square(np.abs(np.fft.fftn(volumes - volumes.mean(axis=(1, 2, 3), keepdims=True), axes=(1, 2, 3))))
    z, y, x = np.meshgrid(*map(np.fft.fftfreq, volumes.shape[1:]), indexing="ij")
    radius, power = np.sqrt(z**2 + y**2 + x**2), power.mean(axis=0)
    near_z, near_plane = np.abs(z) > CONE * radius, np.hypot(y, x) > CONE * radius
    inside = [(radius >= low) & (radius < high) for low, high in bands]
    return np.array([power[band & near_z].mean() / power[band & near_plane].mean() for band in inside])


def row(sigma, frame, training, test, draws, pool):
    """Returns the figures of one resolution in one frame, {column: value}."""
    seen = simulate(frame, sigma, range(training), 0, pool)
    asked = simulate(frame, sigma, range(training, training + test), draws, pool)
    found = {"sigma": sigma, "axes": frame.axes, **measure(asked, seen)["mean"]}
    if len(frame.shape) > 2:
        structures = asked.spec.structure(asked.noise_free(slice(None))) / np.float32(255)
        powers = np.mean([depth_power(structures[asked.y == k]) for k in range(len(NAMES))], axis=0)
        found |= {f"z / plane {number}": power for number, power in enumerate(powers, start=1)}
    return found


def line(found, columns):
    """Returns what `row` returns as a line of text. Args: columns: names of those that are printed."""
    values = (found.get(name, "") for name in columns)
    texts = (value if isinstance(value, str) else f"{value:.3f}" for value in values)
    return "  ".join(text.rjust(len(name)) for text, name in zip(texts, columns, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sigma", type=float, action="append", help="of the PSF along z, µm (default: 0.17, 0.55, 1.1)"
    )
    parser.add_argument("--training", type=int, default=40, help="training cells of each structure (default: 40)")
    parser.add_argument("--test", type=int, default=6, help="test cells of each structure (default: 6)")
    parser.add_argument("--draws", type=int, default=32, help="draws of an expected localization (default: 32)")
    given = parser.parse_args()
    columns = ["sigma", "axes", *PREDICTIONS, *(f"z / plane {number}" for number in range(1, len(BANDS) + 1))]
    print("  ".join(columns), flush=True)
    frame, begun = Frame(SHAPE, PIXEL_SIZE), time.perf_counter()
    with WorkerPool() as pool:
        for sigma in given.sigma or SIGMAS:
            for each in (frame, frame.plane):
                found = row(sigma, each, given.training, given.test, given.draws, pool)
                print(line(found, columns), flush=True)
    print(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
