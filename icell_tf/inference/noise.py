"""The noise of draws, which depends on a seed alone, whatever the batch: a seed gives the same draw always."""

import math

import tensorflow as tf

X_R, Z_R, Z_S = -1, 0, 1  # what a draw is for: makes those of one seed independent; Z_S also of a structure's noise
OF_REFERENCE, OF_STRUCTURE = "r_", "s_"  # what the names of the generators' maps begin with
Z_R_PRIOR, Z_S_PRIOR, POSE = "z_r_prior", "z_s_prior", "pose"


class Noise:
    """Makes the noise of those functions of `Networks` that draw, a method each, of what the function takes.

    The methods return {name: tensor}: `z_r_prior` and `z_s_prior` (B, Z), the generators' maps `r_noise_0` ... and
    `s_noise_0` ... (B, ...), and `pose` (B,), the integer of the pose to draw in; see `networks.poses`.

    Args:
      structures: K, their number.
      shapes: {name: shape without the batch axis} of a new cell's noise: of all that the model takes.
    """

    def __init__(self, structures, shapes):
        self.structures, self.shapes = structures, shapes

    def specs(self, function):
        """A `tf.TensorSpec` for each part of the noise of a function of `Networks`; none if it does not draw."""
        if function not in ("sample", "draw", "integrate_draw"):
            return []
        shapes = self.shapes if function == "sample" else self._of_structure
        each = [self.structures] if function == "integrate_draw" else []
        return [
            tf.TensorSpec(
                [None, *(each if name.startswith(OF_STRUCTURE) else []), *shape],
                tf.int64 if name == POSE else tf.float32,
                name=name,
            )
            for name, shape in shapes.items()
        ]

    def sample(self, y, seed):
        """The noise of a new cell and of its structure y. Args: int64, (B,)."""
        noise = {Z_R_PRIOR: normal(seed, Z_R, *self.shapes[Z_R_PRIOR])}
        if maps := self._maps(OF_REFERENCE):
            noise |= _split(maps, seed, X_R)
        return noise | self.draw(y, seed, tf.zeros_like(seed))

    def draw(self, y, seed, draw):
        """The noise of structure y in a cell. Args: int64, (B,); without generators y may be None."""
        salt = 2 * draw + Z_S
        if Z_S_PRIOR in self.shapes:
            return {Z_S_PRIOR: normal(seed, salt, *self.shapes[Z_S_PRIOR])}
        noise = _split(self._maps(OF_STRUCTURE), seed, salt * self.structures + y)
        return noise | ({POSE: seed + draw} if POSE in self.shapes else {})

    def integrate_draw(self, seed, draw):
        """The noise of every structure in a cell: one code and pose, and maps (B, K, ...). Args: int64, (B,)."""
        if Z_S_PRIOR in self.shapes:
            return self.draw(None, seed, draw)
        y = tf.tile(tf.range(self.structures, dtype=tf.int64), tf.shape(seed))
        noise = self.draw(y, *(tf.repeat(values, self.structures, axis=0) for values in (seed, draw)))
        maps = {
            name: tf.reshape(noise[name], [-1, self.structures, *shape])
            for name, shape in self._maps(OF_STRUCTURE).items()
        }
        return maps | ({POSE: seed + draw} if POSE in self.shapes else {})

    def separated(self, noise):
        """The noise of `integrate_draw` for B cells, as that of `draw` for every structure of each, B * K."""
        return {
            name: tf.reshape(values, [-1, *self.shapes[name]])
            if name.startswith(OF_STRUCTURE)
            else tf.repeat(values, self.structures, axis=0)
            for name, values in noise.items()
        }

    @property
    def _of_structure(self):
        drawing = self.shapes.keys() - {Z_R_PRIOR} - self._maps(OF_REFERENCE).keys()
        return {name: shape for name, shape in self.shapes.items() if name in drawing}

    def _maps(self, prefix):
        return {name: shape for name, shape in self.shapes.items() if name.startswith(prefix)}


def normal(seed, salt, size):
    """N(0, I) of shape (B, size), each row from its seed alone: a stateful draw would repeat after every load.

    Args: seed, salt: int64, (B,); salts make draws of one seed independent. size: an integer.
    """
    pairs = tf.stack([seed, tf.broadcast_to(tf.cast(salt, tf.int64), tf.shape(seed))], axis=1)
    row = tf.TensorSpec([size], tf.float32)
    return tf.map_fn(lambda pair: tf.random.stateless_normal([size], pair), pairs, fn_output_signature=row)


def _split(shapes, seed, salt):
    """Maps {name: (B, *shape)} of one draw of `normal`."""
    sizes = [math.prod(shape) for shape in shapes.values()]
    parts = tf.split(normal(seed, salt, sum(sizes)), sizes, axis=1)
    return {name: tf.reshape(part, [-1, *shape]) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
