"""A small classifier that judges generated cells, so that the model that made them doesn't judge itself.

Its features take the place of those of an Inception network in the Fréchet distance and in precision and recall:
Inception was trained on photographs, and features that tell structures apart are at least about cells.

Half of the cells it learns from are smoothed. A decoder leaves out noise, and what a judge that knows only noisy cells
sees in such images is chance: two judges of different seeds recognised 0.73 and 0.81 of the same reconstructions, two
that were trained on smoothed cells as well 0.89 and 0.90. How much detail is missing is a score of its own.

The judge sees planes, `CellSpec.plane`: of volumes their maximum along z.
"""

from dataclasses import dataclass

import keras
import numpy as np
from scipy import ndimage
from skimage.transform import downscale_local_mean

from icell_tf.evaluation.views import block, draw_poses, mirrored
from icell_tf.spec import spatial_axes

FILTERS = (16, 32, 64, 64)
IMAGE_SIZE = 64  # pixels of the longer side; larger planes are averaged down, so that the frame costs nothing
STEPS = 900
BATCH = 32
SEEN = 256  # planes that the judge looks at together
LEARNING_RATE = 2e-3
SMOOTHING = (0.5, 1.5)  # standard deviations of a Gaussian, pixels of 64


@dataclass(frozen=True, eq=False)
class Judge:
    """A trained classifier of cells.

    Attributes:
      network: small planes (B, h, w, C) in [0, 1] -> [features (B, 64), logits (B, K)].
    """

    network: keras.Model

    @property
    def structures(self):
        """K, how many structures it can tell apart."""
        return self.network.outputs[1].shape[-1]

    def look(self, planes):
        """Returns what the judge sees in planes (N, Y, X, C) uint8: features (N, 64) and structure indices (N,)."""
        parts = [self.network(shrink(planes[i : i + SEEN]), training=False) for i in range(0, len(planes), SEEN)]
        features, logits = (np.concatenate([part[k].numpy() for part in parts]) for k in range(2))
        return features, logits.argmax(axis=1)

    def features(self, planes):
        """Returns the features (N, 64) alone."""
        return self.look(planes)[0]


def train_judge(training, seed=0, steps=STEPS):
    """Trains a judge on real cells, mirrored at random, half of them smoothed, structures equally frequent.

    The same cells, seed and number of threads give the same judge; the global generators are left alone. The cells are
    read as they are needed.

    Args:
      training: `CodedCells`.
      seed: of the weights and of the order.
      steps: batches of 32 cells: the cost is the same for few cells and for many.

    Returns: `Judge`.
    """
    spec, y, rng = training.spec, training.y, np.random.default_rng(seed)
    small = [side // size for side, size in zip(spec.plane_shape, block(spec.plane_shape, IMAGE_SIZE), strict=True)]
    network = build_judge((*small, len(spec.channels)), len(spec.structures), seed)
    trained = keras.Model(network.inputs, network.outputs[1])
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.Adam(schedule), loss)
    weights = 1 / np.bincount(y)[y]
    for _ in range(steps):
        index = rng.choice(len(y), BATCH, p=weights / weights.sum())
        x = shrink(spec.plane(training.images(index)))
        x = mirrored(x, draw_poses(BATCH, rng), spatial_axes(x))
        sigma = rng.uniform(*SMOOTHING) * max(small) / IMAGE_SIZE
        x[: BATCH // 2] = ndimage.gaussian_filter(x[: BATCH // 2], sigma, axes=spatial_axes(x))
        trained.train_on_batch(x, y[index])
    return Judge(network)


def build_judge(shape, structures, seed=0):
    """Returns the judge's network with fresh weights: four halving stages, the mean over space, a dense layer.

    Args: shape: of a small plane, (h, w, C); structures: K; seed: of the weights.
    """
    x = h = keras.Input(shape, name="x")
    for stage, filters in enumerate(FILTERS):
        initializer = keras.initializers.HeNormal(seed + stage)
        h = keras.layers.Conv2D(filters, 4, 2, "same", use_bias=False, kernel_initializer=initializer)(h)
        h = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(h))  # (B, h/2, w/2, filters)
    features = keras.layers.GlobalAveragePooling2D(name="features")(h)
    initializer = keras.initializers.GlorotUniform(seed + len(FILTERS))
    logits = keras.layers.Dense(structures, kernel_initializer=initializer, name="logits")(features)
    return keras.Model(x, [features, logits], name="judge")


def shrink(planes):
    """Returns planes (N, Y, X, C) uint8 as float32 in [0, 1], averaged down to 64 pixels along the longer side."""
    _, *shape, _ = planes.shape
    blocks = (*block(shape, IMAGE_SIZE), 1)
    return np.stack([np.float32(downscale_local_mean(plane, blocks) / 255) for plane in planes])
