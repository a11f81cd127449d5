"""One device and two end with the same weights, in a process of its own: logical devices are made before TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STEPS, BATCH = 5, 8


def main(phase, architecture):
    import keras
    import tensorflow as tf

    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import make_batch, make_model, make_prior

    from icell_tf.experiment import make_strategy

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

    settings = {"integration_weight": 1.0} if phase == "conditional" else {}  # its three inputs are decoded as one

    def train(strategy):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = make_model(phase, architecture, white_noise=0.0, **settings)
            model.compile(make_optimizer=lambda: keras.optimizers.SGD(0.01))

        @tf.function
        def step(batch, prior):
            strategy.run(model.update, args=(batch, prior))

        share = BATCH // strategy.num_replicas_in_sync
        for number in range(STEPS):
            whole = make_batch(BATCH, number), make_prior(BATCH, number)

            def of_replica(context, whole=whole):
                first = context.replica_id_in_sync_group * share
                return tf.nest.map_structure(lambda values: values[first : first + share], whole)

            step(*strategy.experimental_distribute_values_from_function(of_replica))
        return [np.array(weights) for weights in model.weights]

    two = make_strategy()
    assert two.num_replicas_in_sync == 2
    one_result, two_result = train(tf.distribute.get_strategy()), train(two)
    for a, b in zip(one_result, two_result, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=0)
    difference = max(float(np.abs(a - b).max()) for a, b in zip(one_result, two_result, strict=True))
    print("equal", phase, architecture, difference)


@pytest.mark.parametrize(("phase", "architecture"), [("reference", "paper"), ("conditional", "released")])
def test_two_devices_end_with_the_weights_of_one(phase, architecture):
    done = subprocess.run(
        [sys.executable, __file__, phase, architecture],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert f"equal {phase} {architecture}" in done.stdout, done.stdout + done.stderr[-3000:]


if __name__ == "__main__":
    main(*sys.argv[1:])
