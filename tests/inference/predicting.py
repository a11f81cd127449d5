"""Models that predict something simple, and cells for them, where no network is needed."""

import numpy as np

from icell_tf.inference.inputs import InputCell
from icell_tf.spec import CellSpec

SIZE, NAMES = 32, ("tom20", "zo1", "other")
VOLUMES = CellSpec("ZYX", (8, 16, 32), (2.0, 0.5, 0.5), NAMES)


class FakeIntegrator:
    """Predicts structure k as (k + 1) / 10 of the nucleus, and the class by the structure channel's mean."""

    structures, spec = NAMES, CellSpec("YX", (SIZE, SIZE), (0.5, 0.5), NAMES)
    known = None

    def integrate(self, x_r):
        return {"structures": x_r[..., 1:] * np.array([0.1, 0.2, 0.3], np.float32)}

    def draw(self, x_r, count, seed=0):
        for i in range(count):
            yield self.integrate(x_r)["structures"] * (i + 1 + seed) / 4

    def classify(self, x_rs):
        likely = (x_rs[..., 2].reshape(len(x_rs), -1).mean(axis=1) > 0.5).astype(int)
        return {"probabilities": 0.05 + 0.85 * np.eye(3)[likely]}

    def sample(self, y, seed=0):
        return {"x_rs": np.random.default_rng(seed).random((len(y), SIZE, SIZE, 3), np.float32)}


class FakeOfVolumes(FakeIntegrator):
    """The same, of volumes."""

    spec = VOLUMES

    def sample(self, y, seed=0):
        return {"x_rs": np.random.default_rng(seed).random((len(y), *VOLUMES.image_shape), np.float32)}


def cell(name, channels=2, transform=None, structure=None):
    rng = np.random.default_rng(len(name))
    image = rng.integers(0, 256, (SIZE, SIZE, channels), np.uint8)
    image[..., 2:] = 255
    return InputCell(name, f"{name}.tif", image, structure, transform)


def volume(name="a"):
    """A cell: a box with a smaller one in it, and noise as its structure."""
    image = np.zeros(VOLUMES.image_shape, np.uint8)
    image[2:6, 4:12, 4:28, 0] = image[3:5, 6:10, 10:20, 1] = 200
    image[2:6, 4:12, 4:28, 2] = np.random.default_rng(0).integers(0, 256, (4, 8, 24))
    return InputCell(name, f"{name}.tif", image, "tom20")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())
