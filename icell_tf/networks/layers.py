"""Keras' BatchNormalization and PReLU in fewer passes over memory."""

import math

import keras
import tensorflow as tf

from icell_tf.networks.plain import FastLayer
from icell_tf.networks.reduction import as_rows, sum_by_channel

FEW_CHANNELS = 4  # below, oneDNN's batch normalization takes ten times as long: measured at 1 to 64 channels


@keras.saving.register_keras_serializable("icell_tf")
class FusedBatchNormalization(FastLayer, keras.layers.BatchNormalization):
    """Batch normalization over the last axis, with scale and offset, as one operation forward and one backward.

    Statistics, scale and offset stay float32 where the inputs are bfloat16. Images of few channels, such as a decoder's
    output, are computed as rows of all channels of all pixels.

    Args:
      momentum, epsilon, beta_initializer, gamma_initializer, name, dtype, trainable: Keras'.
      synchronized: whether replicas share a batch's statistics, which Keras' own operations then compute.
    """

    keras_layer, prefix = keras.layers.BatchNormalization, "batch_normalization"
    supported = ("momentum", "epsilon", "beta_initializer", "gamma_initializer", "synchronized")

    def call(self, inputs, training=None, mask=None):
        """Args: inputs (..., C). Returns: the same shape. Raises: ValueError: if there is a mask."""
        if mask is not None:
            raise ValueError(f"{self.name} takes no mask: it normalizes all values of a batch")
        if self.synchronized:
            return super().call(inputs, training=training)
        training = bool(training and self.trainable)
        if inputs.shape.rank > 2 and inputs.shape[-1] < FEW_CHANNELS:
            return self._normalize_few_channels(inputs, training)
        shape = tf.shape(inputs)
        x = inputs
        if inputs.shape.rank != 4:  # the operation takes (B, H, W, C)
            x = tf.reshape(inputs, [-1, math.prod(inputs.shape[1:-1]), 1, inputs.shape[-1]])
        statistics = [tf.zeros([0])] * 2 if training else [self.moving_mean, self.moving_variance]
        mean, variance, scale, offset = map(tf.convert_to_tensor, [*statistics, self.gamma, self.beta])
        outputs = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=self.epsilon, is_training=training
        )
        if training:
            # The operation divides the variance by n - 1 (Bessel's correction). Keras keeps the variance divided by n.
            n = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), tf.float32)
            self._update_moving_statistics(outputs.batch_mean, outputs.batch_variance * ((n - 1.0) / n))
        return outputs.y if x is inputs else tf.reshape(outputs.y, shape)

    def _normalize_few_channels(self, inputs, training):
        scale, offset = map(tf.convert_to_tensor, [self.gamma, self.beta])
        if not training:
            statistics = map(tf.convert_to_tensor, [self.moving_mean, self.moving_variance])
            return normalize(inputs, *statistics, scale, offset, self.epsilon)
        outputs, mean, variance = normalize_batch(inputs, scale, offset, self.epsilon)
        self._update_moving_statistics(mean, variance)
        return outputs

    def _update_moving_statistics(self, mean, variance):
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))


def normalize(x, mean, variance, scale, offset, epsilon):
    """Batch normalization with given statistics. Args: x (B, ..., W, C); the others (C,), float32. Returns: as x."""
    slope = scale * tf.math.rsqrt(variance + epsilon)
    rows, width = _rows(x), x.shape[-2]
    return _as(x, rows * tf.tile(slope, [width]) + tf.tile(offset - mean * slope, [width]))


def normalize_batch(x, scale, offset, epsilon):
    """Batch normalization with the statistics of the batch.

    Args: x (B, ..., W, C); scale, offset (C,), float32. Returns: as x; mean and variance, (C,), which have no gradient.
    """
    rows = tf.stop_gradient(_rows(x))
    mean = _mean_by_channel(rows, x.shape[-1])
    variance = _mean_by_channel(tf.square(rows - tf.tile(mean, [x.shape[-2]])), x.shape[-1])

    @tf.custom_gradient
    def normalized(x, scale, offset):
        def gradient(upstream):
            above, width = _rows(upstream), x.shape[-2]
            reciprocal = tf.math.rsqrt(variance + epsilon)
            standard = (_rows(x) - tf.tile(mean, [width])) * tf.tile(reciprocal, [width])
            by_offset, by_scale = (_mean_by_channel(each, x.shape[-1]) for each in (above, above * standard))
            left = above - standard * tf.tile(by_scale, [width]) - tf.tile(by_offset, [width])
            count = tf.cast(tf.size(x) / x.shape[-1], tf.float32)
            return _as(x, left * tf.tile(scale * reciprocal, [width])), count * by_scale, count * by_offset

        return normalize(x, mean, variance, scale, offset, epsilon), gradient

    return normalized(x, scale, offset), mean, variance


def _rows(x):
    return as_rows(tf.cast(x, tf.float32))


def _as(x, rows):
    return tf.cast(tf.reshape(rows, tf.shape(x)), x.dtype)


def _mean_by_channel(rows, channels):
    return sum_by_channel(rows, channels) / tf.cast(tf.size(rows) / channels, tf.float32)


@keras.saving.register_keras_serializable("icell_tf")
class OnePassPReLU(FastLayer, keras.layers.PReLU):
    """PReLU for images, (B, H, W, C) or (B, D, H, W, C), with a gradient that keeps and reads one tensor.

    Args:
      alpha_initializer, name, dtype, trainable: Keras'.
      shared_axes: of (B, H, W, C), [1, 2] for one slope a channel, [1, 2, 3] for one slope; of volumes, one axis more.

    Raises: ValueError: if shared_axes are others; when it is built, if they are not those of such images.
    """

    keras_layer, prefix = keras.layers.PReLU, "p_re_lu"
    supported = ("alpha_initializer", "shared_axes")

    def __init__(self, *, shared_axes=(1, 2), **arguments):
        if list(shared_axes) not in ([1, 2], [1, 2, 3], [1, 2, 3, 4]):
            raise ValueError(f"shared_axes is {shared_axes}, but must be [1, 2], [1, 2, 3] or [1, 2, 3, 4]")
        super().__init__(shared_axes=shared_axes, **arguments)

    def build(self, input_shape):
        axes = len(input_shape)
        if axes not in (4, 5) or len(self.shared_axes) not in (axes - 2, axes - 1):
            raise ValueError(
                f"{self.name} shares slopes along axes {list(self.shared_axes)} of images, but the input's shape is "
                f"{tuple(input_shape)}"
            )
        super().build(input_shape)

    def call(self, inputs):
        return prelu(inputs, tf.reshape(tf.convert_to_tensor(self.alpha), [-1]))


@tf.custom_gradient
def prelu(x, slopes):
    """PReLU. Args: x, (..., C); slopes, (C,) or (1,). Returns: x where it is above 0, slopes * x elsewhere."""
    below = tf.nn.relu(-x)
    correction = 1.0 - slopes

    def gradient(upstream):
        blocked = tf.raw_ops.ReluGrad(gradients=upstream, features=below)  # upstream where x is below 0
        products = as_rows(blocked * below)
        if x.dtype == tf.float16:
            products = tf.cast(products, tf.float32)  # sums over pixels leave float16's range
        by_channel = sum_by_channel(products, x.shape[-1])
        by_slope = -by_channel if slopes.shape[0] == x.shape[-1] else -tf.reduce_sum(by_channel, keepdims=True)
        return upstream - correction * blocked, tf.cast(by_slope, slopes.dtype)

    return x + correction * below, gradient
