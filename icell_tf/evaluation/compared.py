"""Generated cells and the real ones they are compared with, and what is seen in them, in one pass over each sample."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from icell_tf.evaluation import views
from icell_tf.evaluation.judge import SEEN, shrink
from icell_tf.evaluation.metrics.shapes import SMOOTHING, measure_shapes
from icell_tf.spec import CellSpec, spatial_axes

ENOUGH = 400  # generated cells, at least, for proportions to 0.05, also of a small test split
MOST = 4000  # held-out cells, for proportions to 0.02 also of a large one: what is seen in each takes 18 kB of memory
OUTLINE_SMOOTHING = 2.0  # pixels of 64: only real images have noise, which must not make them look far away


@dataclass(frozen=True, eq=False)
class Sample:
    """N cells that are made or read when they are looked at.

    Attributes:
      spec: their `CellSpec`.
      y: (N,) structure indices, those asked for where the cells are generated.
      make: a function from a slice of rows to images (n, *shape, C) uint8.
    """

    spec: CellSpec
    y: np.ndarray
    make: Callable

    def planes(self, size):
        """Yields all cells as pictures show them, (size, Y, X, C) uint8, the last of fewer; see `CellSpec.plane`."""
        parts = (self.spec.plane(self.make(rows)) for rows in views.batches(len(self.y), self.spec))
        return views.regrouped(parts, size)


@dataclass(frozen=True, eq=False)
class Seen:
    """What is seen in the planes of N cells.

    Attributes:
      y: (N,), of the `Sample`. verdicts: (N,), the structures that the judge sees.
      features: (N, 64), the judge's.
      detail: (N,), see `detail`.
      shapes: {shape: (N,)}, see `measure_shapes`.
      outlines: (N, D), see `smoothed_reference`.
    """

    y: np.ndarray
    verdicts: np.ndarray
    features: np.ndarray
    detail: np.ndarray
    shapes: dict[str, np.ndarray]
    outlines: np.ndarray


def samples(integrator, heldout, training, seed=0):
    """Returns generated cells and those they are compared with, {name: `Sample`}, in the poses of training.

      generated: G >= N cells, the first N with the structures of the held-out ones;
      held-out: N cells, real and not trained on, all or a random part of `MOST`;
      training: real ones, N where there are as many: a random part;
      drawn: the held-out ones, with a draw of their structure in its place;
      reconstructed: the held-out ones, encoded and decoded: blurred like generated ones, real in shape;
      noise-free: the held-out ones without noise, where the data set knows them.

    Args:
      integrator: the trained `Integrator`.
      heldout, training: `CodedCells`.
      seed: of the codes, the poses and the parts.
    """
    spec = heldout.spec
    taken = np.sort(np.random.default_rng(seed).permutation(len(heldout))[:MOST])
    part = np.random.default_rng(seed).permutation(len(training))[: len(taken)]
    real_y = heldout.y[taken]
    y = np.tile(real_y, -(-ENOUGH // len(taken)))
    poses = views.draw_poses(len(taken), np.random.default_rng(seed))
    poses_of_part = views.draw_poses(len(part), np.random.default_rng(seed + 1))

    def posed(images, poses):  # a model trained on mirrored cells makes cells in all four poses
        return views.mirrored(images, poses, spec.mirrored_axes) if integrator.mirrored else images

    def real(rows):
        return posed(heldout.images(taken[rows]), poses[:, rows])

    def reconstructed(rows):
        return _to_uint8(integrator.reconstruct(real(rows).astype(np.float32) / 255)["x_rs_hat"])

    def drawn(rows):
        images, k = real(rows), real_y[rows]
        seeds = np.arange(rows.start, rows.stop) + seed  # of one seed, cells would share their noise
        (structure,) = integrator.draw(spec.reference(images).astype(np.float32) / 255, 1, seeds, k)
        spec.structure(images)[...] = _to_uint8(structure)
        return images

    found = {
        "generated": Sample(spec, y, lambda rows: _to_uint8(integrator.sample(y[rows], seed + rows.start)["x_rs"])),
        "held-out": Sample(spec, real_y, real),
        "training": Sample(
            spec, training.y[part], lambda rows: posed(training.images(part[rows]), poses_of_part[:, rows])
        ),
        "drawn": Sample(spec, real_y, drawn),
        "reconstructed": Sample(spec, real_y, reconstructed),
    }
    if "noise_free" in heldout.truths:
        found["noise-free"] = Sample(spec, real_y, lambda rows: posed(heldout.noise_free(taken[rows]), poses[:, rows]))
    return found


def _to_uint8(images):
    return np.rint(255 * images).astype(np.uint8)


def look(sample, judge):
    """Returns what is `Seen` in a sample, which is made or read once. Args: `Sample`; `Judge`."""
    parts = []
    for planes in sample.planes(SEEN):
        features, verdicts = judge.look(planes)
        shapes, outlines = measure_shapes(planes, sample.spec), smoothed_reference(planes, sample.spec)
        part = {"verdicts": verdicts, "features": features, "outlines": outlines}
        parts.append(part | shapes | {"detail": detail(sample.spec.structure(planes))})
    seen = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Seen(sample.y, shapes={name: seen.pop(name) for name in shapes}, **seen)


def details(sample):
    """Returns the `detail` of the structure in each cell of a sample, (N,). Args: `Sample`."""
    return np.concatenate([detail(sample.spec.structure(planes)) for planes in sample.planes(SEEN)])


def detail(planes):
    """Returns |x - smoothed x| / |x| of planes (N, Y, X) uint8, (N,), 0 for an empty one."""
    parts = []
    for plane in planes.astype(np.float32):
        rough = plane - ndimage.gaussian_filter(plane, max(plane.shape) / SMOOTHING)
        parts.append(np.linalg.norm(rough) / max(np.linalg.norm(plane), 1e-6))
    return np.array(parts)


def smoothed_reference(planes, spec):
    """Returns the smoothed reference channels of planes (N, Y, X, C) uint8 as vectors (N, D).

    They are scaled so that the distance of two is their root mean square difference.
    """
    x_r = shrink(spec.reference(planes))
    axes = spatial_axes(x_r)
    sigma = OUTLINE_SMOOTHING * max(x_r.shape[axis] for axis in axes) / 64
    smooth = ndimage.gaussian_filter(x_r, sigma, axes=axes)
    every_other = slice(None), *(slice(None, None, 2) for _ in axes)
    vectors = smooth[every_other].reshape(len(x_r), -1)
    return vectors / np.sqrt(vectors.shape[-1])
