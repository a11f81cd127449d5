"""Keras' BatchNormalization and PReLU in fewer passes over memory."""

import math

import keras
import tensorflow as tf

from icell_tf.networks.plain import FastLayer


@keras.saving.register_keras_serializable("icell_tf")
class FusedBatchNormalization(FastLayer, keras.layers.BatchNormalization):
    """Batch normalization over the last axis, with scale and offset, as one operation forward and one backward.

    Statistics, scale and offset stay float32 where the inputs are bfloat16.

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
            self._update_moving_statistics(outputs.batch_mean, outputs.batch_variance, tf.shape(x))
        return outputs.y if x is inputs else tf.reshape(outputs.y, shape)

    def _update_moving_statistics(self, mean, variance, shape):
        """The operation divides the variance by n - 1 (Bessel's correction). Keras keeps the variance divided by n."""
        n = tf.cast(tf.reduce_prod(shape[:-1]), tf.float32)
        variance *= (n - 1.0) / n
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))


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
        # A product with ones: TensorFlow's reduction over all axes but the last is several times slower.
        products = tf.reshape(blocked * below, [-1, x.shape[-1]])
        if x.dtype == tf.float16:
            products = tf.cast(products, tf.float32)  # sums over pixels leave float16's range
        by_channel = tf.linalg.matmul(tf.ones([1, tf.shape(products)[0]], products.dtype), products)[0]
        by_slope = -by_channel if slopes.shape[0] == x.shape[-1] else -tf.reduce_sum(by_channel, keepdims=True)
        return upstream - correction * blocked, tf.cast(by_slope, slopes.dtype)

    return x + correction * below, gradient
