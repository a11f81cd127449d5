"""Records in ArrayRecord files, read in any order, and what they hold."""

import bisect
import functools
import hashlib
import itertools
import os
import threading

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordReader

# Random access: no reading ahead, no threads of the reader's own, and a small buffer a file.
READER = {"options": "readahead_buffer_size:0,max_parallelism:0", "file_reader_buffer_size": 8192}
LABELS_BATCH = 256
# Keys of metadata.json: the description of the cells, the fingerprint of all of them, and digests of the record files.
SPEC, FINGERPRINT, FILES = "spec", "cells_sha256", "files"
_PART = 1 << 16  # bytes at either end of a file


class DatasetError(ValueError):
    """A prepared data set that is missing or damaged, or lacks cells, a split or a structure."""


class Records:
    """The records of a split, or of a part of it. Several threads may read at a time.

    Args: instructions: TFDS' `FileInstruction`s, in the order of the records.
    """

    def __init__(self, instructions):
        self._instructions = list(instructions)
        self._ends = list(itertools.accumulate(part.take for part in self._instructions))
        self._readers = [None] * len(self._instructions)
        self._lock = threading.Lock()

    def __len__(self):
        return self._ends[-1] if self._ends else 0

    def read(self, rows):
        """Returns serialized records. Args: rows: sequence of integers. Raises: DatasetError: if a file is damaged."""
        files = {}  # {file: [(position in it, place among the rows)]}
        for place, row in enumerate(rows):
            file = bisect.bisect_right(self._ends, row)
            part = self._instructions[file]
            files.setdefault(file, []).append((part.skip + int(row) - self._ends[file] + part.take, place))
        records = [b""] * len(rows)
        for file, wanted in files.items():
            positions, places = zip(*wanted, strict=True)
            for place, record in zip(places, self._read_file(file, positions), strict=True):
                records[place] = record
        return records

    def check(self, digests):
        """Opens all files.

        Args: digests: of the files, as `file_digests` returned them when the data set was made.
        Raises: DatasetError: one is missing, doesn't have the records that it should, or is of another data set.
        """
        for file, part in enumerate(self._instructions):
            if not self._reader(file).ok():
                raise _damaged(part.filename, "it is no ArrayRecord file")
            for name, digest in file_digests([part.filename]).items():
                if digest != digests.get(name):
                    raise _damaged(part.filename, "it is not the file that this data set was prepared with")

    def _read_file(self, file, positions):
        path = self._instructions[file].filename
        try:
            records = self._reader(file).read(positions)
        except (RuntimeError, IndexError) as error:
            raise _damaged(path, error) from error
        if not all(records):  # what a reader returns beyond the end of a file that has become shorter
            raise _damaged(path, "a record is empty")
        return records

    def _reader(self, file):
        with self._lock:
            if self._readers[file] is None:
                part = self._instructions[file]
                if not os.path.exists(part.filename):
                    raise _damaged(part.filename, "there is no such file")
                reader = ArrayRecordReader(os.fspath(part.filename), **READER)
                if reader.ok() and reader.num_records() != part.examples_in_shard:
                    found = f"it has {reader.num_records()} records, expected {part.examples_in_shard}"
                    raise _damaged(part.filename, found)
                self._readers[file] = reader
            return self._readers[file]

    @functools.cached_property
    def labels(self):
        """Everything but the images: {"cell_id", "fov_id": bytes, "structure": int64}, (N,) each."""
        spec = {name: tf.io.FixedLenFeature([], tf.string) for name in ("cell_id", "fov_id")}
        spec["structure"] = tf.io.FixedLenFeature([], tf.int64)
        # Fixed-width texts: objects would take several times the memory.
        kinds = {"cell_id": bytes, "fov_id": bytes, "structure": np.int64}
        batches = []
        for start in range(0, len(self), LABELS_BATCH):
            parsed = tf.io.parse_example(self.read(range(start, min(start + LABELS_BATCH, len(self)))), spec)
            batches.append({name: parsed[name].numpy().astype(kind) for name, kind in kinds.items()})
        return {name: np.concatenate([batch[name] for batch in batches]) for name in kinds}


def decoder(features, names):
    """Returns a function from serialized records to some of their features, {name: (n, ...)} in NumPy.

    Args: features: TFDS' `FeaturesDict`; names: of the features.
    """
    wanted = tfds.features.FeaturesDict({name: features[name] for name in names})
    signature = {name: wanted[name].get_tensor_info().to_tensor_spec() for name in names}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def decode(serialized):
        return tf.map_fn(wanted.deserialize_example, serialized, fn_output_signature=signature)

    def decode_all(serialized):
        with tf.device("CPU:0"):  # a GPU's memory is for the networks
            found = decode(tf.constant(serialized, tf.string, [len(serialized)]))
        return {name: values.numpy() for name, values in found.items()}

    return decode_all


def file_digests(paths):
    """Returns {name: digest} of files of records: of their sizes and of 64 KiB at either end, which costs little."""
    digests = {}
    for path in map(os.fspath, paths):
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.sha256(f"{size} ".encode() + file.read(_PART))
            file.seek(max(0, size - _PART))
            digest.update(file.read(_PART))
        digests[os.path.basename(path)] = digest.hexdigest()
    return dict(sorted(digests.items()))


def _damaged(path, found):
    return DatasetError(f"{os.fspath(path)} can't be read ({found}); prepare the data set anew")
