"""Batches of cells in memory, as tf.data: in order, or shuffled, balanced and mirrored for training."""

import numpy as np
import tensorflow as tf


def ordered_batches(images, y, batch_size):
    """Returns a tf.data.Dataset of all cells in order, {"x_rs": (B, H, W, 3) in [0, 1], "y": (B,) int32}.

    Args: images: (N, H, W, 3) uint8. y: (N,) int32.
    """
    return _gather(tf.data.Dataset.range(len(y)).batch(batch_size).map(lambda index: (index,)), images, y)


def shuffled_batches(images, y, batch_size, seed, epochs, balanced=False, mirror=False, skip=0):
    """Returns a tf.data.Dataset of the batches of some epochs, in an order that depends on seed and epoch alone.

    The last partial batch of an epoch is dropped.

    Args:
      images, y: as of `ordered_batches`.
      batch_size: cells of the global batch.
      seed: of the order.
      epochs: range of the epochs' numbers.
      balanced: draw cells with replacement so that all structures are equally frequent, instead of each cell once.
      mirror: mirror each cell along no axis, one or both, by a draw of its own in each epoch.
      skip: number of batches of the first epoch to leave out, because they were trained on.
    """
    steps = len(y) // batch_size
    log_weights = -np.log(np.bincount(y)[y])[None].astype(np.float32)

    def epoch(number):
        if balanced:
            order = tf.random.stateless_categorical(log_weights, len(y), [seed, number], dtype=tf.int64)[0]
        else:
            order = tf.random.experimental.stateless_shuffle(tf.range(len(y), dtype=tf.int64), [seed, number])
        index = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        flips = tf.random.stateless_uniform([steps, 2, batch_size], [seed, number]) < 0.5
        return tf.data.Dataset.from_tensor_slices((index, flips) if mirror else (index,))

    return _gather(tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(epoch).skip(skip), images, y)


def _gather(indices, images, y):
    """Args: indices: a tf.data.Dataset of the cells' indices (B,) and, optionally, what to mirror, (2, B) bool."""
    with tf.device("CPU:0"):
        images, y = tf.constant(images), tf.constant(y)

    def gather(index, flips=None):
        cells = tf.gather(images, index)
        if flips is not None:
            cells = tf.map_fn(_mirror, (cells, tf.transpose(flips)), fn_output_signature=cells.dtype)
        return {"x": tf.cast(cells, tf.float32) / 255.0, "structure": tf.gather(y, index)}

    return indices.map(gather, tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def _mirror(cell_and_flips):
    """Mirrors one cell (H, W, C) along the axes that are True of (2,); TensorFlow is fast with one cell at a time."""
    cell, flips = cell_and_flips
    for axis in (0, 1):
        cell = tf.cond(flips[axis], lambda: tf.reverse(cell, [axis]), lambda: cell)  # noqa: B023
    return cell
