"""Sources of a split's cells: their files, read as cells are needed, or memory. Both give the same images."""

from functools import cached_property

import numpy as np
import psutil
import tensorflow as tf

CACHE = ("auto", "on", "off")
CACHED_SHARE = 1 / 4  # of the free memory, up to which "auto" keeps images in it
READ_BATCH = 64


class StoredCells:
    """Cells in files; only what `gather` returns is in memory. Several threads may read at a time.

    Args:
      records: `Records`.
      rows: (N,) integers: the records that are the cells, in order.
      image: TFDS' feature of an image.
      numbers: (stored structures,) y of each structure's number in the records.
    """

    def __init__(self, records, rows, image, numbers):
        self._records, self._rows, self._image = records, rows, image
        self._numbers = np.asarray(numbers, np.int32)
        self.image_shape = tuple(image.shape)

    def __len__(self):
        return len(self._rows)

    def gather(self, index):
        """Returns images, (B, *shape, C) uint8, and structures, (B,) int32, in NumPy. Args: index: (B,) integers.

        Raises: DatasetError: if a file is damaged.
        """
        if not len(index):
            return np.zeros((0, *self.image_shape), np.uint8), np.zeros(0, np.int32)
        with tf.device("CPU:0"):  # a GPU's memory is for the networks
            images, y = self._decode(tf.constant(self._records.read(self._rows[index])))
        return images.numpy(), self._numbers[y.numpy()]

    @cached_property
    def _decode(self):
        spec = {"image": tf.io.FixedLenFeature([], tf.string), "structure": tf.io.FixedLenFeature([], tf.int64)}
        signature = tf.TensorSpec(self.image_shape, tf.uint8)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def decode(serialized):
            parsed = tf.io.parse_example(serialized, spec)
            images = tf.map_fn(self._image.decode_example, parsed["image"], fn_output_signature=signature)
            return images, parsed["structure"]

        return decode

    def batches(self):
        """Yields the images and structures of all cells in order, as `gather` returns them."""
        for start in range(0, len(self), READ_BATCH):
            yield self.gather(np.arange(start, min(start + READ_BATCH, len(self))))


class CachedCells:
    """Cells in memory. Args: images: (N, *shape, C) uint8; y: (N,) int32."""

    def __init__(self, images, y):
        self.images, self.y = images, y
        self.image_shape = images.shape[1:]

    @classmethod
    def of(cls, stored):
        """Reads and decodes all cells of a source. Raises: DatasetError: if a file is damaged."""
        images, y = np.empty((len(stored), *stored.image_shape), np.uint8), np.empty(len(stored), np.int32)
        start = 0
        for batch, labels in stored.batches():
            images[start : start + len(labels)], y[start : start + len(labels)] = batch, labels
            start += len(labels)
        return cls(images, y)

    def __len__(self):
        return len(self.y)

    def gather(self, index):
        """As of `StoredCells`."""
        return self.images[index], self.y[index]


def cached(stored, cache, free=None):
    """Returns a source, or its copy in memory.

    Args:
      stored: `StoredCells`.
      cache: "on" copies the images into memory, "off" does not, "auto" does if they fit into a quarter of what is free.
      free: bytes of memory; None asks the operating system, which does not know of a container's limit.

    Raises: ValueError: if cache is none of these. DatasetError: if a file is damaged.
    """
    if cache not in CACHE:
        raise ValueError(f"cache is {cache!r}, expected one of {', '.join(CACHE)}")
    if cache == "auto":
        free = psutil.virtual_memory().available if free is None else free
        cache = "on" if len(stored) * int(np.prod(stored.image_shape)) <= CACHED_SHARE * free else "off"
    return CachedCells.of(stored) if cache == "on" else stored
