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


def two_devices():
    """Makes two of the CPU, and returns the strategy over both."""
    import tensorflow as tf

    from icell_tf.training.devices import make_strategy

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return make_strategy()


def main(phase, architecture, integration_weight):
    import keras
    import tensorflow as tf

    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import make_batch, make_model, make_prior

    two = two_devices()
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

    one = tf.distribute.get_strategy()
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
    check_in_a_process("main", phase, architecture, integration_weight, expected=f"equal {phase} {architecture}")


def overflow():
    """The gradient overflows on one of two devices; then on the other."""
    import keras
    import tensorflow as tf

    from icell_tf.models.adam import SkipCountingLossScaleOptimizer

    two = two_devices()
    with two.scope():
        weight = keras.Variable([1.0, 2.0])
        optimizer = SkipCountingLossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=4.0)
        optimizer.build([weight])

    @tf.function
    def step(gradients):
        two.run(lambda gradient: optimizer.apply([gradient], [weight]), args=(gradients,))

    for gradients in ([float("inf"), 1.0], [1.0, float("nan")], [1.0, 1.0]):
        rows = [tf.constant([gradient, 1.0]) for gradient in gradients]
        step(two.experimental_distribute_values_from_function(lambda at, rows=rows: rows[at.replica_id_in_sync_group]))
        print(weight.numpy().tolist(), int(optimizer.skipped.numpy()), float(optimizer.dynamic_scale.numpy()))


def test_a_gradient_that_overflows_on_any_device_is_applied_on_none():
    told = "[1.0, 2.0] 1 2.0\n[1.0, 2.0] 2 1.0\n[0.0, 1.0] 2 1.0\n"  # at last 2 gradients of 1, halved
    check_in_a_process("overflow", expected=told)


def check_in_a_process(function, *arguments, expected):
    done = subprocess.run(
        [sys.executable, __file__, function, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert expected in done.stdout, done.stdout + done.stderr[-3000:]


if __name__ == "__main__":
    {"main": main, "overflow": overflow}[sys.argv[1]](*sys.argv[2:])
