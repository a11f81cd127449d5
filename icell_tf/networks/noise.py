"""Normal draws that depend on the seed and the step alone, so that a resumed run draws the same numbers."""

import contextlib
import threading

import keras
import tensorflow as tf

STEPS, SEEDS = 2**40, 2**32  # a key's two words: seed + draw * SEEDS and step + replica * STEPS
_step = threading.local()  # TensorFlow traces each replica in a thread of its own


@contextlib.contextmanager
def drawn_from(seed, step):
    """A context in which `normal` depends on the seed, the step, the replica and the order of the calls alone.

    The generator is Philox: on a CPU it is as fast as a generator with a state.

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
    """Returns a draw from N(0, 1): within `drawn_from` of its step, elsewhere of the global generator."""
    if not hasattr(_step, "key"):
        return tf.random.normal(shape, dtype=dtype)
    return tf.random.stateless_normal(shape, _next_key(), dtype=dtype, alg="philox")


def integers(shape, count):
    """As `normal`, integers from 0 to below count, each as likely."""
    if not hasattr(_step, "key"):
        return tf.random.uniform(shape, 0, count, tf.int32)
    return tf.random.stateless_uniform(shape, _next_key(), 0, count, tf.int32, alg="philox")


def _next_key():
    _step.draws += 1  # from 1: the data set's order and mirroring use 0
    seed, step = _step.key
    return tf.stack([tf.constant(seed + _step.draws * SEEDS, tf.int64), step])


@keras.saving.register_keras_serializable("icell_tf")
class WhiteNoise(keras.layers.Layer):
    """Adds N(0, stddev) in training, drawn separately on every replica; Keras' GaussianNoise draws the same on all."""

    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev

    def call(self, x, training=False):
        if not training or not self.stddev:
            return x
        return x + self.stddev * normal(tf.shape(x), x.dtype)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}
