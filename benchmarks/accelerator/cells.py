"""Simulates cells for training where no data set is prepared. Needs neither TensorFlow nor JAX.

    python -m benchmarks.accelerator.cells build/steps/compact-reference-bfloat16.json --count=5773 --out=cells.npz

The cells have the frame of the step's pictures and the shares of Table S8, and none of them is in a prepared data set,
whose cells have other seeds. So a model that they trained is tested on any of those.
"""

import argparse
import multiprocessing
import time

import numpy as np

from benchmarks.accelerator.description import Description
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.simulate import simulate_cell
from icell_tf.structures import STRUCTURES


def picture(seed, y, frame):
    """Returns a cell's picture, (H, W, C) uint8, or None if the frame doesn't hold it."""
    try:
        cell = simulate_cell(seed, y, frame.pixel_size[0])
        return preprocess(cell.channels, cell.cell_mask, cell.nucleus_mask, cell.scale, frame).image
    except ValueError:
        return None


def structures_of(count):
    """Returns the structures of cells, (count,) int32, in random order, with the shares of Table S8."""
    shares = np.array([structure.train for structure in STRUCTURES], float)
    numbers = np.floor(np.cumsum(shares) / shares.sum() * count + 0.5).astype(int)
    return np.random.default_rng(0).permutation(np.searchsorted(numbers, np.arange(count), "right")).astype(np.int32)


def simulated(count, frame, workers=None):
    """Returns pictures (N, H, W, C) uint8 and structures (N,) int32. Args: cells to try; `Frame`; processes."""
    structures = structures_of(count)
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        found = pool.starmap(picture, ((seed, int(y), frame) for seed, y in enumerate(structures)), chunksize=16)
    kept = np.array([image is not None for image in found])
    return np.stack([image for image in found if image is not None]), structures[kept]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", help="NAME.json of a step, for the frame")
    parser.add_argument("--count", type=int, default=sum(structure.train for structure in STRUCTURES))
    parser.add_argument("--workers", type=int, help="processes; without: one a core")
    parser.add_argument("--out", required=True, help="file for the cells, .npz")
    arguments = parser.parse_args()
    description = Description.load(arguments.step)
    shape = next(given.shape for given in description.inputs if given.name == "x")[1:-1]
    start = time.perf_counter()
    images, structures = simulated(arguments.count, Frame(shape, (description.pixel_size,) * 2), arguments.workers)
    np.savez(arguments.out, x=images, structure=structures)
    print(f"{len(images)} of {arguments.count} cells in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
