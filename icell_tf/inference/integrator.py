"""Algorithm 3: every structure in one cell; and what else trained networks answer.

`Signatures` holds the TensorFlow functions, which are also what an export contains. `Integrator` wraps them, in memory
or loaded from an export, for arrays: it checks the input, bounds the memory and returns NumPy arrays.
"""

import numpy as np
import tensorflow as tf

from icell_tf.spec import FIRST_PREPARATION

DECODER_BATCH = 64  # images that pass the decoder at once in `Integrator.integrate`
MIRRORED_AXES = ((1,), (2,), (1, 2))
Z_R, Z_S = 0, 1  # which code a draw is for: makes the two codes of one seed independent


class Signatures:
    """The functions of the trained networks, as an export serves them.

    Every input and output has a leading batch axis B. Images are float32 in [0, 1], channel order membrane, nucleus,
    structure; `y`, `seed` and `draw` are int64 (B,). Every function returns a dict. `functions` maps each name to its
    tf.function with named inputs.

    Args:
      enc_r: x_r (B, H, W, 2) -> z_r (B, Z).
      enc_rs: x_rs (B, H, W, 3) -> [y_logits (B, K), z_r_hat (B, Z), z_s (B, Z)].
      dec_rs: [y (B, K), z_r, z_s] -> logits (B, H, W, 3).
      structures: K names, in the order of y.
      mirrored: whether `integrate` and `reconstruct` take the mean over a cell's four mirrored poses, each mirrored
        back, for networks trained on those.
    """

    def __init__(self, enc_r, enc_rs, dec_rs, structures, mirrored=False):
        self.enc_r, self.enc_rs, self.dec_rs, self.mirrored = enc_r, enc_rs, dec_rs, mirrored
        self.structures = tuple(structures)
        self.z_r_dim, self.z_s_dim = enc_rs.outputs[1].shape[-1], enc_rs.outputs[2].shape[-1]
        x_r = tf.TensorSpec([None, *enc_r.inputs[0].shape[1:]], tf.float32, name="x_r")
        x_rs = tf.TensorSpec([None, *enc_rs.inputs[0].shape[1:]], tf.float32, name="x_rs")
        y, seed, draw = (tf.TensorSpec([None], tf.int64, name=name) for name in ("y", "seed", "draw"))
        inputs = {
            "integrate": [x_r],
            "integrate_draw": [x_r, seed, draw],
            "encode_reference": [x_r],
            "encode": [x_rs],
            "classify": [x_rs],
            "reconstruct": [x_rs],
            "sample": [y, seed],
        }
        self.functions = {name: tf.function(getattr(self, name), input_signature=i) for name, i in inputs.items()}

    @property
    def variables(self):
        """All tf.Variables of the networks."""
        return [variable.value for net in (self.enc_r, self.enc_rs, self.dec_rs) for variable in net.variables]

    def integrate(self, x_r):
        """Algorithm 3: every structure (B, H, W, K) in every cell, with z_s = 0, the argmax of its prior."""
        x_r = self._checked(x_r, self.enc_r)
        z_r = self._encode_r(x_r)
        z_s = tf.zeros([tf.shape(z_r)[0], self.z_s_dim])
        as_it_lies = self._decode_all(z_r, z_s)
        structures = self._mean_of_poses(as_it_lies, x_r, lambda x: self._decode_all(self._encode_r(x), z_s))
        return {"structures": structures, "z_r": z_r, "names": self._names(z_r)}

    def integrate_draw(self, x_r, seed, draw):
        """As `integrate`, with z_s ~ N(0, I): draw number `draw` of a seed."""
        z_s = _normal(seed, 2 * draw + Z_S, self.z_s_dim)
        return {"structures": self._decode_all(self._encode_r(x_r), z_s), "names": self._names(x_r)}

    def encode_reference(self, x_r):
        """Codes of cell and nuclear shape, z_r (B, Z)."""
        return {"z_r": self._encode_r(x_r)}

    def encode(self, x_rs):
        """Probabilities (B, K) and codes z_r, z_s (B, Z) of cells with a structure."""
        probabilities, z_r, z_s = self._encode_rs(x_rs)
        return {"probabilities": probabilities, "z_r": z_r, "z_s": z_s}

    def classify(self, x_rs):
        """Which structure the third channel shows: probabilities (B, K) and the likeliest's name (B,)."""
        probabilities, _, _ = self._encode_rs(x_rs)
        structure = tf.gather(tf.constant(self.structures), tf.argmax(probabilities, axis=1))
        return {"probabilities": probabilities, "structure": structure, "names": self._names(x_rs)}

    def reconstruct(self, x_rs):
        """Encoded and decoded cells, x_rs_hat (B, H, W, 3)."""
        x_rs = self._checked(x_rs, self.enc_rs)
        as_it_lies = self._decode(*self._encode_rs(x_rs))
        return {"x_rs_hat": self._mean_of_poses(as_it_lies, x_rs, lambda x: self._decode(*self._encode_rs(x)))}

    def sample(self, y, seed):
        """New cells x_rs (B, H, W, 3) with structure y: z_r, z_s ~ N(0, I), both from the seed alone."""
        k = len(self.structures)
        tf.debugging.assert_non_negative(y, f"y must be in 0..{k - 1}")
        tf.debugging.assert_less(y, tf.constant(k, tf.int64), f"y must be in 0..{k - 1}")
        z_r, z_s = _normal(seed, Z_R, self.z_r_dim), _normal(seed, Z_S, self.z_s_dim)
        return {"x_rs": self._decode(tf.one_hot(y, k), z_r, z_s), "z_r": z_r, "z_s": z_s}

    def _mean_of_poses(self, as_it_lies, x, function):
        """Returns function(x), which is given, or for mirrored networks its mean over the poses of x, mirrored back."""
        poses = [as_it_lies]
        for axes in MIRRORED_AXES if self.mirrored else ():
            poses.append(tf.reverse(function(tf.reverse(x, axes)), axes))
        return tf.add_n(poses) / len(poses)

    @staticmethod
    def _checked(images, network):
        # A server does not check: an image without a batch axis would end its process in the convolution's kernel.
        return tf.ensure_shape(images, network.inputs[0].shape)

    def _encode_r(self, x_r):
        return tf.cast(self.enc_r(self._checked(x_r, self.enc_r), training=False), tf.float32)

    def _encode_rs(self, x_rs):
        outputs = self.enc_rs(self._checked(x_rs, self.enc_rs), training=False)
        logits, z_r, z_s = (tf.cast(t, tf.float32) for t in outputs)
        return tf.nn.softmax(logits), z_r, z_s

    def _decode(self, y, z_r, z_s):
        return tf.sigmoid(tf.cast(self.dec_rs([y, z_r, z_s], training=False), tf.float32))

    def _decode_all(self, z_r, z_s):
        """Decodes every structure of every cell in one pass of B * K images; keeps the structure channel."""
        k = len(self.structures)
        y_onehot = tf.tile(tf.eye(k), [tf.shape(z_r)[0], 1])
        x_hat = self._decode(y_onehot, tf.repeat(z_r, k, axis=0), tf.repeat(z_s, k, axis=0))
        _, height, width, _ = x_hat.shape
        return tf.transpose(tf.reshape(x_hat[..., -1], [-1, k, height, width]), [0, 2, 3, 1])

    def _names(self, batch_like):
        return tf.tile(tf.constant([self.structures]), [tf.shape(batch_like)[0], 1])


def _normal(seed, salt, size):
    """N(0, I) of shape (B, size), each row from its seed alone: a stateful draw would repeat after every load."""
    pairs = tf.stack([seed, tf.broadcast_to(tf.cast(salt, tf.int64), tf.shape(seed))], axis=1)
    row = tf.TensorSpec([size], tf.float32)
    return tf.map_fn(lambda pair: tf.random.stateless_normal([size], pair), pairs, fn_output_signature=row)


class Integrator:
    """Trained networks, for arrays: Algorithm 3, classification, reconstruction, encoding, sampling.

    Images are floats in [0, 1] with a leading batch axis, channel order membrane, nucleus, structure. Every method
    returns a dict of NumPy arrays.

    Args:
      enc_r, enc_rs, dec_rs: Keras networks, see `Signatures`.
      structures: K names, in the order of y.
      pixel_size: µm a pixel of the images the networks were trained on.
      preparation: how those images were made from stacks, as in `Cells`.
      mirrored: see `Signatures`.
    """

    def __init__(self, enc_r, enc_rs, dec_rs, structures, pixel_size, preparation=FIRST_PREPARATION, mirrored=False):
        _, height, _, _ = enc_r.inputs[0].shape
        self.signatures = Signatures(enc_r, enc_rs, dec_rs, structures, mirrored)
        self.mirrored = bool(mirrored)
        latent_dim = enc_rs.outputs[1].shape[-1]
        self._describe(self.signatures.functions, structures, pixel_size, height, latent_dim, preparation)

    @classmethod
    def from_saved_model(cls, loaded, description):
        """Returns an Integrator on the signatures of what tf.saved_model.load returned, with its `describe()`."""
        integrator = cls.__new__(cls)
        integrator.signatures = None
        integrator.mirrored = False  # what an export does is in its signatures
        integrator.loaded = loaded  # the variables live as long as this does
        integrator._describe({name: loaded.signatures[name] for name in loaded.signatures}, **description)
        return integrator

    def _describe(self, functions, structures, pixel_size, image_size, latent_dim, preparation=FIRST_PREPARATION):
        self._functions = dict(functions)
        self.structures = tuple(structures)
        self.pixel_size = float(pixel_size)
        self.image_size = int(image_size)
        self.latent_dim = int(latent_dim)
        self.preparation = str(preparation)

    def describe(self):
        """What a caller must know besides the functions, as JSON types: structures, sizes, preparation."""
        return {
            "structures": list(self.structures),
            "pixel_size": self.pixel_size,
            "image_size": self.image_size,
            "latent_dim": self.latent_dim,
            "preparation": self.preparation,
        }

    def integrate(self, x_r, samples=0, seed=0):
        """Predicts every structure in every cell (Algorithm 3).

        Args:
          x_r: (B, H, W, 2).
          samples: number of draws z_s ~ N(0, I) to take the mean and the standard deviation of; 0 for none. Draw i
            is the same for every cell, whatever the batch.
          seed: integer; the same seed gives the same draws.

        Returns:
          dict: `structures` (B, H, W, K) with z_s = 0 and `z_r` (B, Z); with samples also `mean` and `std` (of
          the population), (B, H, W, K) each.
        """
        x_r = self._images(x_r, 2, "x_r")
        if samples < 0:
            raise ValueError(f"samples is {samples}, but must be 0 or more")
        return self._in_chunks(lambda chunk: self._integrate(chunk, samples, seed), x_r)

    def _integrate(self, x_r, samples, seed):
        result = self._call("integrate", x_r=x_r)
        mean = deviations = np.zeros_like(result["structures"])
        for i in range(samples):  # Welford's running mean and sum of squared deviations
            indices = {"seed": np.full(len(x_r), seed), "draw": np.full(len(x_r), i)}
            drawn = self._call("integrate_draw", x_r=x_r, **indices)["structures"]
            difference = drawn - mean
            mean = mean + difference / (i + 1)
            deviations = deviations + difference * (drawn - mean)
        if samples:
            result |= {"mean": mean, "std": np.sqrt(deviations / samples)}
        return result

    def encode_reference(self, x_r):
        """Codes cell and nuclear shape: x_r (B, H, W, 2) -> `z_r` (B, Z)."""
        return self._in_chunks(lambda x: self._call("encode_reference", x_r=x), self._images(x_r, 2, "x_r"))

    def encode(self, x_rs):
        """Codes a cell with its structure: x_rs (B, H, W, 3) -> `probabilities` (B, K), `z_r` and `z_s` (B, Z)."""
        return self._in_chunks(lambda x: self._call("encode", x_rs=x), self._images(x_rs, 3, "x_rs"))

    def classify(self, x_rs):
        """Says which structure the third channel shows: x_rs (B, H, W, 3) -> `probabilities` (B, K)."""
        return self._in_chunks(lambda x: self._call("classify", x_rs=x), self._images(x_rs, 3, "x_rs"))

    def reconstruct(self, x_rs):
        """Encodes and decodes: x_rs (B, H, W, 3) -> `x_rs_hat` (B, H, W, 3)."""
        return self._in_chunks(lambda x: self._call("reconstruct", x_rs=x), self._images(x_rs, 3, "x_rs"))

    def sample(self, y, seed=0):
        """Draws new cells: z_r, z_s ~ N(0, I).

        Args:
          y: (B,) structure indices in 0..K-1.
          seed: one integer, cell i then gets seed + i; or (B,) integers, one a cell. Cells of one seed share their
            codes: the same cell, shown with other structures.

        Returns:
          dict: `x_rs` (B, H, W, 3), `z_r` and `z_s` (B, Z).
        """
        y = np.asarray(y, np.int64)
        if y.ndim != 1 or y.size == 0 or y.min() < 0 or y.max() >= len(self.structures):
            raise ValueError(f"y must be a list of structure indices in 0..{len(self.structures) - 1}, but is {y}")
        seed = np.asarray(seed, np.int64)
        seed = seed + np.arange(len(y)) if seed.ndim == 0 else seed
        if seed.shape != y.shape:
            raise ValueError(f"seed must be one integer or {len(y)} of them, but has shape {seed.shape}")
        return self._in_chunks(lambda i: self._call("sample", y=y[i], seed=seed[i]), np.arange(len(y)))

    def _call(self, name, **inputs):
        integers = ("y", "seed", "draw")
        inputs = {key: tf.constant(v, tf.int64 if key in integers else tf.float32) for key, v in inputs.items()}
        outputs = self._functions[name](**inputs)
        return {key: value.numpy() for key, value in outputs.items() if value.dtype != tf.string}

    def _in_chunks(self, function, rows):
        """Calls a function on so many rows at once that B * K images fit the decoder, and joins the results."""
        size = max(1, DECODER_BATCH // len(self.structures))
        parts = [function(rows[i : i + size]) for i in range(0, len(rows), size)]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _images(self, images, channels, name):
        images = np.asarray(images)
        expected = (self.image_size, self.image_size, channels)
        if images.ndim != 4 or images.shape[1:] != expected or not len(images):
            raise ValueError(
                f"{name} has shape {images.shape}, but must be (B, {', '.join(map(str, expected))}): cells of "
                f"{self.image_size} pixels at {self.pixel_size} µm a pixel, preprocessed as the model's training data"
            )
        if not np.issubdtype(images.dtype, np.floating):
            raise ValueError(f"{name} is {images.dtype}, but must be floats in [0, 1]: divide 8-bit images by 255")
        if not (images.min() >= 0 and images.max() <= 1):
            raise ValueError(
                f"{name} ranges from {images.min()} to {images.max()}, but must lie in [0, 1], without NaN"
            )
        return images.astype(np.float32)
