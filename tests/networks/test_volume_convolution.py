"""Where convolutions of volumes are computed in blocks; test_plain.py compares them with Keras' convolutions."""

import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.networks.volume_convolution import FEW_CHANNELS, DoublingConv3DTranspose, HalvingConv3D

EVERY = (2, 2, 2)


def transposed(layer, shape):
    """The channels of the larger volumes of all transposed convolutions in a layer's outputs and gradients."""

    @tf.function
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return y, *tape.gradient(y, [x, *layer.trainable_variables])

    layer.build(shape)
    operations = run.get_concrete_function(tf.TensorSpec(shape)).graph.get_operations()
    return [each.outputs[0].shape[-1] for each in operations if each.type == "Conv3DBackpropInputV2"]


@pytest.mark.parametrize("channels", [FEW_CHANNELS - 1, FEW_CHANNELS])
@pytest.mark.parametrize("blocks", [True, False])
def test_volumes_of_few_channels_are_computed_in_blocks(channels, blocks):
    expected = [8 * channels if blocks and channels < FEW_CHANNELS else channels]
    halving = HalvingConv3D(filters=5, strides=EVERY, blocks=blocks)
    doubling = DoublingConv3DTranspose(filters=channels, strides=EVERY, blocks=blocks)
    assert transposed(halving, (2, 4, 4, 4, channels)) == transposed(doubling, (2, 2, 2, 2, 5)) == expected


@pytest.mark.parametrize("gpus", [[], ["a GPU"]])
def test_the_choice_is_made_by_the_machine_when_a_layer_is_made(gpus, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    layers = [HalvingConv3D(filters=5, strides=EVERY), DoublingConv3DTranspose(filters=3, strides=EVERY)]
    assert [layer.blocks for layer in layers] == [not gpus] * 2


def test_every_convolution_that_halves_or_doubles_a_volume_is_of_these_layers():
    decoder = networks.build_reference_decoder((8, 32, 16), 2, width=1 / 16)
    strides = [layer.strides for layer in decoder.layers if isinstance(layer, DoublingConv3DTranspose)]
    assert strides == [(1, 2, 1), (1, 2, 2), EVERY]
    critic = networks.build_critic((8, 32, 16), 2, width=1 / 16)
    assert sum(isinstance(layer, HalvingConv3D) for layer in critic.layers) == 3


def test_a_gradient_has_a_gradient_as_the_critics_penalty_needs_it():
    layer = HalvingConv3D(filters=2, strides=EVERY, blocks=True)
    plain = layer.plain()
    x = tf.random.stateless_normal([2, 4, 4, 4, 3], [0, 1])
    found = []
    for each in (layer, plain):
        each.build(x.shape)
        each.set_weights(layer.get_weights())
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(each(x) ** 3)
            slope = tf.reduce_sum(inner.gradient(y, x) ** 2)
        found.append(outer.gradient(slope, each.kernel))
    tf.debugging.assert_near(*found, rtol=1e-4, atol=1e-4)
