"""The parts of the networks: stages, normalization, activations and the two architectures."""

from dataclasses import dataclass

import keras
import tensorflow as tf

from icell_tf.networks.convolution import DoublingConv2DTranspose, HalvingConv2D
from icell_tf.networks.layers import FusedBatchNormalization, OnePassPReLU

IMAGE_SIZES = (32, 64, 128, 256, 512)
MIN_LOG_PROBABILITY = -25.0


@dataclass(frozen=True)
class Architecture:
    """The differences between the paper's Tables S1 to S7 and the authors' released code.

    Attributes:
      output_norm: BatchNorm before the decoder's sigmoid.
      projection_norm: BatchNorm after the decoder's dense layer.
      first_stage_norm: BatchNorm in the image discriminator's first stage.
      dense_head: the image discriminator ends with white noise and a dense layer, not with a convolution.
      channel_slopes: PReLU learns one slope a channel, not one a layer.
      log_probabilities: the conditional decoder's input is log y, which is 0 and -25 for a one-hot vector.
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
    """Returns the filters of each stage; together the stages bring an image to 4x4 pixels.

    Args:
      table: the filters in Table S1 or S4. For more stages the last is repeated.
      image_size: pixels along a side, a power of two from 32 to 512.
      width: multiplier of the filters; every stage has at least 4.
      fewer: number of stages to leave out at the end.

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
    return FusedBatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
        beta_initializer=offset,
        synchronized=tf.distribute.get_strategy().num_replicas_in_sync > 1,
        name=name,
    )


def set_norm_momentum(network, momentum):
    """Sets the momentum of all BatchNorms of a network: the weight of the past in their moving statistics."""
    for layer in network.layers:
        if isinstance(layer, FusedBatchNormalization):
            layer.momentum = momentum


def prelu(channel_slopes=True):
    """PReLU for (B, H, W, C) with one slope a channel, or one for the layer. Slopes start at 0.25."""
    shared_axes = [1, 2] if channel_slopes else [1, 2, 3]
    return OnePassPReLU(alpha_initializer=keras.initializers.Constant(0.25), shared_axes=shared_axes)


def leaky_relu():
    """LeakyReLU with the released code's slope."""
    return keras.layers.LeakyReLU(negative_slope=0.2)


def down_conv(filters, use_bias=False):
    """4x4 convolution that halves H and W."""
    return HalvingConv2D(filters=filters, use_bias=use_bias, kernel_initializer=_conv_initializer())


def up_conv(filters, bias=None):
    """4x4 transposed convolution that doubles H and W. `bias` initializes its bias; None: it has none."""
    return DoublingConv2DTranspose(
        filters=filters,
        use_bias=bias is not None,
        bias_initializer=bias or "zeros",
        kernel_initializer=_conv_initializer(),
    )


def network(inputs, outputs, name):
    """Returns a model with float32 outputs, for the losses, whatever the precision of its layers."""
    outputs = [x if x.dtype == "float32" else keras.layers.Activation("linear", dtype="float32")(x) for x in outputs]
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=name)


def _conv_initializer():
    return keras.initializers.RandomNormal(0.0, 0.02)


@keras.saving.register_keras_serializable("icell_tf")
class LogProbability(keras.layers.Layer):
    """log y, at least -25. A zero of a one-hot vector becomes -25."""

    def call(self, y):
        return tf.math.log(tf.maximum(y, tf.exp(tf.cast(MIN_LOG_PROBABILITY, y.dtype))))
