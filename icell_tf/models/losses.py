"""The losses and objectives of the paper. Each equation is one function, which returns one value per example.

Networks return logits, so losses take logits. The batch is averaged in one place, by `batch_mean` in
icell_tf/models/adversarial_model.py.
"""

import math

import tensorflow as tf

from icell_tf.spec import image_axes


def total(*terms):
    """The sum of the terms of an objective, added in their order.

    TensorFlow makes one operation of a + b + c. It starts with a term whose memory no other operation needs any more.
    Which one that is depends on the threads, and with it the last bits of the sum.

    Args: (B,) each. Returns: (B,).
    """
    return tf.reduce_sum(tf.stack(terms), axis=0)


def reconstruction_loss(logits, x):
    """Eq. 4, for eq. 3 and 13: H(x_hat, x), the mean binary cross-entropy over pixels and channels.

    Args:
      logits: (B, ..., C); their sigmoid is the reconstruction x_hat.
      x: (B, ..., C), observed intensities in [0, 1].

    Returns: (B,), at least the entropy of x, which is above 0 unless all pixels are 0 or 1. It has a gradient by the
      logits alone, which keeps no other image than these two.
    """
    return _cross_entropy(logits, tf.stop_gradient(x))


@tf.custom_gradient
def _cross_entropy(logits, x):
    def gradient(upstream):
        share = tf.reshape(upstream / math.prod(x.shape[1:]), [-1] + [1] * (len(x.shape) - 1))  # of a pixel
        return share * (tf.sigmoid(logits) - x), None

    return tf.reduce_mean(tf.nn.softplus(logits) - logits * x, axis=image_axes(x)), gradient


def binary_loss(logits, label):
    """Eq. 4: H(sigmoid(logits), label) for the output of a discriminator. Args: (B, 1); 0.0 or 1.0. Returns: (B,)."""
    labels = tf.fill(tf.shape(logits), tf.cast(label, logits.dtype))
    return tf.squeeze(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits), axis=-1)


def latent_discriminator_loss(prior_logits, encoded_logits):
    """Eq. 5 and 11: H(EncD(z_prior), 1) + H(EncD(z), 0). Args: logits, (B, 1) each. Returns: (B,)."""
    return binary_loss(prior_logits, 1.0) + binary_loss(encoded_logits, 0.0)


def image_discriminator_loss(observed_logits, generated_logits):
    """Eq. 6: H(DecD(x), 1) + H(DecD(x_gen), 0). Args: logits, (B, 1) each. Returns: (B,)."""
    return binary_loss(observed_logits, 1.0) + binary_loss(generated_logits, 0.0)


def reference_code_loss(z_r, z_r_hat):
    """Eq. 8: the mean squared error of the estimated reference code. Args: (B, Z) each. Returns: (B,)."""
    return tf.reduce_mean(tf.square(z_r - z_r_hat), axis=-1)


def class_loss(logits, y):
    """Eq. 10 with 9: -LogSoftMax(y_hat, y). Args: logits (B, K); y (B,), integers from 0. Returns: (B,)."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)


def class_discriminator_loss(observed_logits, generated_logits, y):
    """Eq. 14: observed images belong to class y, generated images to class K, "generated".

    Args: logits, (B, K + 1) each; y (B,), integers in [0, K). Returns: (B,).
    """
    generated = tf.fill(tf.shape(y), tf.cast(observed_logits.shape[-1] - 1, y.dtype))
    return class_loss(observed_logits, y) + class_loss(generated_logits, generated)


def passed_as_prior_loss(encoded_logits):
    """The encoder's adversarial term of eq. 15 and 17: H(EncD(z), 1). Args: (B, 1). Returns: (B,)."""
    return binary_loss(encoded_logits, 1.0)


def passed_as_observed_loss(generated_logits, reconstructed_logits):
    """The decoder's adversarial term of eq. 16: H(DecD(x_gen), 1) + H(DecD(x_hat), 1). Args: (B, 1). Returns: (B,)."""
    return binary_loss(generated_logits, 1.0) + binary_loss(reconstructed_logits, 1.0)


def passed_as_class_loss(generated_logits, reconstructed_logits, y):
    """The decoder's adversarial term of eq. 18: x_gen and x_hat classified as y.

    Args: logits, (B, K + 1) each; y (B,), integers in [0, K). Returns: (B,).
    """
    return class_loss(generated_logits, y) + class_loss(reconstructed_logits, y)


def prior_discrepancy(z):
    """The squared maximum mean discrepancy between codes and N(0, I), unbiased up to a constant; see docs/paper.md.

    The kernel is exp(-|a - b|^2 / 2 v), and the result is the mean over the widths v of Z/4, Z/2 and Z. The expectation
    over the prior is known in closed form, so no draws from the prior add noise.

    Args: z (B, Z). Returns: (B,), whose mean is the discrepancy.
    """
    kernel, with_prior, _ = _kernel(z)
    others = tf.cast(tf.maximum(tf.shape(z)[0] - 1, 1), z.dtype)  # a last batch may have one cell, compared with none
    return (tf.reduce_sum(kernel, axis=-1) - 1.0) / others - 2.0 * with_prior


def dependence(z_s, z_r, y, structures):
    """What codes z_s tell about the structure and the shape of their cell, beside a distance from N(0, I).

    The kernel is that of `prior_discrepancy`, less its expectation over the prior on either side: k'(a, b) = k(a, b)
    - E k(a, z') - E k(z, b) + E k(z, z'). The result is the mean of k'(z_s, z_s') (K [y = y'] + z_r . z_r') over pairs
    of different cells. Its first part is the squared maximum mean discrepancy from the prior of the codes of each
    structure, for equally frequent ones their mean; its second the squared covariance of the dimensions of z_r with
    the codes' features in the kernel's space. Both expect 0 from codes that follow the prior in every structure and
    shape.

    Args:
      z_s, z_r: (B, Z) each; z_r with mean 0.
      y: (B,), integers in [0, K).
      structures: K.

    Returns: (B,), whose mean is the dependence, unbiased.
    """
    kernel, with_prior, of_prior = _kernel(z_s)
    centred = kernel - (with_prior[:, None] + with_prior[None]) + of_prior
    alike = structures * tf.cast(y[:, None] == y[None], z_s.dtype) + tf.matmul(z_r, z_r, transpose_b=True)
    pairs = tf.linalg.set_diag(centred * alike, tf.zeros_like(with_prior))
    return tf.reduce_sum(pairs, axis=-1) / tf.cast(tf.maximum(tf.shape(z_s)[0] - 1, 1), z_s.dtype)


def _kernel(z):
    """The kernel of `prior_discrepancy` between codes, and its expectations over the prior on one side and on both.

    Args: (B, Z). Returns: (B, B), (B,) and a number.
    """
    dimensions = z.shape[-1]
    squares = tf.reduce_sum(tf.square(z), axis=-1)  # (B,)
    between = squares[:, None] + squares[None] - 2.0 * tf.matmul(z, z, transpose_b=True)
    widths = (dimensions / 4, dimensions / 2, dimensions)
    kernels = [tf.exp(-between / (2 * v)) for v in widths]
    with_prior = [(v / (v + 1)) ** (dimensions / 2) * tf.exp(-squares / (2 * (v + 1))) for v in widths]
    of_prior = [(v / (v + 2)) ** (dimensions / 2) for v in widths]
    return tuple(tf.reduce_mean(tf.stack(values), axis=0) for values in (kernels, with_prior, of_prior))


def reference_encoder_objective(reconstruction, passed_as_prior, gamma_enc):
    """Eq. 15: L_x + gamma_enc L_EncD. Args: (B,) each; weight. Returns: (B,)."""
    return reconstruction + gamma_enc * passed_as_prior


def reference_decoder_objective(reconstruction, passed_as_observed, gamma_dec):
    """Eq. 16: L_x + gamma_dec L_DecD. Args: (B,) each; weight. Returns: (B,)."""
    return reconstruction + gamma_dec * passed_as_observed


def conditional_encoder_objective(reconstruction, reference_code, classification, passed_as_prior, gamma_enc):
    """Eq. 17: L_x + L_z_r + L_y + gamma_enc L_EncD. Args: (B,) each; weight. Returns: (B,)."""
    return total(reconstruction, reference_code, classification, gamma_enc * passed_as_prior)


def conditional_decoder_objective(reconstruction, passed_as_class, gamma_dec):
    """Eq. 18: L_x + gamma_dec L_DecD. Args: (B,) each; weight. Returns: (B,)."""
    return reconstruction + gamma_dec * passed_as_class
