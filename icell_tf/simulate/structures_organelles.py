"""Structure programs of organelles: nucleoli, nuclear lamina, endoplasmic reticulum, mitochondria.

A program is a function (Shape, draws, generator) -> list of Strands; see structures_cytoskeleton.py.
"""

import numpy as np

from icell_tf.simulate.microscope import Strands
from icell_tf.simulate.walks import F32, choose, inside, lognormal, normal, smooth, uniform, walk

TWO_PI = 2 * np.pi


def fibrillarin(cell, draws, rng, most=4, points=60):
    """One to four nucleoli: uneven blobs deep inside the nucleus, mostly near its ends."""
    n = (draws, most)
    count = 1 + (uniform(rng, (draws, most - 1)) < 0.6).sum(1, keepdims=True)
    angle = choose(rng, cell.angle_by_nucleus, n) + normal(rng, n, 0.25)
    centre = cell.place(angle, uniform(rng, n, -0.6, 0.6), uniform(rng, n, -0.75, -0.3))[..., None]
    blob = centre + uniform(rng, (*n, 1), 0.35, 0.7) * normal(rng, (3, *n, points))
    angle, sin, rho = cell.locate(blob)
    blob = cell.place(angle, sin, np.minimum(rho, F32(-0.12)))
    weight = (np.arange(most) < count) * lognormal(rng, n, 0.3)
    return [Strands(blob.reshape(3, draws, -1, 1), np.repeat(weight, points, axis=1)[..., None])]


def lamin_b1(cell, draws, rng, points=1100, folds=2):
    """A patchy shell inside the nuclear surface, and folds across the nucleus."""
    angle, sin = uniform(rng, (draws, points), 0, TWO_PI), uniform(rng, (draws, points), -1, 1)
    shell = cell.place(angle, sin, F32(-0.04))
    patch = np.take_along_axis(smooth(rng, (draws,), 65, 3), (angle * F32(64 / TWO_PI)).astype(np.int32), axis=1)
    n = (draws, folds, 1)
    a, b = uniform(rng, n, 0, TWO_PI), uniform(rng, n, 1.2, 2.8)
    t = np.linspace(0, 1, 9, dtype=F32)
    height = uniform(rng, n, -0.3, 0.3) + 0 * t
    start, end = cell.place(a, height[..., :1], F32(-0.05)), cell.place(a + b, height[..., :1], F32(-0.05))
    fold = start + (end - start) * t
    angle, sin, rho = cell.locate(fold)
    fold = cell.place(angle, sin, np.minimum(rho, F32(-0.05)))
    present = (uniform(rng, n) < 0.4) * F32(4)
    return [Strands(shell[..., None], np.exp(0.25 * patch)[..., None]), Strands(fold, present)]


def sec61_beta(cell, draws, rng, tubules=170, envelope=450):
    """The nuclear envelope, and a mesh of short tubules around it, sparser towards the rim."""
    angle, sin = uniform(rng, (draws, envelope), 0, TWO_PI), uniform(rng, (draws, envelope), -1, 1)
    shell = cell.place(angle, sin, F32(0.03))
    angle, sin, rho = cell.locate(inside(rng, cell, (draws, tubules)))
    some = np.arange(tubules) % 3 > 0  # two thirds where the cytoplasm is wide
    angle[:, some] = choose(rng, cell.angle_by_extent, angle[:, some].shape)
    start = cell.place(angle, sin, np.maximum(rho, 0) * uniform(rng, rho.shape, 0.2, 1.0))
    mesh = walk(rng, cell, start, steps=3, step=0.9, persistence=0.3, low=0.03, high=0.93)
    return [Strands(shell[..., None], F32(0.30)), Strands(mesh, lognormal(rng, (draws, tubules, 1), 0.15))]


def tom20(cell, draws, rng, tubules=22):
    """Mitochondria: bent tubules of a few micrometres, mostly near the nucleus where the cytoplasm is wide."""
    angle, sin, rho = cell.locate(inside(rng, cell, (draws, tubules), spread=0.25))
    start = cell.place(angle, 0.6 * sin, np.maximum(rho, 0) * F32(0.8))
    paths = walk(rng, cell, start, steps=7, step=0.8, persistence=0.9, low=0.12, high=0.90, flatness=0.3)
    return [Strands(paths, lognormal(rng, (draws, tubules, 1), 0.3))]
