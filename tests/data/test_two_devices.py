"""Two devices share each batch, in a process of its own: logical devices are made before TensorFlow."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf

from icell_tf.data.prepared import PreparedCells
from icell_tf.training.devices import Workers

from ..conftest import REPOSITORY
from ..models.test_replicas import two_devices


def check(two, batches):
    """Each device sees its own part of the batches that one device sees, in order, also of a last partial one."""
    workers, count = Workers(two), 0

    @tf.function(input_signature=[batches.element_spec])
    def shares(batch):
        return two.run(lambda: workers.part_of_device(batch))

    for batch in workers.distribute(batches):
        found = shares(batch)
        for name, values in batch.items():
            parts = two.experimental_local_results(found[name])
            assert len(parts) == 2 and abs(len(parts[0]) - len(parts[1])) < 2
            np.testing.assert_array_equal(np.concatenate(parts), values)
        count += 1
    print("shared", count)


def test_two_devices_share_each_batch(prepared):
    command = [sys.executable, "-m", "tests.data.test_two_devices", str(prepared.folder)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.stdout == "shared 12\nshared 11\nshared 2\n", done.stdout + done.stderr[-3000:]


if __name__ == "__main__":
    two = two_devices()
    assert two.num_replicas_in_sync == 2
    cells = PreparedCells(pathlib.Path(sys.argv[1]))
    check(two, cells.training_batches(8, 3, 2, mirror=True, cache="off"))
    check(two, cells.training_batches(8, 3, 2, skip=1, cache="on"))
    check(two, cells.batches("validation", 6))
