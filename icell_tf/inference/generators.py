"""The generators of phase 3 as functions: draws that depend on their seed alone, whatever the batch."""

import math

import tensorflow as tf

from icell_tf.inference.backends import normal
from icell_tf.networks import poses
from icell_tf.networks.generator import noise_shapes


class Generators:
    """The networks that draw.

    Args:
      spec: the `CellSpec` of the cells.
      dec_r, gen_r, gen_s: as `SamplerModel` has them.
      mirrored: whether they were trained on mirrored cells; structures are then drawn in each pose of a cell by turns.
    """

    def __init__(self, spec, dec_r, gen_r, gen_s, mirrored=False):
        self.spec, self.mirrored = spec, mirrored
        self.dec_r, self.gen_r, self.gen_s = dec_r, gen_r, gen_s

    @property
    def networks(self):
        return self.dec_r, self.gen_r, self.gen_s

    def reference(self, z_r, seed, salt):
        """Draws the reference channels of new cells. Args: (B, Z); `normal`'s. Returns: (B, ..., R) in [0, 1]."""
        shapes = tf.sigmoid(tf.cast(self.dec_r(z_r, training=False), tf.float32))
        return _drawn(self.gen_r, {"given": shapes}, seed, salt)

    def structure(self, x_r, typical, y, seed, salt, pose):
        """Draws a structure in each cell; those of different structures are independent.

        Args:
          x_r: (B, ..., R).
          typical: a function of x_r, also of mirrored cells, that returns Algorithm 3's image of y, (B, ...).
          y: (B,) indices of the structures.
          seed, salt: as of `normal`.
          pose: (B,) integers; generators trained on mirrored cells draw in this pose, modulo the number of poses, and
            the draw is mirrored back.

        Returns: (B, ...) in [0, 1].
        """
        pose = tf.math.floormod(pose, poses.count(self.spec)) if self.mirrored else tf.zeros_like(pose)
        structures = self.gen_s.input["y"].shape[-1]
        x_r = poses.mirrored(x_r, pose, self.spec)
        given = tf.concat([x_r, typical(x_r)[..., None]], axis=-1)
        given = {"given": poses.turned(given, pose, self.spec), "y": tf.one_hot(y, structures)}
        drawn = tf.squeeze(_drawn(self.gen_s, given, seed, salt * structures + y), axis=-1)
        return poses.mirrored(poses.turned(drawn, pose, self.spec), pose, self.spec)


def _drawn(generator, given, seed, salt):
    shapes = noise_shapes(generator)
    sizes = [math.prod(shape) for shape in shapes.values()]
    parts = tf.split(normal(seed, salt, sum(sizes)), sizes, axis=1)
    noise = {name: tf.reshape(part, [-1, *shape]) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
    return tf.sigmoid(tf.cast(generator({**given, **noise}, training=False), tf.float32))
