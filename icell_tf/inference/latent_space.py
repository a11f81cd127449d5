"""Points of latent space: grids, walks along a dimension, ways between two codes, and shapes decoded at codes."""

import numpy as np
import tensorflow as tf

from icell_tf.inference.integrator import DECODER_BATCH
from icell_tf.spec import at_once

DEVIATIONS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # of the prior N(0, I), Figures S4(b) and S5(b)
PARALLEL = 1e-3  # radians between two codes, or between one and the other's opposite, below which no arc is defined


def decode_reference(dec_r, z_r):
    """Decodes cell and nuclear shapes (eq. 2).

    Args: the decoder of phase 1, z_r -> logits; z_r, (N, Z) or (Z,). Returns: x_r_hat, (N, ..., R) float32 in [0, 1].
    """
    z_r = np.atleast_2d(np.asarray(z_r, np.float32))
    size = at_once(DECODER_BATCH, dec_r.output_shape[1:-1])
    batches = [z_r[i : i + size] for i in range(0, len(z_r), size)]
    return np.concatenate([tf.sigmoid(tf.cast(dec_r(z, training=False), tf.float32)).numpy() for z in batches])


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


def along(center, dimension, values):
    """Returns the codes of a walk along one dimension, (n, Z): `center` (Z,) with that dimension at n values."""
    codes = np.tile(np.asarray(center, np.float32), (len(values), 1))
    codes[:, dimension] = values
    return codes


def slerp(start, end, shares):
    """Interpolates along the great circle between two codes (Shoemake 1985; for latent codes, White 2016).

    Draws of N(0, I) in Z dimensions lie near the sphere of radius sqrt(Z). The straight line between two of them runs
    inside it, past codes that the decoder has hardly seen; this stays as far out as its ends. Codes that point the same
    way, or opposite ways, have no such circle, and neither has 0: between those it is the straight line.

    Args: two codes, (Z,); shares of the way, (n,), 0 to 1. Returns: (n, Z) float32, `start` at 0 and `end` at 1.
    """
    start, end, t = np.asarray(start, float), np.asarray(end, float), np.asarray(shares, float)[:, None]
    lengths = np.linalg.norm(start) * np.linalg.norm(end)
    angle = np.arccos(np.clip(start @ end / lengths, -1, 1)) if lengths > 0 else 0.0
    if min(angle, np.pi - angle) < PARALLEL:
        return linear(start, end, shares)
    codes = (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)
    return codes.astype(np.float32)


def linear(start, end, shares):
    """Interpolates along the straight line between two codes; see `slerp`."""
    t = np.asarray(shares, float)[:, None]
    return ((1 - t) * np.asarray(start, float) + t * np.asarray(end, float)).astype(np.float32)


PATHS = {"slerp": slerp, "linear": linear}
