"""Normal draws that depend on the seed and the step alone, so that a resumed run draws the same numbers."""

import contextlib
import math
import threading

import keras
import tensorflow as tf

from icell_tf.spec import SMALL_IMAGE

STEPS, SEEDS = 2**40, 2**32  # a key's two words: seed + draw * SEEDS and step + replica * STEPS
BITS = 16  # of each uniform number that `coarse_normal` is made of
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


def coarse_normal(shape, dtype=tf.float32):
    """As `normal`, in half the time on a CPU: made of 16 random bits a number, which is at most 4.9 away from 0.

    Two numbers of 16 bits each are the radius and the angle of two normal ones (Box and Muller 1958).
    """
    count = tf.reduce_prod(shape)
    pairs = [(count + 1) // 2]
    if hasattr(_step, "key"):
        words = tf.random.stateless_uniform(pairs, _next_key(), None, None, tf.int32, alg="philox")
    else:
        words = tf.random.uniform(pairs, tf.int32.min, tf.int32.max, tf.int32)
    uniform = tf.reshape(tf.cast(tf.bitcast(words, tf.uint16), tf.float32), [2, -1]) / 2**BITS  # 0 to below 1
    radius, angle = tf.sqrt(-2.0 * tf.math.log(uniform[0] + 0.5 / 2**BITS)), 2.0 * math.pi * uniform[1]
    values = tf.concat([tf.cast(radius * wave(angle), dtype) for wave in (tf.cos, tf.sin)], axis=0)
    return tf.reshape(values[:count], shape)


def _next_key():
    _step.draws += 1  # from 1: the data set's order and mirroring use 0
    seed, step = _step.key
    return tf.stack([tf.constant(seed + _step.draws * SEEDS, tf.int64), step])


@keras.saving.register_keras_serializable("icell_tf")
class WhiteNoise(keras.layers.Layer):
    """Adds N(0, stddev) in training, drawn separately on every replica; Keras' GaussianNoise draws the same on all.

    Of images above SMALL_IMAGE the draw takes a tenth of a step: theirs is `coarse_normal`.
    """

    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev

    def call(self, x, training=False):
        if not training or not self.stddev:
            return x
        draw = normal if math.prod(x.shape[1:-1]) <= SMALL_IMAGE else coarse_normal
        return x + self.stddev * draw(tf.shape(x), x.dtype)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}
