"""Cells of any `CellSpec` and a model of them, made up from random numbers, where no network has to be built."""

import types

import keras
import numpy as np
from scipy import special

from icell_tf.evaluation.subject import Subject
from icell_tf.inference import unknown
from icell_tf.inference.backends import Networks
from icell_tf.inference.integrator import Integrator
from icell_tf.runs.known import Known
from icell_tf.runs.run import Run
from icell_tf.spec import CellSpec

LATENT = 2
VOLUMES = CellSpec("ZYX", (8, 16, 16), (1.0, 0.5, 0.5), ("tom20", "lamin-b1", "zo1"))
OBLONG = CellSpec("YX", (16, 64), (0.5, 1.0), ("tom20", "lamin-b1", "zo1"))


class MadeUpCells:
    """What evaluations ask of `PreparedCells`: ellipsoids around smaller ones, with noise as their structure.

    Args: spec; counts: {split: cells}; truths: whether the test cells have theirs.
    """

    dataset, train_split, unseen = "made_up/cells/1.0.0", "train", None

    def __init__(self, spec, counts, truths=True):
        self.spec, self.splits = spec, counts
        self._records = {split: _records(spec, n, split, truths and split == "test") for split, n in counts.items()}

    def size(self, split):
        return self.splits[split]

    def labels(self, split):
        return {name: self._records[split][name] for name in ("cell_id", "fov_id", "structure")}

    def read(self, split, rows, features=None):
        records = self._records[split]
        return {name: records[name][rows] for name in features or records}

    def observations(self, split, row):
        """Of every other cell that has truths."""
        expected = self._records[split].get("expected")
        if expected is None or row % 2:
            return None
        return np.random.default_rng(row).binomial(expected[row], 0.9, (3, *expected[row].shape)).astype(np.uint8)

    def truth(self, split, rows):
        """Of all cells that have truths, what is expected."""
        expected = self._records[split].get("expected")
        return None if expected is None else expected[rows]

    def examples(self, split, batch_size):
        for start in range(0, self.size(split), batch_size):
            yield self.read(split, slice(start, start + batch_size))


def _records(spec, n, split, truths):
    rng = np.random.default_rng(n)
    places = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in spec.shape), indexing="ij"))
    radii = rng.uniform(0.5, 0.9, (n, spec.rank, *(1 for _ in spec.shape)))
    distance = np.sqrt(np.square(places / radii).sum(axis=1))
    channels = [distance < 1, distance < 0.5, (distance < 1) * rng.random(distance.shape)]
    images = np.rint(200 * np.stack(channels, axis=-1)).astype(np.uint8)
    k = len(spec.structures)
    ids = np.array([f"{split} {i}".encode() for i in range(n)])
    records = {"image": images, "structure": np.arange(n) % k, "cell_id": ids, "fov_id": ids}
    if truths:
        expected = np.rint(200 * np.stack([distance < 1 / (1 + j) for j in range(k)], axis=-1)).astype(np.uint8)
        records |= {"expected": expected, "noise_free": images, "ceiling": np.full((n, k), 0.9)}
        records |= {"spread": np.full((n, k), 0.1)}
    return records


class MadeUpModel:
    """What evaluations ask of an `Integrator`: random codes of images, and random images of codes."""

    latent_dim, sharp = LATENT, False

    def __init__(self, spec, mirrored=False):
        self.spec, self.structures, self.mirrored = spec, spec.structures, mirrored
        rng, pixels = np.random.default_rng(0), np.prod(spec.shape)
        self._encoder = rng.normal(0, 5 / pixels, (pixels, LATENT)).astype(np.float32)
        self._decoder = rng.normal(0, 1, (len(spec.structures) + 2 * LATENT, *spec.image_shape)).astype(np.float32)

    def logits(self, codes, training=False):
        codes = np.concatenate([codes[name] for name in ("y", "z_r", "z_s")], axis=1)
        return keras.ops.convert_to_tensor(np.tensordot(codes, self._decoder, 1).astype(np.float32))

    def encode_reference(self, x_r):
        return {"z_r": x_r.mean(axis=-1).reshape(len(x_r), -1) @ self._encoder}

    def encode(self, x):
        z_s = self.spec.structure(x).reshape(len(x), -1) @ self._encoder
        probabilities = special.softmax(np.resize(z_s, (len(x), len(self.structures))), axis=1)
        return self.encode_reference(self.spec.reference(x)) | {"probabilities": probabilities, "z_s": z_s}

    def decode(self, probabilities, z_r, z_s):
        parts = [np.atleast_2d(part) for part in (probabilities, z_r, z_s)]
        n = max(map(len, parts))
        codes = {
            name: np.broadcast_to(part, (n, part.shape[1]))
            for name, part in zip(("y", "z_r", "z_s"), parts, strict=True)
        }
        return {"x_rs_hat": special.expit(self.logits(codes).numpy())}

    def reconstruct(self, x):
        codes = self.encode(x)
        return self.decode(codes["probabilities"], codes["z_r"], codes["z_s"])

    def sample(self, y, seed):
        rngs = (np.random.default_rng(seed + i) for i in range(len(y)))
        z_r, z_s = np.moveaxis(np.stack([rng.standard_normal((2, LATENT)) for rng in rngs]), 1, 0)
        return {"x_rs": self.decode(np.eye(len(self.structures))[y], z_r, z_s)["x_rs_hat"]}

    def integrate(self, x_r, samples=0, seed=0):
        z_r, every = self.encode_reference(x_r)["z_r"], np.eye(len(self.structures))
        images = [self.decode(y, z_r, np.zeros(LATENT))["x_rs_hat"] for y in every]
        structures = np.stack([self.spec.structure(x) for x in images], axis=-1)
        return {"structures": structures, "mean": structures / 2, "std": structures / 4}

    def draw(self, x_r, count, seed=0, y=None):
        structures = self.integrate(x_r)["structures"]
        structures = structures if y is None else structures[np.arange(len(y)), ..., y]
        for rng in np.random.default_rng(seed).spawn(count):
            yield structures * rng.random(structures.shape)


def knowing(integrator, cells):
    """Returns an `Integrator` of the same networks that calls about half of the cells, x_rs, unknown, the farther ones.

    Its training cells are made up.
    """
    networks, k = integrator.networks, len(integrator.structures)
    training = unknown.chosen_logits(special.softmax(np.random.default_rng(3).normal(size=(40, k)), axis=1))
    distances = np.sort(unknown.distances(integrator.encode(cells)["probabilities"], training))
    middle = len(cells) // 2
    threshold = float(distances[middle - 1 : middle + 1].mean())
    rates = {"accepted": {"value": 0.9, "interval": [0.8, 1.0], "n": 10}, "rejected": None}
    built = networks.enc_r, networks.enc_rs, networks.dec_rs, networks.mirrored, networks.generators
    return Integrator(Networks(networks.spec, *built, known=Known(training, threshold, 0.95, rates)))


def subject(spec, counts, mirrored=False, truths=True):
    """Returns a `Subject` of a made-up model and made-up cells; of networks it has dec_rs alone."""
    model = MadeUpModel(spec, mirrored)
    run = Run("conditional", types.SimpleNamespace(), spec, MadeUpCells.dataset)
    return Subject(model, run, MadeUpCells(spec, counts, truths), "made-up", {"dec_rs": model.logits})
