"""What the networks are made of: stages, normalization, activations and the two architectures."""

from dataclasses import dataclass

import keras
import tensorflow as tf

from icell_tf.networks import layers
from icell_tf.networks.convolution import KERNEL, STRIDE, Conv2D, Conv2DTranspose

LEAKY_SLOPE = 0.2
IMAGE_SIZES = (32, 64, 128, 256, 512)
MIN_LOG_PROBABILITY = -25.0


@dataclass(frozen=True)
class Architecture:
    """Where the authors' released code and the paper's Tables S1 to S7 differ.

    Attributes:
      output_norm: BatchNorm before the decoder's sigmoid.
      projection_norm: BatchNorm after the decoder's dense layer.
      first_stage_norm: BatchNorm on the image discriminator's first stage.
      dense_head: the image discriminator ends in a dense layer behind a second white noise, not in a convolution.
      channel_slopes: PReLU learns one slope a channel, not one a layer.
      log_probabilities: the conditional decoder sees log y, with one-hot as 0 and -25.
    """

    output_norm: bool
    projection_norm: bool
    first_stage_norm: bool
    dense_head: bool
    channel_slopes: bool
    log_probabilities: bool


ARCHITECTURES = {
    "paper": Architecture(True, True, True, False, True, False),
    "released": Architecture(False, False, False, True, False, True),
}


def stage_widths(table, image_size, width, fewer=0):
    """Returns the filters of the stages that bring an image to 4x4 pixels.

    Args:
      table: the widths of Table S1 or S4.
      image_size: pixels along a side, a power of two from 32 to 512.
      width: multiplier of the widths; none gets narrower than 4.
      fewer: stages left out at the end.

    Raises: ValueError: if image_size is not such a power of two.
    """
    if image_size not in IMAGE_SIZES:
        raise ValueError(
            f"image_size is {image_size}, but the networks take powers of two from {IMAGE_SIZES[0]} to "
            f"{IMAGE_SIZES[-1]}: prepare the data set with one of those"
        )
    count = image_size.bit_length() - 3 - fewer
    return [max(4, int(filters * width)) for filters in (table + table[-1:] * count)[:count]]


def batch_norm(name=None, offset="zeros"):
    """BatchNorm with momentum 0.9 and epsilon 1e-5, over all replicas of the strategy in whose scope it is made."""
    return layers.BatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
        beta_initializer=offset,
        synchronized=tf.distribute.get_strategy().num_replicas_in_sync > 1,
        name=name,
    )


def set_norm_momentum(network, momentum):
    """Sets the momentum of all BatchNorms of a network: the weight of the past in the statistics that they keep."""
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = momentum


def prelu(channel_slopes=True):
    """PReLU for (B, H, W, C), its slopes starting at 0.25: one a channel, or one for the layer."""
    shared_axes = [1, 2] if channel_slopes else [1, 2, 3]
    return layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25), shared_axes=shared_axes)


def leaky_relu():
    """LeakyReLU with the released code's slope."""
    return keras.layers.LeakyReLU(negative_slope=LEAKY_SLOPE)


def down_conv(filters, use_bias=False):
    """4x4 convolution that halves H and W."""
    return Conv2D(
        filters, KERNEL, strides=STRIDE, padding="same", use_bias=use_bias, kernel_initializer=_conv_initializer()
    )


def up_conv(filters, bias=None):
    """4x4 transposed convolution that doubles H and W; `bias` initializes one, None leaves it out."""
    return Conv2DTranspose(
        filters,
        KERNEL,
        strides=STRIDE,
        padding="same",
        use_bias=bias is not None,
        bias_initializer=bias or "zeros",
        kernel_initializer=_conv_initializer(),
    )


def network(inputs, outputs, name):
    """Returns a model whose outputs are float32, whatever the precision of its layers: losses are taken of them."""
    whole = [x if x.dtype == "float32" else keras.layers.Activation("linear", dtype="float32")(x) for x in outputs]
    return keras.Model(inputs, whole if len(whole) > 1 else whole[0], name=name)


def channel_values(values):
    """Returns an initializer of (C,) weights with one given value a channel."""

    def initialize(shape, dtype=None):
        return tf.constant(values, dtype, shape)

    return initialize


def _conv_initializer():
    return keras.initializers.RandomNormal(0.0, 0.02)


@keras.saving.register_keras_serializable("icell_tf")
class LogProbability(keras.layers.Layer):
    """log y, no less than -25, which is what a 0 of a one-hot vector becomes."""

    def call(self, y):
        return tf.math.log(tf.maximum(y, tf.exp(tf.cast(MIN_LOG_PROBABILITY, y.dtype))))
