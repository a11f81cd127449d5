"""The parts of the networks: stages, normalization and activations."""

import keras
import tensorflow as tf

from icell_tf.networks.convolution import KERNEL, STRIDE, DoublingConv2DTranspose, HalvingConv2D
from icell_tf.networks.layers import FusedBatchNormalization, OnePassPReLU
from icell_tf.networks.volume_convolution import KEPT_KERNEL, DoublingConv3DTranspose, HalvingConv3D
from icell_tf.spec import SIDES, require_halvable

MIN_LOG_PROBABILITY = -25.0
BOTTOM = SIDES[0]  # pixels along each axis of the smallest image; an axis that has reached them is no longer halved
CONVOLUTIONS = {2: keras.layers.Conv2D, 3: keras.layers.Conv3D}  # by the number of spatial axes
MEANS = {2: keras.layers.GlobalAveragePooling2D, 3: keras.layers.GlobalAveragePooling3D}


def stage_widths(table, shape, width, fewer=0):
    """Returns the filters of each stage; together the stages bring the image's longest side to 4 pixels.

    Args:
      table: the filters in Table S1 or S4. For more stages the last is repeated.
      shape: pixels along each axis, as in `spec.CellSpec`.
      width: multiplier of the filters; every stage has at least 4.
      fewer: number of stages to leave out at the end.

    Raises: ValueError: if the networks don't take images of this shape.
    """
    require_halvable(shape)
    count = max(shape).bit_length() - BOTTOM.bit_length() - fewer
    return [max(4, int(filters * width)) for filters in (table + table[-1:] * count)[:count]]


def halved(shape):
    """Returns the shape of an image (pixels along each axis) behind a stage, which halves each axis that is above 4."""
    return tuple(side // stride for side, stride in zip(shape, _strides(shape), strict=True))


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


def prelu(rank, channel_slopes=True):
    """PReLU for images with `rank` spatial axes: one slope a channel, or one for the layer. Slopes start at 0.25."""
    shared_axes = list(range(1, rank + (1 if channel_slopes else 2)))
    return OnePassPReLU(alpha_initializer=keras.initializers.Constant(0.25), shared_axes=shared_axes)


def leaky_relu():
    """LeakyReLU with the released code's slope."""
    return keras.layers.LeakyReLU(negative_slope=0.2)


def down_conv(filters, shape, use_bias=False, initializer=None):
    """Convolution from images (B, *shape, C) to (B, *halved(shape), filters).

    `initializer` makes its kernel; None: a normal distribution with a standard deviation of 0.02.
    """
    use = dict(filters=filters, use_bias=use_bias, kernel_initializer=initializer)
    return _convolution(HalvingConv2D, keras.layers.Conv2D, HalvingConv3D, shape, **use)


def up_conv(filters, shape, bias=None, initializer=None):
    """Transposed convolution from (B, *halved(shape), C) to (B, *shape, filters).

    `bias` initializes its bias; None: it has none. `initializer`: as of `down_conv`.
    """
    use = dict(use_bias=bias is not None, bias_initializer=bias or "zeros", kernel_initializer=initializer)
    layers = DoublingConv2DTranspose, keras.layers.Conv2DTranspose, DoublingConv3DTranspose
    return _convolution(*layers, shape, filters=filters, **use)


def network(inputs, outputs, name):
    """Returns a model with float32 outputs, for the losses, whatever the precision of its layers.

    Args: inputs, outputs: one tensor, or several by name.
    """

    def as_float32(x):
        return x if x.dtype == "float32" else keras.layers.Activation("linear", dtype="float32")(x)

    return keras.Model(inputs, keras.tree.map_structure(as_float32, outputs), name=name)


def _strides(shape):
    return tuple(STRIDE if side > BOTTOM else 1 for side in shape)


def _convolution(fast, plain, of_volumes, shape, kernel_initializer=None, **arguments):
    """A fast layer, except for planes that are halved along one axis alone: these have Keras' own."""
    strides = _strides(shape)
    arguments["kernel_initializer"] = kernel_initializer or keras.initializers.RandomNormal(0.0, 0.02)
    if len(shape) == 3:
        return of_volumes(strides=strides, **arguments)
    if strides == (STRIDE, STRIDE):
        return fast(**arguments)
    kernel_size = tuple(KERNEL if stride == STRIDE else KEPT_KERNEL for stride in strides)
    return plain(kernel_size=kernel_size, strides=strides, padding="same", data_format="channels_last", **arguments)


@keras.saving.register_keras_serializable("icell_tf")
class LogProbability(keras.layers.Layer):
    """log y, at least -25. A zero of a one-hot vector becomes -25."""

    def call(self, y):
        return tf.math.log(tf.maximum(y, tf.exp(tf.cast(MIN_LOG_PROBABILITY, y.dtype))))
