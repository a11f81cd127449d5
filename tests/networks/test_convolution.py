"""Convolutions as products against Keras' own: outputs, gradients, and where they are taken."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.networks import convolution
from icell_tf.networks.convolution import Conv2D, Conv2DTranspose

FEW, SOME, MANY = 3, 40, 80  # channels: convolutions, products for the kernel's gradient, products everywhere
SIZES = (2, 2)
HOW = dict(strides=2, padding="same")


def passed(layer, x, upstream):
    """Output, the gradients of input and weights, and the products of matrices that they took."""

    @tf.function
    def run(x, upstream):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return y, *tape.gradient(y, [x, *layer.trainable_variables], upstream)

    operations = run.get_concrete_function(x, upstream).graph.get_operations()
    products = sum(operation.type == "MatMul" for operation in operations)
    return [np.array(tensor) for tensor in run(x, upstream)], products


@pytest.mark.parametrize(("channels", "products"), [(FEW, 0), (SOME, 1), (MANY, 3)])
@pytest.mark.parametrize("kind", [Conv2D, Conv2DTranspose])
def test_products_are_the_convolution(kind, channels, products):
    rng, h, w = np.random.default_rng(0), *SIZES
    large, small = (2, 2 * h, 2 * w, channels), (2, h, w, 5)
    if kind is Conv2D:
        ours, plain = Conv2D(5, 4, **HOW), keras.layers.Conv2D(5, 4, **HOW)
        shape, upstream_shape = large, small
    else:
        ours, plain = Conv2DTranspose(channels, 4, **HOW), keras.layers.Conv2DTranspose(channels, 4, **HOW)
        shape, upstream_shape = small, large
    x, upstream = (tf.constant(rng.normal(size=each).astype(np.float32)) for each in (shape, upstream_shape))
    for layer in (ours, plain):
        layer.build(shape)
    plain.set_weights([rng.normal(size=weights.shape) for weights in plain.weights])
    ours.set_weights(plain.get_weights())
    found, taken = passed(ours, x, upstream)
    expected, _ = passed(plain, x, upstream)
    assert taken == products
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)


def test_a_patch_lands_where_it_was_taken():
    ones = tf.ones([1, 2, 3, 4, 4, 1])
    added = convolution._added(ones)[0, :, :, 0]
    # A pixel of the edge is seen by one output along that axis, any other by two.
    rows, columns = [1, 2, 2, 1], [1, 2, 2, 2, 2, 1]
    np.testing.assert_array_equal(added, np.outer(rows, columns))


def test_with_a_gpu_they_are_convolutions(monkeypatch):
    monkeypatch.setattr(convolution, "_on_gpu", lambda: True)
    layer, x = Conv2D(5, 4, **HOW), tf.ones([2, 4, 4, MANY])
    assert passed(layer, x, tf.ones([2, 2, 2, 5]))[1] == 0


def test_the_papers_networks_take_them_where_images_are_small():
    encoder = networks.build_reference_encoder(256)
    sizes = [layer.input.shape[1] for layer in encoder.layers if isinstance(layer, Conv2D)]
    graph = tf.function(encoder).get_concrete_function(tf.TensorSpec([8, 256, 256, 2])).graph
    convolved = [operation.inputs[0].shape[1] for operation in graph.get_operations() if operation.type == "Conv2D"]
    assert sizes == [256, 128, 64, 32, 16, 8] and convolved == sizes[:-1]
