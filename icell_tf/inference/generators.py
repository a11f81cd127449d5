"""The generators of phase 3 as functions of noise."""

import tensorflow as tf

from icell_tf.inference.noise import OF_REFERENCE, OF_STRUCTURE, POSE
from icell_tf.networks import poses
from icell_tf.networks.generator import noise_shapes


class Generators:
    """The networks that draw.

    Args:
      spec: the `CellSpec` of the cells.
      dec_r, gen_r, gen_s: as `SamplerModel` has them.
      mirrored: whether they were trained on mirrored cells; structures are then drawn in each pose of a cell by turns.

    Attributes:
      shapes: {name: shape without the batch axis} of the noise that they take, as of `Noise`.
    """

    def __init__(self, spec, dec_r, gen_r, gen_s, mirrored=False):
        self.spec, self.mirrored = spec, mirrored
        self.dec_r, self.gen_r, self.gen_s = dec_r, gen_r, gen_s
        self.shapes = {
            prefix + name: shape
            for prefix, generator in ((OF_REFERENCE, gen_r), (OF_STRUCTURE, gen_s))
            for name, shape in noise_shapes(generator).items()
        }
        if mirrored:
            self.shapes[POSE] = ()

    @property
    def networks(self):
        return self.dec_r, self.gen_r, self.gen_s

    def reference(self, z_r, noise):
        """Draws the reference channels of new cells. Args: (B, Z); {name: tensor}. Returns: (B, ..., R) in [0, 1]."""
        shapes = tf.sigmoid(tf.cast(self.dec_r(z_r, training=False), tf.float32))
        return _drawn(self.gen_r, {"given": shapes}, noise, OF_REFERENCE)

    def structure(self, x_r, typical, y, noise):
        """Draws a structure in each cell.

        Args:
          x_r: (B, ..., R).
          typical: a function of x_r, also of mirrored cells, that returns Algorithm 3's image of y, (B, ...).
          y: (B,) indices of the structures.
          noise: {name: tensor}, see `Noise`. Generators trained on mirrored cells draw in its pose, modulo the number
            of poses, and the draw is mirrored back.

        Returns: (B, ...) in [0, 1].
        """
        pose = _in_range(noise[POSE], poses.count(self.spec)) if self.mirrored else tf.zeros_like(y)
        x_r = poses.mirrored(x_r, pose, self.spec)
        given = tf.concat([x_r, typical(x_r)[..., None]], axis=-1)
        one_hot = tf.one_hot(y, self.gen_s.input["y"].shape[-1])
        given = {"given": poses.turned(given, pose, self.spec), "y": one_hot}
        drawn = tf.squeeze(_drawn(self.gen_s, given, noise, OF_STRUCTURE), axis=-1)
        return poses.mirrored(poses.turned(drawn, pose, self.spec), pose, self.spec)


def _in_range(values, count):
    """Integers modulo `count`. `floormod` of ONNX graphs rounds towards 0: only the second one is never below."""
    return tf.math.floormod(tf.math.floormod(values, count) + count, count)


def _drawn(generator, given, noise, prefix):
    maps = {name: noise[prefix + name] for name in noise_shapes(generator)}
    return tf.sigmoid(tf.cast(generator({**given, **maps}, training=False), tf.float32))
