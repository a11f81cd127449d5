"""Cells at chosen codes: what the decoders make of any point of latent space, and of grids through it."""

import numpy as np
import tensorflow as tf

from icell_tf.inference.integrator import DECODER_BATCH

DEVIATIONS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # of the prior N(0, I), Figures S4(b) and S5(b)


def decode(dec_rs, y, z_r, z_s):
    """Decodes cells with a structure (eq. 12).

    Args:
      dec_rs: the conditional decoder, [y, z_r, z_s] -> logits.
      y: (N, K) probabilities of the structures, or one-hot.
      z_r, z_s: (N, Z). Any of the three may have one row, which then holds for all.

    Returns: x_rs_hat, (N, H, W, 3) float32 in [0, 1].
    """
    given = [np.atleast_2d(np.asarray(part, np.float32)) for part in (y, z_r, z_s)]
    count = max(len(part) for part in given)
    return _in_batches(dec_rs, *(np.broadcast_to(part, (count, part.shape[-1])) for part in given))


def decode_reference(dec_r, z_r):
    """Decodes cell and nuclear shapes (eq. 2): z_r (N, Z) -> x_r_hat (N, H, W, 2) float32 in [0, 1]."""
    return _in_batches(dec_r, np.atleast_2d(np.asarray(z_r, np.float32)))


def grid_codes(center, dimensions=(0, 1), values=DEVIATIONS):
    """Returns the codes of a grid through latent space along two dimensions, as a plot of the two has them.

    Args:
      center: (Z,), what the other dimensions stay at.
      dimensions: the horizontal and the vertical one, counted from 0.
      values: n positions along both.

    Returns: (n, n, Z) float32, rows from the largest vertical value down, columns from the first horizontal one.
    Raises: ValueError: if the dimensions are one, or not all of the code's.
    """
    center, values = np.asarray(center, np.float32), np.asarray(values, np.float32)
    horizontal, vertical = dimensions
    if horizontal == vertical or not all(0 <= d < len(center) for d in dimensions):
        raise ValueError(f"dimensions are {dimensions}, but have to be two of 0 to {len(center) - 1}")
    codes = np.tile(center, (len(values), len(values), 1))
    codes[..., horizontal] = values[None, :]
    codes[..., vertical] = np.sort(values)[::-1, None]
    return codes


def _in_batches(decoder, *inputs):
    parts = []
    for start in range(0, len(inputs[0]), DECODER_BATCH):
        some = [given[start : start + DECODER_BATCH] for given in inputs]
        logits = decoder(some if len(some) > 1 else some[0], training=False)
        parts.append(tf.sigmoid(tf.cast(logits, tf.float32)).numpy())
    return np.concatenate(parts)
