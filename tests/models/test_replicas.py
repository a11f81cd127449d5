"""One device and two end with the same weights, in a process of its own: logical devices are made before TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STEPS, BATCH = 5, 8
TOLERANCE = 1e-5
# Rounding puts a unit now and then on the other side of its LeakyReLU's kink: at this rate that stays below TOLERANCE.
LEARNING_RATE = 1e-3


def main(phase, architecture, integration_weight):
    import keras
    import tensorflow as tf

    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import make_batch, make_model, make_prior

    from icell_tf.devices import make_strategy

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

    settings = {"integration_weight": float(integration_weight)} if phase == "conditional" else {}

    def train(strategy, steps=STEPS):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = make_model(phase, architecture, white_noise=0.0, **settings)
            model.compile(make_optimizer=lambda: keras.optimizers.SGD(LEARNING_RATE))

        @tf.function
        def step(batch, prior):
            strategy.run(model.update, args=(batch, prior))

        share = BATCH // strategy.num_replicas_in_sync
        for number in range(steps):
            whole = make_batch(BATCH, number), make_prior(BATCH, number)

            def of_replica(context, whole=whole):
                first = context.replica_id_in_sync_group * share
                return tf.nest.map_structure(lambda values: values[first : first + share], whole)

            step(*strategy.experimental_distribute_values_from_function(of_replica))
        trained = [np.array(weights) for weights in model.trainable_weights]
        return trained, [np.array(weights) for weights in model.non_trainable_weights]

    one, two = tf.distribute.get_strategy(), make_strategy()
    assert two.num_replicas_in_sync == 2

    def farthest(results, others):
        return max(float(np.abs(a - b).max()) for a, b in zip(results, others, strict=True))

    (start, _), (one_trained, one_statistics), (two_trained, two_statistics) = train(one, 0), train(one), train(two)
    assert farthest(start, one_trained) > 100 * TOLERANCE  # or else equality says nothing
    difference = max(farthest(one_trained, two_trained), farthest(one_statistics, two_statistics))
    assert difference < TOLERANCE, difference
    print("equal", phase, architecture, difference)


@pytest.mark.parametrize(
    ("phase", "architecture", "integration_weight"),
    [
        ("reference", "paper", 0),
        ("conditional", "paper", 0),
        ("conditional", "released", 1),  # its decoder's three inputs are decoded as one
    ],
)
def test_two_devices_end_with_the_weights_of_one(phase, architecture, integration_weight):
    done = subprocess.run(
        [sys.executable, __file__, phase, architecture, str(integration_weight)],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert f"equal {phase} {architecture}" in done.stdout, done.stdout + done.stderr[-3000:]


if __name__ == "__main__":
    main(*sys.argv[1:])
