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

    def train(strategy):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = make_model(phase, architecture, white_noise=0.0)
            model.compile(make_optimizer=lambda: keras.optimizers.SGD(0.01))

        @tf.function
        def step(batch, prior):
            strategy.run(model.update, args=(batch, prior))

        for number in range(STEPS):
            whole = make_batch(BATCH, number), make_prior(BATCH, number)
            share = BATCH // strategy.num_replicas_in_sync
            parts = [tf.nest.map_structure(lambda v, i=i: v[i * share : (i + 1) * share], whole) for i in range(2)]

            def value(context, parts=parts):
                return parts[context.replica_id_in_sync_group]

            step(*strategy.experimental_distribute_values_from_function(value))
        return [np.array(weights) for weights in model.weights]

    two = make_strategy()
    assert two.num_replicas_in_sync == 2
    start = [np.array(w) for w in make_model(phase, architecture).weights]
    one_result, two_result = train(tf.distribute.get_strategy()), train(two)
    assert len(one_result) == len(start)
    for a, b in zip(one_result, two_result, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=0)
    print("equal", phase, architecture, max(float(np.abs(a - b).max()) for a, b in zip(one_result, two_result)))


@pytest.mark.parametrize("phase", ["reference", "conditional"])
@pytest.mark.parametrize("architecture", ["paper", "released"])
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
