"""How far a cell is from the training cells by what the classifier says: farther than a threshold, it is unknown.

Sun et al. 2022, Out-of-Distribution Detection with Deep Nearest Neighbors.
"""

import numpy as np
import tensorflow as tf

NEIGHBOUR = 5  # which nearest training cell a distance is to
MOST = 5000  # training cells, so that exports stay small, and so does the memory that a cell's distances take
SMALLEST = 1e-30  # probability, so that its logarithm is finite in float32


def centred_logits(probabilities):
    """Returns the logits behind probabilities of structures, minus their mean: (B, K) float32. Args: (B, K)."""
    logits = tf.math.log(tf.maximum(tf.cast(probabilities, tf.float32), SMALLEST))
    return logits - tf.reduce_mean(logits, axis=1, keepdims=True)


def chosen_logits(probabilities):
    """Returns `centred_logits` of all training cells, or of MOST of them, always the same: an array. Args: (N, K)."""
    rows = np.random.default_rng(0).permutation(len(probabilities))[:MOST]
    return centred_logits(probabilities[np.sort(rows)]).numpy()


def distances(probabilities, logits):
    """Returns each cell's distance to its fifth nearest training cell, (B,).

    Args: probabilities (B, K); the training cells' `centred_logits` (N, K). Of fewer than five the farthest counts.
    """
    # Differences, (B, N, K), and no product of matrices: float32 would lose small distances between large logits.
    squares = tf.square(centred_logits(probabilities)[:, tf.newaxis] - logits)
    nearest = tf.math.top_k(-tf.reduce_sum(squares, axis=-1), min(NEIGHBOUR, len(logits))).values
    return tf.sqrt(-nearest[:, -1])


def judged(probabilities, known):
    """Returns `distance` (B,), and `unknown` (B,) bool, whether it is above the threshold.

    Args: probabilities (B, K), a tensor; `icell_tf.runs.known.Known`.
    """
    distance = distances(probabilities, known.logits)
    return {"distance": distance, "unknown": distance > known.threshold}
