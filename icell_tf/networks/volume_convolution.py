"""Convolutions of volumes that halve or double them, fast also where the larger volume has few channels.

TensorFlow's 3D convolutions and the gradients of their kernels are as fast on a CPU as its matrix product. The gradient
of the input, which is the transposed convolution, takes three to five times as long where the larger volume has few
channels: the cell's own, at full size. There the voxels of a block, such as 2x2x2, become channels. The kernel is then
2x2x2 with stride 1, and eight times the channels use the processor well.
"""

import math

import keras
import tensorflow as tf

from icell_tf.networks.convolution import KERNEL, STRIDE
from icell_tf.networks.plain import FastLayer
from icell_tf.networks.reduction import as_rows, sum_by_channel

KEPT_KERNEL = 3  # along an axis that is not halved
FEW_CHANNELS = 16  # below, blocks are faster: measured at 2 to 32 channels in float32 and bfloat16
SPATIAL = 3


class VolumeConvolution(FastLayer):
    """What both layers share: kernel 4 along an axis that is halved and 3 along another, padding "same".

    Args:
      strides: along each axis, 2 or 1.
      filters, use_bias, kernel_initializer, bias_initializer, name, dtype, trainable: Keras'.
      blocks: whether volumes of few channels are computed in blocks. None: yes on a machine without a GPU, which is
        asked once, when the layer is made.
    """

    fixed = dict(padding="same", data_format="channels_last")
    supported = ("filters", "strides", "use_bias", "kernel_initializer", "bias_initializer")

    def __init__(self, *, strides, blocks=None, **arguments):
        if len(strides) != SPATIAL or set(strides) - {1, STRIDE}:
            raise ValueError(f"strides is {strides}, but must be 1 or {STRIDE} along each of three axes")
        self.fixed = self.fixed | {"kernel_size": tuple(KERNEL if s == STRIDE else KEPT_KERNEL for s in strides)}
        super().__init__(strides=strides, **arguments)
        gpus = tf.config.list_physical_devices("GPU")
        self.blocks = not gpus if blocks is None else blocks

    def get_config(self):
        return {**super().get_config(), "blocks": self.blocks}


@keras.saving.register_keras_serializable("icell_tf")
class HalvingConv3D(VolumeConvolution, keras.layers.Conv3D):
    """A convolution that halves a volume along some axes. Args: see `VolumeConvolution`."""

    keras_layer, prefix = keras.layers.Conv3D, "conv3d"

    def build(self, input_shape):
        """Raises: ValueError: if a side that is halved is odd or unknown."""
        if any(side is None or side % stride for side, stride in zip(input_shape[1:-1], self.strides, strict=True)):
            raise ValueError(f"{self.name} halves even sides, but the input's shape is {tuple(input_shape)}")
        super().build(input_shape)

    def convolution_op(self, inputs, kernel):
        """Args: inputs (B, D, H, W, C); kernel (kd, kh, kw, C, F). Returns: (B, D / sd, H / sh, W / sw, F)."""
        if self.blocks and inputs.shape[-1] < FEW_CHANNELS:
            return halving_convolution(inputs, tf.convert_to_tensor(kernel))
        return super().convolution_op(inputs, kernel)


@keras.saving.register_keras_serializable("icell_tf")
class DoublingConv3DTranspose(VolumeConvolution, keras.layers.Conv3DTranspose):
    """A transposed convolution that doubles a volume along some axes. Args: see `VolumeConvolution`."""

    keras_layer, prefix = keras.layers.Conv3DTranspose, "conv3d_transpose"

    def call(self, inputs):
        """Args: inputs (B, d, h, w, F). Returns: (B, d * sd, h * sh, w * sw, C)."""
        if not (self.blocks and self.filters < FEW_CHANNELS):
            return super().call(inputs)
        bias = tf.convert_to_tensor(self.bias) if self.use_bias else tf.zeros([self.filters], inputs.dtype)
        return doubling_convolution(inputs, tf.convert_to_tensor(self.kernel), bias)


@tf.custom_gradient
def halving_convolution(x, kernel):
    """The convolution. Args: x (B, D, H, W, C); kernel (kd, kh, kw, C, F). Returns: (B, d, h, w, F)."""
    return _halved(x, kernel), lambda upstream: (_doubled(upstream, kernel), _kernel_gradient(x, upstream, kernel))


@tf.custom_gradient
def doubling_convolution(y, kernel, bias):
    """The transposed convolution. Args: y (B, d, h, w, F); kernel; bias (C,). Returns: (B, D, H, W, C)."""

    def gradient(upstream):
        return (
            _halved(upstream, kernel),
            _kernel_gradient(upstream, y, kernel),
            sum_by_channel(as_rows(upstream), bias.shape[0]),
        )

    return _doubled(y, kernel, bias), gradient


def _strides(kernel):
    return [1, *(STRIDE if side == KERNEL else 1 for side in kernel.shape[:SPATIAL]), 1]


def _halved(x, kernel):
    return tf.nn.conv3d(x, kernel, _strides(kernel), "SAME")


def _kernel_gradient(x, y, kernel):
    return tf.raw_ops.Conv3DBackpropFilterV2(
        input=x, filter_sizes=kernel.shape, out_backprop=y, strides=_strides(kernel), padding="SAME"
    )


def _doubled(y, kernel, bias=None):
    """The transposed convolution, block by block: along an axis that is doubled, a block is two voxels.

    Voxel 2 (i + tap) + place of the padded volume gets what tap 2 tap + place of the kernel makes of y's voxel i.
    """
    *sides, channels, filters = kernel.shape
    places = [2 if side == KERNEL else 1 for side in sides]
    taps = [side // count for side, count in zip(sides, places, strict=True)]
    split = [number for pair in zip(taps, places, strict=True) for number in pair]
    kernel = tf.transpose(tf.reshape(kernel, [*split, channels, filters]), [0, 2, 4, 1, 3, 5, 6, 7])
    kernel = tf.reshape(kernel, [*taps, math.prod(places) * channels, filters])
    grid = [side + tap - 1 for side, tap in zip(y.shape[1:-1], taps, strict=True)]
    blocks = tf.nn.conv3d_transpose(y, kernel, [tf.shape(y)[0], *grid, kernel.shape[-2]], 1, "VALID")
    if bias is not None:
        blocks += tf.tile(bias, [math.prod(places)])
    blocks = tf.transpose(tf.reshape(blocks, [-1, *grid, *places, channels]), [0, 1, 4, 2, 5, 3, 6, 7])
    padded = tf.reshape(blocks, [-1, *(side * count for side, count in zip(grid, places, strict=True)), channels])
    return padded[:, 1:-1, 1:-1, 1:-1]  # "same" pads a voxel on every side
