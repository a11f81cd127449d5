"""BatchNorm and PReLU by hand; test_plain.py compares them with Keras' layers."""

import keras
import numpy as np
import tensorflow as tf

from icell_tf import networks
from icell_tf.networks import blocks, layers


def values(shape):
    return tf.constant(np.random.default_rng(0).normal(size=shape).astype(np.float32))


def test_batch_norms_moving_variance_is_divided_by_n():
    x = values((4, 2))
    layer = blocks.batch_norm()
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * np.var(x, axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * np.mean(x, axis=0), rtol=1e-4)


def test_frozen_batch_norm_keeps_its_statistics():
    layer = blocks.batch_norm()
    layer.build((4, 2))
    layer.trainable = False
    layer(values((4, 2)), training=True)
    np.testing.assert_array_equal(layer.moving_mean, [0, 0])


def test_prelu_by_hand():
    y = layers.prelu(tf.constant([[-2.0, -2.0], [3.0, 0.0]]), tf.constant([0.5, 2.0]))
    np.testing.assert_array_equal(y, [[-1.0, -4.0], [3.0, 0.0]])


def test_the_momentum_of_a_network_moves_its_statistics():
    network = networks.build_reference_encoder((32, 32), 2, latent_dim=4, width=1 / 16)
    networks.set_norm_momentum(network, 0.25)
    norm = network.layers[-1]
    before, x = norm.moving_mean.numpy(), np.random.default_rng(0).random((8, 32, 32, 2), np.float32)
    network(x, training=True)
    inputs = keras.Model(network.input, norm.input)(x, training=True).numpy()
    np.testing.assert_allclose(norm.moving_mean, 0.25 * before + 0.75 * inputs.mean(axis=0), rtol=1e-4, atol=1e-6)
