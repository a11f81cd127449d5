"""How cells are looked at: averaged down, in mirrored poses, and a batch at a time."""

import numpy as np

from icell_tf.spec import at_once

BATCH = 50  # cells


def batches(count, spec, size=BATCH):
    """Yields slices over `count` cells, of `size` cells each, the last of fewer.

    A batch of volumes has no more pixels than one of the largest images in a plane, but at least one cell.
    """
    size = at_once(size, spec.shape)
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def regrouped(arrays, size):
    """Yields the rows of arrays in arrays of `size` rows, the last of fewer."""
    waiting = []
    for array in arrays:
        waiting.append(array)
        while sum(map(len, waiting)) >= size:
            rows = np.concatenate(waiting)
            yield rows[:size]
            waiting = [rows[size:]]
    if sum(map(len, waiting)):
        yield np.concatenate(waiting)


def block(shape, longest):
    """Returns how many pixels along each axis to average, so that the longest side has `longest` pixels, or fewer."""
    factor = max(1, max(shape) // longest)
    return tuple(min(factor, side) for side in shape)


def draw_poses(count, rng):
    """Draws along which of the two axes each cell is mirrored: (2, count) bool, each with a probability of 1/2."""
    return rng.random((2, count)) < 0.5


def mirrored(images, poses, axes):
    """Returns images in other poses.

    Args:
      images: (N, ..., C).
      poses: (2, N), of `draw_poses`.
      axes: the two axes to mirror along: `CellSpec.mirrored_axes`, or of planes their spatial axes.
    """
    images = np.array(images)
    for axis, chosen in zip(axes, poses, strict=True):
        images[chosen] = np.flip(images[chosen], axis)
    return images
