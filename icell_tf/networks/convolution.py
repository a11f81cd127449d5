"""Convolutions of planes, 4x4 pixels and stride 2, as matrix products where images are small and channels many.

For those, oneDNN, which computes TensorFlow's convolutions on a CPU, takes up to five times as long as its own product
of the same numbers. On a GPU and for larger images the layers compute Keras' convolutions.
"""

import keras
import tensorflow as tf

from icell_tf.networks.plain import FastLayer

KERNEL, STRIDE = 4, 2
# Channels of the larger image for each pixel of the smaller one, from which on a product is faster. Measured at 8 to 64
# pixels in float32 and bfloat16. Below, copying the pixels for the product costs more time than the product saves.
CONVOLUTION_RATIO, KERNEL_GRADIENT_RATIO = 16, 8


class Conv4x4(FastLayer):
    """What both layers share: a 4x4 kernel, stride 2, padding "same", and one choice of how they are computed.

    Args:
      filters, use_bias, kernel_initializer, bias_initializer, name, dtype, trainable: Keras'.
      matrix_products: whether small images are computed as matrix products. None: yes on a machine without a
        GPU, which is asked once, when the layer is made.
    """

    fixed = dict(kernel_size=KERNEL, strides=STRIDE, padding="same", data_format="channels_last")
    supported = ("filters", "use_bias", "kernel_initializer", "bias_initializer")

    def __init__(self, *, matrix_products=None, **arguments):
        super().__init__(**arguments)
        gpus = tf.config.list_physical_devices("GPU")
        self.matrix_products = not gpus if matrix_products is None else matrix_products

    def get_config(self):
        return {**super().get_config(), "matrix_products": self.matrix_products}


@keras.saving.register_keras_serializable("icell_tf")
class HalvingConv2D(Conv4x4, keras.layers.Conv2D):
    """A convolution that halves height and width, which must be even. Args: see `Conv4x4`."""

    keras_layer, prefix = keras.layers.Conv2D, "conv2d"

    def build(self, input_shape):
        """Raises: ValueError: if height or width is odd or unknown."""
        if any(side is None or side % STRIDE for side in input_shape[1:3]):
            raise ValueError(f"{self.name} takes images with even sides, but the input's shape is {tuple(input_shape)}")
        super().build(input_shape)

    def convolution_op(self, inputs, kernel):
        """Args: inputs (B, 2h, 2w, C); kernel (4, 4, C, F). Returns: (B, h, w, F)."""
        height, width, channels = inputs.shape[1:]
        h, w = height // STRIDE, width // STRIDE
        if self.matrix_products and _product_is_faster(KERNEL_GRADIENT_RATIO, h, w, channels):
            return halving_convolution(inputs, tf.convert_to_tensor(kernel))
        return super().convolution_op(inputs, kernel)


@keras.saving.register_keras_serializable("icell_tf")
class DoublingConv2DTranspose(Conv4x4, keras.layers.Conv2DTranspose):
    """A transposed convolution that doubles height and width. Args: see `Conv4x4`."""

    keras_layer, prefix = keras.layers.Conv2DTranspose, "conv2d_transpose"

    def call(self, inputs):
        """Args: inputs (B, h, w, F). Returns: (B, 2h, 2w, C)."""
        if not (self.matrix_products and _product_is_faster(KERNEL_GRADIENT_RATIO, *inputs.shape[1:3], self.filters)):
            return super().call(inputs)
        outputs = doubling_convolution(inputs, tf.convert_to_tensor(self.kernel))
        return outputs + tf.convert_to_tensor(self.bias) if self.use_bias else outputs


@tf.custom_gradient
def halving_convolution(x, kernel):
    """The convolution. Args: x (B, 2h, 2w, C); kernel (4, 4, C, F). Returns: (B, h, w, F)."""
    return _halved(x, kernel), lambda upstream: (_doubled(upstream, kernel), _kernel_gradient(x, upstream))


@tf.custom_gradient
def doubling_convolution(y, kernel):
    """The transposed convolution. Args: y (B, h, w, F); kernel (4, 4, C, F). Returns: (B, 2h, 2w, C)."""
    return _doubled(y, kernel), lambda upstream: (_halved(upstream, kernel), _kernel_gradient(upstream, y))


def _halved(x, kernel):
    _, height, width, channels = x.shape
    h, w, filters = height // STRIDE, width // STRIDE, kernel.shape[-1]
    if not _product_is_faster(CONVOLUTION_RATIO, h, w, channels):
        return tf.nn.conv2d(x, kernel, STRIDE, "SAME")
    return tf.reshape(_patches(x) @ tf.reshape(kernel, [-1, filters]), [-1, h, w, filters])


def _doubled(y, kernel):
    _, h, w, filters = y.shape
    channels = kernel.shape[2]
    if not _product_is_faster(CONVOLUTION_RATIO, h, w, channels):
        shape = [tf.shape(y)[0], h * STRIDE, w * STRIDE, channels]
        return tf.nn.conv2d_transpose(y, kernel, shape, STRIDE, "SAME")
    rows, columns = tf.reshape(y, [-1, filters]), tf.reshape(kernel, [-1, filters])
    return _overlap_add(tf.reshape(tf.matmul(rows, columns, transpose_b=True), [-1, h, w, KERNEL, KERNEL, channels]))


def _kernel_gradient(x, y):
    channels, filters = x.shape[-1], y.shape[-1]
    product = tf.matmul(_patches(x), tf.reshape(y, [-1, filters]), transpose_a=True)
    return tf.reshape(product, [KERNEL, KERNEL, channels, filters])


def _patches(x):
    """The 4x4 pixels that each output sees, as the rows of a matrix. Args: (B, 2h, 2w, C). Returns: (B h w, 16 C)."""
    window, strides = [1, KERNEL, KERNEL, 1], [1, STRIDE, STRIDE, 1]
    return tf.reshape(tf.image.extract_patches(x, window, strides, [1] * 4, "SAME"), [-1, KERNEL**2 * x.shape[-1]])


def _overlap_add(patches):
    """Puts patches of 4x4 pixels in their places and adds them where they overlap; the reverse of `_patches`.

    A patch is two by two squares of two by two pixels. The squares of one corner don't overlap; they tile the image.

    Args: (B, h, w, 4, 4, C). Returns: (B, 2h, 2w, C).
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


def _product_is_faster(ratio, h, w, channels):
    """Args: ratio, see above; h, w, of the smaller image; channels, of the larger one."""
    return channels >= ratio * h * w
