"""Adam in one pass against Keras', and what it does not support."""

import keras
import numpy as np
import pytest

from icell_tf.models.adam import FusedAdam, SkipCountingLossScaleOptimizer

UNSUPPORTED = dict(amsgrad=True, weight_decay=0.1, clipnorm=1.0, clipvalue=1.0, global_clipnorm=1.0, use_ema=True)
UNSUPPORTED |= dict(ema_overwrite_frequency=2, loss_scale_factor=2.0, gradient_accumulation_steps=2)


def trained(optimizer, steps=3):
    weights = [keras.Variable(np.ones(shape, np.float32)) for shape in ((3, 2), (4,))]
    optimizer.build(weights)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        optimizer.apply([rng.normal(size=weight.shape).astype(np.float32) for weight in weights], weights)
    return weights


def test_weights_and_moments_are_those_of_keras():
    ours, plain = (make(1e-2, 0.5, epsilon=1e-8) for make in (FusedAdam, keras.optimizers.Adam))
    for a, b in zip(trained(ours), trained(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    for a, b in zip(ours.variables, plain.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    assert int(ours.iterations) == 3


def test_a_first_step_is_the_learning_rate_by_hand():
    weight = keras.Variable(np.array([1.0, 1.0], np.float32))
    optimizer = FusedAdam(0.1, epsilon=0.0)
    optimizer.build([weight])
    optimizer.apply([np.array([3.0, -0.2], np.float32)], [weight])
    np.testing.assert_allclose(weight, [0.9, 1.1], rtol=1e-6)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_arguments_are_refused(name):
    for make in (FusedAdam, lambda **given: SkipCountingLossScaleOptimizer(FusedAdam(), **given)):
        with pytest.raises((TypeError, ValueError), match=name):
            make(**{name: UNSUPPORTED[name]})


def test_optimizers_are_made_anew_from_their_configs():
    adam = FusedAdam(0.5, 0.25, 0.125, epsilon=1e-3, name="adam")
    for optimizer in (adam, SkipCountingLossScaleOptimizer(adam, initial_scale=8.0)):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
        assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()
        inner = getattr(again, "inner_optimizer", again)
        assert (float(inner.learning_rate), inner.beta_1, inner.beta_2, inner.epsilon) == (0.5, 0.25, 0.125, 1e-3)
