"""Algorithm 3: every structure in one cell; and what else trained networks answer."""

import numpy as np
import tensorflow as tf

from icell_tf.inference.backends import Networks
from icell_tf.inference.checks import exchanged
from icell_tf.inference.moments import Moments
from icell_tf.spec import at_once

DECODER_BATCH = 64  # images that pass the decoder at once; see `spec.at_once`


class Integrator:
    """Trained networks, for arrays: Algorithm 3, classification, reconstruction, encoding, sampling.

    Images are floats in [0, 1] with a leading batch axis: x_r (B, ..., R) with the reference channels, x_rs (B, ..., C)
    with all channels of the spec, in its order. Every method returns a dict of NumPy arrays.

    Args:
      backend: `Networks` or `SavedModel`.

    Attributes:
      spec, latent_dim, mirrored, sharp, known: see `Description`.
      structures: K names, in the order of y.

    Example:
      >>> import icell_tf
      >>> from icell_tf.data.folders import find_prepared
      >>> from icell_tf.data.prepared import PreparedCells
      >>> model = icell_tf.load("runs/small-conditional")
      >>> x_rs, y = PreparedCells(find_prepared("integrated_cell/simulated_64")).first("test", 5)
      >>> x_r = model.spec.reference(x_rs)

      The examples of the methods have this model and these five cells.
    """

    def __init__(self, backend):
        self.backend, about = backend, backend.description
        self.spec, self.latent_dim, self.mirrored = about.spec, about.latent_dim, about.mirrored
        self.sharp, self.known = about.sharp, about.known
        self.structures = about.spec.structures

    @property
    def networks(self):
        """The `Networks`. Raises: ValueError: the model was loaded from an export, which holds functions only."""
        if not isinstance(self.backend, Networks):
            raise ValueError(
                "this model was loaded from an exported SavedModel, which holds no networks: load its run's folder; to "
                "have the export elsewhere, copy its folder"
            )
        return self.backend

    @property
    def rows_at_once(self):
        """How many cells a function is called with at most: with all structures, DECODER_BATCH images; at least one."""
        return max(1, at_once(DECODER_BATCH, self.spec.shape) // len(self.structures))

    def integrate(self, x_r, samples=0, seed=0):
        """Predicts every structure in every cell (Algorithm 3).

        Args:
          x_r: (B, ..., R).
          samples: number of draws to take the mean and the standard deviation of; 0 for none. Draw i has the same
            noise, of the generators or z_s ~ N(0, I), for every cell, whatever the batch.
          seed: integer; the same seed gives the same draws.

        Returns: `structures` (B, ..., K), the typical localization with z_s = 0, and `z_r` (B, Z); with samples also
          `mean` and `std` (of the population), (B, ..., K) each.

        Example:
          >>> result = model.integrate(x_r, samples=4)
          >>> result["structures"].shape == result["std"].shape == (5, *model.spec.shape, 10)
          True
        """
        x_r = self._images(x_r, self.spec.reference_shape, "x_r")
        _check_count(samples, "samples")
        seed = integers(seed, "seed")
        result = self._call("integrate", x_r=x_r)
        moments = Moments()
        for drawn in self._draws(x_r, samples, seed):
            moments.add(drawn)
        return result | ({"mean": moments.mean, "std": moments.std} if samples else {})

    def draw(self, x_r, count, seed=0, y=None):
        """Draws every structure in every cell, as `integrate` does for its mean.

        Args:
          x_r: (B, ..., R).
          count: number of draws.
          seed: one integer, with which cells share the noise of a draw; or (B,) integers, one a cell.
          y: (B,) indices, to draw only that structure.

        Yields: (B, ..., K) in [0, 1], with y (B, ...), one draw after the other.

        Example:
          >>> of_tom20 = list(model.draw(x_r, count=3, y=[8] * 5))
          >>> len(of_tom20), of_tom20[0].shape == (5, *model.spec.shape)
          (3, True)
        """
        x_r = self._images(x_r, self.spec.reference_shape, "x_r")
        _check_count(count, "count")
        if y is not None:
            y = self._structures(y)
            if y.shape != (len(x_r),):
                raise ValueError(f"y must be one index a cell, {len(x_r)} of them, but has shape {y.shape}")
        seed = integers(seed, "seed")
        if seed.shape not in ((), (len(x_r),)):
            raise ValueError(f"seed must be one integer or {len(x_r)} of them, but has shape {seed.shape}")
        yield from self._draws(x_r, count, seed, y)

    def _draws(self, x_r, count, seed, y=None):
        name, output, chosen = ("integrate_draw", "structures", {}) if y is None else ("draw", "structure", {"y": y})
        for i in range(count):
            indices = {"seed": np.broadcast_to(seed, len(x_r)), "draw": np.full(len(x_r), i)}
            yield self._call(name, x_r=x_r, **chosen, **indices)[output]

    def encode_reference(self, x_r):
        """Codes cell and nuclear shape: x_r (B, ..., R) -> `z_r` (B, Z).

        Example:
          >>> model.encode_reference(x_r)["z_r"].shape == (5, model.latent_dim)
          True
        """
        return self._call("encode_reference", x_r=self._images(x_r, self.spec.reference_shape, "x_r"))

    def encode(self, x_rs):
        """Codes a cell with its structure: x_rs (B, ..., C) -> `probabilities` (B, K), `z_r` and `z_s` (B, Z).

        Example:
          >>> sorted(model.encode(x_rs))
          ['probabilities', 'z_r', 'z_s']
        """
        return self._call("encode", x_rs=self._images(x_rs, self.spec.image_shape, "x_rs"))

    def classify(self, x_rs):
        """Says which structure the structure channel shows: x_rs (B, ..., C) -> `probabilities` (B, K).

        A model with a threshold, `known`, also returns `unknown` (B,) bool, whether the cell shows none of its
        structures, and what that is judged by, its `distance` (B,) to the fifth nearest training cell.

        Example:
          >>> likeliest = model.classify(x_rs)["probabilities"].argmax(axis=1)
          >>> len([model.structures[k] for k in likeliest])
          5
        """
        return self._call("classify", x_rs=self._images(x_rs, self.spec.image_shape, "x_rs"))

    def reconstruct(self, x_rs):
        """Encodes and decodes: x_rs (B, ..., C) -> `x_rs_hat` (B, ..., C).

        Example:
          >>> model.reconstruct(x_rs)["x_rs_hat"].shape == x_rs.shape
          True
        """
        return self._call("reconstruct", x_rs=self._images(x_rs, self.spec.image_shape, "x_rs"))

    def decode(self, probabilities, z_r, z_s):
        """Decodes cells at given codes (eq. 12).

        Args:
          probabilities: (B, K) of the structures, or one-hot.
          z_r, z_s: (B, Z). Each of the three may also be one row, (1, K) or (K,), which is then used for all cells.

        Returns: `x_rs_hat` (B, ..., C), values in [0, 1].

        Example:
          >>> import numpy as np
          >>> codes = model.encode(x_rs)
          >>> as_tom20 = model.decode(np.eye(10)[8], codes["z_r"], np.zeros(model.latent_dim))["x_rs_hat"]
          >>> as_tom20.shape == x_rs.shape
          True
        """
        given = [np.atleast_2d(np.asarray(part, np.float32)) for part in (probabilities, z_r, z_s)]
        count, k, z = max(map(len, given)), len(self.structures), self.latent_dim
        fits = all(part.shape in ((1, size), (count, size)) for part, size in zip(given, (k, z, z), strict=True))
        if not (fits and count and all(np.isfinite(part).all() for part in given)):
            raise ValueError(
                f"probabilities, z_r and z_s have shapes {[part.shape for part in given]}, but must be (B, {k}), "
                f"(B, {z}) and (B, {z}), without NaN"
            )
        probabilities, z_r, z_s = (np.broadcast_to(part, (count, part.shape[-1])) for part in given)
        return self._call("decode", probabilities=probabilities, z_r=z_r, z_s=z_s)

    def sample(self, y, seed=0):
        """Draws new cells: z_r ~ N(0, I); without generators also z_s, and the images are decoded.

        Args:
          y: (B,) structure indices in 0..K-1.
          seed: one integer, cell i then gets seed + i; or (B,) integers, one a cell. Cells of one seed are the same
            cell, shown with other structures.

        Returns: `x_rs` (B, ..., C) and its `z_r` (B, Z); without generators also `z_s` (B, Z).

        Example:
          >>> two = model.sample(y=[8, 9], seed=[1, 1])  # one cell, with tom20 and with zo1
          >>> bool((two["z_r"][0] == two["z_r"][1]).all())
          True
        """
        y = self._structures(y)
        seed = integers(seed, "seed")
        seed = seed + np.arange(len(y)) if seed.ndim == 0 else seed
        if seed.shape != y.shape:
            raise ValueError(f"seed must be one integer or {len(y)} of them, but has shape {seed.shape}")
        return self._call("sample", y=y, seed=seed)

    def _call(self, name, **inputs):
        """Calls a function on chunks of `rows_at_once` rows; joins the results."""
        function = self.backend.functions.get(name)
        if function is None:
            raise ValueError(f"this export has no signature {name!r}, because an earlier version wrote it: export anew")
        integers, parts = ("y", "seed", "draw"), []
        for i in range(0, len(next(iter(inputs.values()))), self.rows_at_once):
            chunk = {
                key: tf.constant(values[i : i + self.rows_at_once], tf.int64 if key in integers else tf.float32)
                for key, values in inputs.items()
            }
            parts.append({key: value.numpy() for key, value in function(**chunk).items() if value.dtype != tf.string})
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _structures(self, y):
        y = integers(y, "y")
        if y.ndim != 1 or y.size == 0 or y.min() < 0 or y.max() >= len(self.structures):
            raise ValueError(f"y must be a list of structure indices in 0..{len(self.structures) - 1}, but is {y}")
        return y

    def _images(self, images, expected, name):
        images = np.asarray(images)
        if images.shape[1:] != expected or not len(images):
            other = exchanged(images.shape[1:], expected)
            raise ValueError(
                f"{name} has shape {images.shape}, but must be (B, {', '.join(map(str, expected))}): cells of "
                f"{self.spec}, as the model's training data{f'; {other}' if other else ''}"
            )
        if not np.issubdtype(images.dtype, np.floating):
            raise ValueError(f"{name} is {images.dtype}, but must be floats in [0, 1]: divide 8-bit images by 255")
        if not (images.min() >= 0 and images.max() <= 1):
            raise ValueError(
                f"{name} ranges from {images.min()} to {images.max()}, but must lie in [0, 1], without NaN"
            )
        return images.astype(np.float32)


def _check_count(count, name):
    if integers(count, name) < 0:
        raise ValueError(f"{name} is {count}, but must be 0 or more")


def integers(values, name):
    """Returns integers as int64. Raises: ValueError: they are other numbers, or none."""
    found = np.asarray(values)
    if found.size and not np.issubdtype(found.dtype, np.integer):
        raise ValueError(f"{name} is {values!r}, but must be integers below 2**63")
    return found.astype(np.int64)
