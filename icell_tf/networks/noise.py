"""Normal draws of a training step as a function of seed and step, so that a resumed run draws what it would have."""

import contextlib
import threading

import keras
import tensorflow as tf

STEPS, SEEDS = 2**40, 2**32  # numbers below these leave the rest of a key's two words to replica and draw
_step = threading.local()  # a replica is traced in a thread of its own


@contextlib.contextmanager
def drawn_from(seed, step):
    """Within, `normal` depends on the seed, the step, the replica and the order of the calls, and on nothing else.

    Philox, because on a CPU it costs no more than draws that carry a state.

    Args:
      seed: of the run, an integer from 0 to 2^31 - 1.
      step: an integer tensor; |step| < 2^40.
    """
    replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int64)
    _step.key = seed, tf.cast(step, tf.int64) + replica * STEPS
    _step.draws = 0
    try:
        yield
    finally:
        del _step.key


def normal(shape, dtype=tf.float32):
    """Returns a draw from N(0, 1): of the step in whose `drawn_from` it is called, else of the global generator."""
    if not hasattr(_step, "key"):
        return tf.random.normal(shape, dtype=dtype)
    _step.draws += 1  # from 1: the data set's order and mirroring have 0
    seed, step = _step.key
    key = tf.stack([tf.constant(seed + _step.draws * SEEDS, tf.int64), step])
    return tf.random.stateless_normal(shape, key, dtype=dtype, alg="philox")


@keras.saving.register_keras_serializable("icell_tf")
class WhiteNoise(keras.layers.Layer):
    """Adds N(0, stddev) while training, drawn anew on every replica (Keras' GaussianNoise repeats itself there)."""

    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev

    def call(self, x, training=False):
        if not training or not self.stddev:
            return x
        return x + self.stddev * normal(tf.shape(x), x.dtype)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}
