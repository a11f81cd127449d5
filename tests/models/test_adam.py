"""Adam in one pass against Keras', whose checkpoints it reads and writes."""

import keras
import numpy as np

from icell_tf.models.adam import Adam


def trained(optimizer, steps=3):
    weights = [keras.Variable(np.ones(shape, np.float32)) for shape in ((3, 2), (4,))]
    optimizer.build(weights)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        optimizer.apply([rng.normal(size=weight.shape).astype(np.float32) for weight in weights], weights)
    return weights


def test_weights_and_moments_are_those_of_keras():
    ours, plain = (make(1e-2, 0.5, epsilon=1e-8) for make in (Adam, keras.optimizers.Adam))
    for a, b in zip(trained(ours), trained(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    for a, b in zip(ours.variables, plain.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    assert int(ours.iterations) == 3


def test_a_first_step_is_the_learning_rate_by_hand():
    weight = keras.Variable(np.array([1.0, 1.0], np.float32))
    optimizer = Adam(0.1, epsilon=0.0)
    optimizer.build([weight])
    optimizer.apply([np.array([3.0, -0.2], np.float32)], [weight])
    np.testing.assert_allclose(weight, [0.9, 1.1], rtol=1e-6)
