"""The fast layers against the layers of Keras that they derive from, and networks against their plain form."""

import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.config import ARCHITECTURES
from icell_tf.networks import blocks
from icell_tf.networks.convolution import DoublingConv2DTranspose, HalvingConv2D
from icell_tf.networks.layers import FusedBatchNormalization, OnePassPReLU
from icell_tf.networks.volume_convolution import DoublingConv3DTranspose, HalvingConv3D

CHANNELS = 3, 40, 80  # of 4x4 pixels: no product, one for the kernel's gradient, products for everything
LAYERS = {  # layers, and shapes of their inputs
    "norm of images": (blocks.batch_norm, (6, 5, 4, 7)),
    "norm of images of few channels": (blocks.batch_norm, (6, 5, 4, 3)),
    "norm of vectors": (blocks.batch_norm, (6, 7)),
    "synchronized norm": (lambda: FusedBatchNormalization(synchronized=True), (6, 7)),
    "norm of volumes": (blocks.batch_norm, (6, 2, 5, 4, 7)),
    "norm of volumes of few channels": (blocks.batch_norm, (6, 2, 5, 4, 2)),
    "norm of planes": (blocks.batch_norm, (6, 5, 4, 1)),
    "slopes": (lambda: blocks.prelu(2), (6, 5, 4, 3)),
    "one slope": (lambda: blocks.prelu(2, channel_slopes=False), (6, 5, 4, 3)),
    "slopes of volumes": (lambda: blocks.prelu(3), (6, 2, 5, 4, 3)),
    "one slope of volumes": (lambda: blocks.prelu(3, channel_slopes=False), (6, 2, 5, 4, 3)),
}
for n in CHANNELS:
    LAYERS[f"halving {n}"] = (lambda: HalvingConv2D(filters=5, matrix_products=True), (2, 4, 4, n))
    LAYERS[f"doubling {n}"] = (lambda n=n: DoublingConv2DTranspose(filters=n, matrix_products=True), (2, 2, 2, 5))
# Cubes, flat volumes and tall ones: which axes are halved, and the smaller volume. 3 channels are computed in blocks.
VOLUMES = {(2, 2, 2): (2, 4, 6), (1, 2, 2): (4, 2, 5), (2, 1, 2): (3, 4, 2), (2, 1, 1): (2, 4, 4), (1, 1, 2): (4, 4, 1)}
for strides, small in VOLUMES.items():
    large = tuple(side * stride for side, stride in zip(small, strides, strict=True))
    for n in (3, 17):
        use = dict(strides=strides, blocks=True, use_bias=n == 3, bias_initializer="ones")
        LAYERS[f"halving {large} {n}"] = (lambda use=use: HalvingConv3D(filters=5, **use), (2, *large, n))
        LAYERS[f"doubling {small} {n}"] = (
            lambda n=n, use=use: DoublingConv3DTranspose(filters=n, **use),
            (2, *small, 5),
        )
CONVOLUTION = dict(kernel_size=4, strides=2, padding="same", dilation_rate=1, data_format="channels_last")
CONVOLUTION |= dict(activation="relu", kernel_regularizer="l2", bias_constraint="non_neg", lora_rank=1)
NORM = dict(axis=1, center=False, scale=False, renorm=True, gamma_regularizer="l2", beta_constraint="non_neg")
UNSUPPORTED = [
    *((HalvingConv2D, dict(filters=5), *pair) for pair in (CONVOLUTION | {"groups": 2}).items()),
    *((DoublingConv2DTranspose, dict(filters=5), *pair) for pair in (CONVOLUTION | {"output_padding": 1}).items()),
    *((HalvingConv3D, dict(filters=5, strides=(2, 2, 2)), "kernel_size", size) for size in (3, 4)),
    *((DoublingConv3DTranspose, dict(filters=5), "strides", strides) for strides in ((2, 2), (1, 2, 3))),
    *((FusedBatchNormalization, {}, *pair) for pair in NORM.items()),
    *((OnePassPReLU, {}, "shared_axes", axes) for axes in ([], [1], [2, 3], [1, 2, 3, 4, 5])),
    *((OnePassPReLU, {}, name, "l2") for name in ("alpha_regularizer", "alpha_constraint")),
]


def values(shape, seed, offset=0.0):
    return tf.constant(np.random.default_rng(seed).normal(offset, 1.0, shape).astype(np.float32))


def computed(layer, x, training):
    """What a layer computes: its output, the gradients of input and weights, and its weights afterwards."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=training)
    gradients = tape.gradient(y, [x, *layer.trainable_variables], values(y.shape, 1))
    return [np.array(tensor) for tensor in (y, *gradients, *layer.weights)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_computes_what_keras_layer_computes(name, training):
    make, shape = LAYERS[name]
    fast = make()
    plain = fast.plain()
    assert type(plain) is fast.keras_layer and plain.name == fast.name
    for layer in (fast, plain):
        layer.build(shape)
        for seed, weight in enumerate(layer.weights):
            weight.assign(abs(values(weight.shape, seed)) if "variance" in weight.name else values(weight.shape, seed))
    for seed in (2, 3):  # the second step uses the moving statistics of the first
        x = values(shape, seed, offset=1.0)
        for a, b in zip(computed(fast, x, training), computed(plain, x, training), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_made_anew_from_its_config(name):
    layer = LAYERS[name][0]()
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(layer))))
    assert type(again) is type(layer) and again.get_config() == layer.get_config()


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_named_as_keras_names_its_own(name):
    """Keras' next layer of the same kind has the next number."""
    layer = LAYERS[name][0]()
    after = layer.keras_layer.from_config({**layer.plain().get_config(), "name": None})
    kind, _, number = after.name.rpartition("_")
    assert layer.name == (kind if number == "1" else f"{kind}_{int(number) - 1}")


@pytest.mark.parametrize(("layer", "arguments", "name", "value"), UNSUPPORTED)
def test_unsupported_arguments_are_refused(layer, arguments, name, value):
    with pytest.raises((TypeError, ValueError), match=name):
        layer(**arguments, **{name: value})


def test_unsupported_inputs_are_refused():
    with pytest.raises(ValueError, match=r"even sides.*\(1, 5, 4, 3\)"):
        HalvingConv2D(filters=5)(tf.ones([1, 5, 4, 3]))
    with pytest.raises(ValueError, match=r"even sides.*\(1, 4, 5, 4, 3\)"):
        HalvingConv3D(filters=5, strides=(2, 2, 2))(tf.ones([1, 4, 5, 4, 3]))
    for axes, shape in (([1, 2], [4, 3]), ([1, 2], [4, 1, 2, 2, 3]), ([1, 2, 3, 4], [4, 2, 2, 3])):
        with pytest.raises(ValueError, match=re.escape(f"along axes {axes} of images, but the input's shape is")):
            OnePassPReLU(shared_axes=axes)(tf.ones(shape))
    with pytest.raises(ValueError, match="mask"):
        FusedBatchNormalization()(tf.ones([2, 3]), mask=tf.ones([2], bool))


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("shape", [(32, 32), (16, 32), (8, 16, 16)])
def test_the_plain_form_is_an_equal_network_of_keras_layers(shape, architecture, trainable):
    network = networks.build_conditional_decoder(
        shape, 3, 3, latent_dim=4, width=1 / 16, architecture=architecture, output_logits=[-3.0, 0.0, 1.5]
    )
    x = {name: values((8, size), size) for name, size in (("y", 3), ("z_r", 4), ("z_s", 4))}
    network(x, training=True)  # fills the moving statistics
    network.trainable = trainable
    plain = networks.plain_form(network)
    ours = {type(layer).__name__ for layer in plain.layers if not type(layer).__module__.startswith("keras.")}
    assert ours <= {"LogProbability"}
    assert [layer.name for layer in plain.layers] == [layer.name for layer in network.layers]
    np.testing.assert_allclose(plain(x), network(x), atol=1e-5)
    for a, b in zip(plain.weights, network.weights, strict=True):
        np.testing.assert_array_equal(a, b)
