"""The layers in fewer passes against the plain ones that they stand for: outputs, gradients and statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.networks import blocks, layers

SHAPES = [(6, 5, 4, 3), (6, 7)]


def values(shape, seed, offset=0.0):
    return tf.constant(np.random.default_rng(seed).normal(offset, 1.0, shape).astype(np.float32))


def passed(layer, x, upstream, **how):
    """{what: array}: what a layer makes of x, what it hands back of upstream, and its weights afterwards."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, **how)
    gradients = tape.gradient(y, [x, *layer.trainable_variables], upstream)
    return [np.array(tensor) for tensor in (y, *gradients, *layer.weights)]


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_is_the_plain_one(shape, training):
    fast, plain = blocks.batch_norm(), keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    for layer in (fast, plain):
        layer.build(shape)
    weights = [values(shape[-1:], seed) ** 2 + 0.5 for seed in range(4)]
    for layer in (fast, plain):
        layer.set_weights(weights)
    for seed in (4, 5):  # the moving statistics of a first step count in the second
        x, upstream = values(shape, seed, offset=3.0), values(shape, seed + 2)
        assert_equal(passed(fast, x, upstream, training=training), passed(plain, x, upstream, training=training))


def test_batch_norms_moving_variance_is_that_by_n():
    x = values((4, 2), 0)
    layer = blocks.batch_norm()
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * np.var(x, axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * np.mean(x, axis=0), rtol=1e-4)


def test_frozen_batch_norm_keeps_its_statistics():
    layer = blocks.batch_norm()
    layer.build((4, 2))
    layer.trainable = False
    layer(values((4, 2), 0), training=True)
    np.testing.assert_array_equal(layer.moving_mean, [0, 0])


@pytest.mark.parametrize("channel_slopes", [True, False])
def test_prelu_is_the_plain_one(channel_slopes):
    shape = SHAPES[0]
    fast = blocks.prelu(channel_slopes)
    plain = keras.layers.PReLU(shared_axes=[1, 2] if channel_slopes else [1, 2, 3])
    for layer in (fast, plain):
        layer.build(shape)
    slopes = values(fast.alpha.shape, 1) * 2  # also beyond 0 and 1
    for layer in (fast, plain):
        layer.set_weights([slopes])
    assert_equal(passed(fast, values(shape, 2), values(shape, 3)), passed(plain, values(shape, 2), values(shape, 3)))


def test_prelu_by_hand():
    y = layers.leak(tf.constant([[-2.0, -2.0], [3.0, 0.0]]), tf.constant([0.5, 2.0]))
    np.testing.assert_array_equal(y, [[-1.0, -4.0], [3.0, 0.0]])


def test_weights_of_the_plain_layers_load(tmp_path):
    """Runs saved with Keras' layers stay usable, because the layers' files are filed under the same names."""

    def network(norm, activation):
        x = keras.Input((4, 4, 3))
        return keras.Model(x, activation(norm(x)))

    plain = network(keras.layers.BatchNormalization(), keras.layers.PReLU(shared_axes=[1, 2]))
    fast = network(layers.BatchNormalization(), layers.PReLU(shared_axes=[1, 2]))
    plain.set_weights([values(weight.shape, seed) ** 2 for seed, weight in enumerate(plain.weights)])
    plain.save_weights(tmp_path / "plain.weights.h5")
    fast.load_weights(tmp_path / "plain.weights.h5")
    for a, b in zip(plain.get_weights(), fast.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_momentum_set_in_a_network_is_what_its_statistics_move_by():
    network = networks.build_reference_encoder(32, latent_dim=4, width=1 / 16)
    networks.set_norm_momentum(network, 0.25)
    norm = network.layers[-1]
    before, x = norm.moving_mean.numpy(), np.random.default_rng(0).random((8, 32, 32, 2), np.float32)
    network(x, training=True)
    inputs = keras.Model(network.input, norm.input)(x, training=True).numpy()
    np.testing.assert_allclose(norm.moving_mean, 0.25 * before + 0.75 * inputs.mean(axis=0), rtol=1e-4, atol=1e-6)
