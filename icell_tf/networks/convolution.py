"""Convolutions of 4x4 pixels and stride 2, as products of matrices where images are small and channels many.

There oneDNN, which computes TensorFlow's convolutions on a CPU, is up to five times slower than its own product of the
same numbers. The layers bear Keras' names, because Keras files weights under a layer's class, and are Keras' elsewhere.
"""

import keras
import tensorflow as tf

KERNEL, STRIDE = 4, 2
# Channels of the larger image for each pixel of the smaller one, from which on a product is faster. Measured at 8 to 64
# pixels in float32 and bfloat16: below, copying the pixels that each product takes costs more than it saves.
CONVOLUTION_PAYS, KERNEL_GRADIENT_PAYS = 16, 8


@keras.saving.register_keras_serializable("icell_tf")
class Conv2D(keras.layers.Conv2D):
    """Keras' Conv2D with a 4x4 kernel and stride 2."""

    def convolution_op(self, inputs, kernel):
        """Args: inputs (B, 2h, 2w, C); kernel (4, 4, C, F). Returns: (B, h, w, F)."""
        height, width, channels = inputs.shape[1:]
        if _on_gpu() or not _pays(KERNEL_GRADIENT_PAYS, height // STRIDE, width // STRIDE, channels):
            return super().convolution_op(inputs, kernel)
        return halved(inputs, tf.convert_to_tensor(kernel))


@keras.saving.register_keras_serializable("icell_tf")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Keras' Conv2DTranspose with a 4x4 kernel and stride 2."""

    def call(self, inputs):
        """Args: inputs (B, h, w, F). Returns: (B, 2h, 2w, C)."""
        if _on_gpu() or not _pays(KERNEL_GRADIENT_PAYS, *inputs.shape[1:3], self.filters):
            return super().call(inputs)
        outputs = doubled(inputs, tf.convert_to_tensor(self.kernel))
        return outputs + tf.convert_to_tensor(self.bias) if self.use_bias else outputs


@tf.custom_gradient
def halved(x, kernel):
    """The convolution. Args: x (B, 2h, 2w, C); kernel (4, 4, C, F). Returns: (B, h, w, F)."""

    def gradient(upstream):
        return _doubled(upstream, kernel), _kernel_gradient(x, upstream)

    return _halved(x, kernel), gradient


@tf.custom_gradient
def doubled(h, kernel):
    """The transposed convolution, which is `halved`'s gradient. Args: h (B, h, w, F); kernel (4, 4, C, F)."""

    def gradient(upstream):
        return _halved(upstream, kernel), _kernel_gradient(upstream, h)

    return _doubled(h, kernel), gradient


def _halved(x, kernel):
    _, height, width, channels = x.shape
    h, w, filters = height // STRIDE, width // STRIDE, kernel.shape[-1]
    if not _pays(CONVOLUTION_PAYS, h, w, channels):
        return tf.nn.conv2d(x, kernel, STRIDE, "SAME")
    return tf.reshape(_patches(x) @ tf.reshape(kernel, [-1, filters]), [-1, h, w, filters])


def _doubled(y, kernel):
    _, h, w, filters = y.shape
    channels = kernel.shape[2]
    if not _pays(CONVOLUTION_PAYS, h, w, channels):
        shape = [tf.shape(y)[0], h * STRIDE, w * STRIDE, channels]
        return tf.nn.conv2d_transpose(y, kernel, shape, STRIDE, "SAME")
    rows, columns = tf.reshape(y, [-1, filters]), tf.reshape(kernel, [-1, filters])
    return _added(tf.reshape(tf.matmul(rows, columns, transpose_b=True), [-1, h, w, KERNEL, KERNEL, channels]))


def _kernel_gradient(x, y):
    channels, filters = x.shape[-1], y.shape[-1]
    product = tf.matmul(_patches(x), tf.reshape(y, [-1, filters]), transpose_a=True)
    return tf.reshape(product, [KERNEL, KERNEL, channels, filters])


def _patches(x):
    """The 4x4 pixels that each output sees, as the rows of a matrix. Args: (B, 2h, 2w, C). Returns: (B h w, 16 C)."""
    window, strides = [1, KERNEL, KERNEL, 1], [1, STRIDE, STRIDE, 1]
    return tf.reshape(tf.image.extract_patches(x, window, strides, [1] * 4, "SAME"), [-1, KERNEL**2 * x.shape[-1]])


def _added(patches):
    """Puts 4x4 pixels where they belong, adding where they overlap. Args: (B, h, w, 4, 4, C). Returns: (B, 2h, 2w, C).

    A patch is two by two squares of two by two pixels. Those of one corner don't overlap, and tile the image.
    """
    _, h, w, _, _, channels = patches.shape
    squares = tf.reshape(patches, [-1, h, w, 2, 2, 2, 2, channels])
    squares = tf.transpose(squares, [0, 3, 5, 1, 4, 2, 6, 7])  # (B, down, right, h, 2, w, 2, C)
    corners = [
        tf.pad(squares[:, down, right], [[0, 0], [down, 1 - down], [0, 0], [right, 1 - right], [0, 0], [0, 0]])
        for down in (0, 1)
        for right in (0, 1)
    ]
    framed = tf.reshape(tf.add_n(corners), [-1, STRIDE * (h + 1), STRIDE * (w + 1), channels])
    return framed[:, 1:-1, 1:-1]  # "same" pads a pixel on every side


def _pays(least, h, w, channels):
    """Args: h, w, of the smaller image; channels, of the larger one."""
    return channels >= least * h * w


def _on_gpu():
    return bool(tf.config.list_physical_devices("GPU"))
