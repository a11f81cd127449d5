"""Poses of a cell: its images mirrored along y, along x and, in square frames, along the diagonal."""

import tensorflow as tf

DIAGONAL = 4  # the bit of a pose's number for the diagonal; bits 1 and 2 are for the axes


def has_diagonal(spec):
    """Whether the frames of a `CellSpec` are square and have square pixels, so that y and x can be exchanged."""
    return len(set(spec.plane_shape)) == len(set(spec.plane_pixel_size)) == 1


def count(spec):
    """How many poses the cells of a `CellSpec` have: 8 where they have a diagonal, else 4."""
    return 2 * DIAGONAL if has_diagonal(spec) else DIAGONAL


def mirrored(images, pose, spec):
    """Images mirrored along the axes of the plane that the first two bits of their poses name; twice: as they were.

    Args: (B, *shape) or (B, *shape, C); pose, integers from 0, (B,); `CellSpec`. Returns: as the first.
    """
    for bit, axis in enumerate(spec.mirrored_axes):
        images = tf.where(_chosen(pose, 1 << bit, images), tf.reverse(images, [axis]), images)
    return images


def turned(images, pose, spec):
    """Images with y and x exchanged where their poses name the diagonal; twice: as they were.

    Frames without a diagonal stay as they are. Args, returns: see `mirrored`.
    """
    if not has_diagonal(spec):
        return images
    y, x = spec.mirrored_axes
    order = list(range(len(images.shape)))
    order[y], order[x] = order[x], order[y]
    return tf.where(_chosen(pose, DIAGONAL, images), tf.transpose(images, order), images)


def _chosen(pose, bit, images):
    chosen = tf.math.floormod(pose, 2 * bit) >= bit  # ONNX has no bitwise operations before opset 18
    return tf.reshape(chosen, [-1] + [1] * (len(images.shape) - 1))
