"""A small classifier that judges generated cells, so that the model that made them doesn't judge itself.

Its features take the place of those of an Inception network in the Fréchet distance and in precision and recall:
Inception was trained on photographs, and features that tell structures apart are at least about cells.

Half of the cells it learns from are smoothed. A decoder leaves out noise, and what a judge that knows only noisy cells
sees in such images is chance: two judges of different seeds recognised 0.73 and 0.81 of the same reconstructions, two
that were trained on smoothed cells as well 0.89 and 0.90. How much detail is missing is a score of its own.
"""

from dataclasses import dataclass

import keras
import numpy as np
from scipy import ndimage
from skimage.transform import downscale_local_mean

FILTERS = (16, 32, 64, 64)
IMAGE_SIZE = 64  # larger images are averaged down to this, so that the cost does not depend on the frame
STEPS = 900
BATCH = 32
LEARNING_RATE = 2e-3
SMOOTHING = (0.5, 1.5)  # standard deviations of a Gaussian, pixels of 64


@dataclass(frozen=True, eq=False)
class Judge:
    """A trained classifier of cells.

    Attributes:
      network: small images (B, S, S, 3) in [0, 1] -> [features (B, 64), logits (B, K)].
    """

    network: keras.Model

    @property
    def structures(self):
        """K, how many structures it can tell apart."""
        return self.network.outputs[1].shape[-1]

    def look(self, images):
        """Returns what the judge sees in cells (N, H, W, 3) uint8: features (N, 64) and structure indices (N,)."""
        parts = [self.network(shrink(images[i : i + 256]), training=False) for i in range(0, len(images), 256)]
        features, logits = (np.concatenate([part[k].numpy() for part in parts]) for k in range(2))
        return features, logits.argmax(axis=1)

    def features(self, images):
        """Returns the features (N, 64) alone."""
        return self.look(images)[0]


def train_judge(images, y, structures, seed=0, steps=STEPS):
    """Trains a judge on real cells, mirrored at random, half of them smoothed, structures equally frequent.

    The same cells, seed and number of threads give the same judge; the global generators are left alone.

    Args:
      images: (N, H, W, 3) uint8, the training cells.
      y: (N,) structure indices.
      structures: K.
      seed: of the weights and of the order.
      steps: batches of 32 cells: the cost is the same for few cells and for many.

    Returns: `Judge`.
    """
    small, y, rng = shrink(images), np.asarray(y), np.random.default_rng(seed)
    network = build_judge(small.shape[1], structures, seed)
    trained = keras.Model(network.inputs, network.outputs[1])
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.Adam(schedule), loss)
    weights = 1 / np.bincount(y)[y]
    for _ in range(steps):
        index = rng.choice(len(y), BATCH, p=weights / weights.sum())
        x_rs = mirrored_at_random(small[index], rng)
        sigma = rng.uniform(*SMOOTHING) * small.shape[1] / IMAGE_SIZE
        x_rs[: BATCH // 2] = ndimage.gaussian_filter(x_rs[: BATCH // 2], (0, sigma, sigma, 0))
        trained.train_on_batch(x_rs, y[index])
    return Judge(network)


def build_judge(image_size, structures, seed=0):
    """Returns the judge's network with fresh weights: four halving stages, the mean over space, a dense layer."""
    x = h = keras.Input((image_size, image_size, 3), name="x_rs")
    for stage, filters in enumerate(FILTERS):
        initializer = keras.initializers.HeNormal(seed + stage)
        h = keras.layers.Conv2D(filters, 4, 2, "same", use_bias=False, kernel_initializer=initializer)(h)
        h = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(h))  # (B, H/2, W/2, filters)
    features = keras.layers.GlobalAveragePooling2D(name="features")(h)
    initializer = keras.initializers.GlorotUniform(seed + len(FILTERS))
    logits = keras.layers.Dense(structures, kernel_initializer=initializer, name="logits")(features)
    return keras.Model(x, [features, logits], name="judge")


def shrink(images):
    """Returns uint8 images (N, H, W, C) as float32 in [0, 1], averaged down to 64 pixels a side where larger."""
    factor = max(1, images.shape[1] // IMAGE_SIZE)
    return np.stack([np.float32(downscale_local_mean(image, (factor, factor, 1)) / 255) for image in images])


def mirrored_at_random(images, rng):
    """Returns images (N, H, W, C) in one of the four mirrored poses each, by draws of `rng`."""
    images = np.array(images)
    for axis, chosen in enumerate(rng.random((2, len(images))) < 0.5, start=1):
        images[chosen] = np.flip(images[chosen], axis)
    return images
