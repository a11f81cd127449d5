"""Batches of cells as tf.data: in order, or shuffled, balanced and mirrored for training.

Indices of cells go through the pipeline first, so that what is not needed is not read. A source of cells has a length,
and a method `gather` from indices to images and structures; see `cells`.
"""

import numpy as np
import tensorflow as tf

# Batches that are made at a time, and that wait to be taken. Fixed, so that memory does not grow with cores or speed.
PARALLEL, PREFETCH = 4, 2


def decoded_batches(cells, batch_size):
    """Returns a tf.data.Dataset of all cells in order: images, (B, *shape, C) uint8, and structures, (B,) int32."""
    return _map(tf.data.Dataset.range(len(cells)).batch(batch_size), cells.gather)


def ordered_batches(cells, batch_size):
    """Returns a tf.data.Dataset of all cells in order, {"x": (B, *shape, C) in [0, 1], "structure": (B,) int32}."""
    return _map(tf.data.Dataset.range(len(cells)).batch(batch_size), lambda index: _scaled(*cells.gather(index)))


def shuffled_batches(cells, batch_size, seed, epochs, balance=None, mirror=(), skip=0):
    """Returns a tf.data.Dataset of the batches of some epochs, in an order that depends on seed and epoch alone.

    The last partial batch of an epoch is dropped.

    Args:
      cells: the source.
      batch_size: cells of the global batch.
      seed: of the order.
      epochs: range of the epochs' numbers.
      balance: (N,) the cells' structures: draw cells with replacement so that all structures are equally frequent.
        None: each cell once.
      mirror: two axes of a batch; mirror each cell along none, one or both, by a draw of its own in each epoch.
      skip: number of batches of the first epoch to leave out, because they were trained on. They are not read.
    """
    count = len(cells)
    steps = count // batch_size
    if balance is not None:
        log_weights = -np.log(np.bincount(balance)[balance])[None].astype(np.float32)

    def epoch(number):
        if balance is not None:
            order = tf.random.stateless_categorical(log_weights, count, [seed, number], dtype=tf.int64)[0]
        else:
            order = tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), [seed, number])
        index = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        flips = tf.random.stateless_uniform([steps, 2, batch_size], [seed, number]) < 0.5
        return tf.data.Dataset.from_tensor_slices((index, flips) if mirror else (index,))

    def gather(index, flips=None):
        images, y = cells.gather(index)
        return _scaled(images if flips is None else _mirror(images, tf.transpose(flips), mirror), y)

    return _map(tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(epoch).skip(skip), gather)


def _map(indices, function):
    return indices.map(function, PARALLEL, deterministic=True).prefetch(PREFETCH)


def _scaled(images, y):
    return {"x": tf.cast(images, tf.float32) / 255.0, "structure": y}


def _mirror(images, flips, axes):
    """Mirrors each image along the axes (of a batch) that are True of flips, (B, 2).

    TensorFlow is fast with one image at a time.
    """

    def mirror(image_and_flips):
        image, chosen = image_and_flips
        for number, axis in enumerate(axes):
            image = tf.cond(chosen[number], lambda: tf.reverse(image, [axis - 1]), lambda: image)  # noqa: B023
        return image

    return tf.map_fn(mirror, (images, flips), fn_output_signature=images.dtype)
