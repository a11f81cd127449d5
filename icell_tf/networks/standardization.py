"""Codes z_s that say nothing of structure and shape in their means, variances and covariances. Not of the paper."""

import keras
import numpy as np
import tensorflow as tf

LEAST = 1e-4  # variance along any direction, as a share of the mean variance


@keras.saving.register_keras_serializable("icell_tf")
class Standardization(keras.layers.Layer):
    """Takes codes z_s to mean 0 and covariance I in each structure, without correlation with z_r; or back.

    It is affine: (z_s - offset of y - slope z_r) times a symmetric matrix of y. In training it passes codes on as they
    are, and before `fit_standardization` it does so anyway.

    Args: inverse, whether it takes standardized codes back.
    """

    def __init__(self, inverse=False, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.inverse = inverse

    def build(self, input_shape):
        (_, size), (_, structures), (_, of_shape) = input_shape
        fixed = dict(trainable=False, initializer="zeros")
        self.offset = self.add_weight(name="offset", shape=(structures, size), **fixed)
        self.slope = self.add_weight(name="slope", shape=(of_shape, size), **fixed)
        self.scale = self.add_weight(name="scale", shape=(structures, size, size), **fixed | {"initializer": _identity})

    def call(self, inputs, training=False):
        """Args: z_s (B, Z), y (B, K) probabilities or one-hot, z_r (B, Z). Returns: (B, Z)."""
        z_s, y, z_r = inputs
        if training:
            return z_s
        offset, slope, scale = map(tf.convert_to_tensor, (self.offset, self.slope, self.scale))
        expected = tf.matmul(y, offset) + tf.matmul(z_r, slope)
        scale = tf.einsum("bk,kij->bij", y, scale)
        if self.inverse:
            return tf.einsum("bi,bij->bj", z_s, scale) + expected
        return tf.einsum("bi,bij->bj", z_s - expected, scale)

    def reset(self):
        """Passes codes on as they are."""
        structures, size = self.offset.shape
        self.set_weights([np.zeros(self.offset.shape), np.zeros(self.slope.shape), _identity((structures, size, size))])

    def get_config(self):
        return {**super().get_config(), "inverse": self.inverse}


def standardizations(*networks):
    """Returns the `Standardization` layers of networks, or of layers; none of the paper's."""
    layers = (layer for network in networks for layer in getattr(network, "layers", [network]))
    return [layer for layer in layers if isinstance(layer, Standardization)]


def fit_standardization(z_s, z_r, y, structures):
    """Fits what a `Standardization` does to the training cells' codes.

    A structure's covariance is estimated with that of all structures, as if Z cells of each more were known: of few
    cells it would not be known.

    Args: z_s, z_r (N, Z) each; y (N,) integers; structures, K.

    Returns: {False: the weights of the layer, True: those of its inverse}.
    """
    size, known = z_s.shape[-1], y[:, None] == np.arange(structures)  # (N, K)
    counts = known.sum(axis=0)
    z_s, z_r = z_s.astype(np.float64), z_r.astype(np.float64)
    means, of_shape = (known.T @ z / np.maximum(counts, 1)[:, None] for z in (z_s, z_r))
    varying, shapes = z_s - means[y], z_r - of_shape[y]
    slope = np.linalg.solve(shapes.T @ shapes + size * np.eye(z_r.shape[-1]), shapes.T @ varying)
    residual = varying - shapes @ slope
    pooled = residual.T @ residual / len(y)
    scales = {False: [], True: []}
    for k in range(structures):
        of_structure = residual[y == k]
        covariance = (of_structure.T @ of_structure + size * pooled) / (counts[k] + size)
        variances, axes = np.linalg.eigh(covariance)
        variances = np.maximum(variances, LEAST * max(variances.mean(), LEAST))
        scales[False].append(axes * variances**-0.5 @ axes.T)
        scales[True].append(axes * variances**0.5 @ axes.T)
    found = counts > 0
    offset = means - of_shape @ slope
    offset = np.where(found[:, None], offset, offset[found].mean(axis=0))
    return {inverse: [offset, slope, np.stack(scale)] for inverse, scale in scales.items()}


def _identity(shape, dtype=None):
    """Identity matrices, as an initializer of Keras. Args: (K, Z, Z). Returns: NumPy."""
    return np.broadcast_to(np.eye(shape[-1], dtype="float32"), shape).copy()
