"""A small network that learns to tell drawn structures from observed ones: a test whether two samples are alike.

The area under its ROC curve on cells that it has not seen is 0.5 where it finds no difference, and 1 where draws give
themselves away (classifier two-sample test: Lopez-Paz & Oquab 2017, arXiv 1610.06545). It sees what correlations and
scores by pixel don't: whether the grain is right, and whether lines are lines. Architecture, augmentation and number of
steps are fixed, because a detector that is trained longer sees more.

It sees a volume as an image with a channel more for each plane: all voxels, at a small part of the cost of convolutions
in three dimensions, and what lies along z looks different at each height.
"""

import itertools
import math
from dataclasses import dataclass

import keras
import numpy as np

from icell_tf.evaluation import views
from icell_tf.networks import poses
from icell_tf.networks.blocks import down_conv, halved, leaky_relu
from icell_tf.spec import CellSpec, at_once

FILTERS = (16, 32, 64, 64)
UNITS = 64  # of the dense layer, which sees the image's features and the structure
BATCH = 16  # cells, each observed and drawn
SEEN = 256  # images that the detector looks at together
LEARNING_RATE = 2e-3
DROPOUT = 0.2
SHIFT = 4  # pixels of 64, at most


@dataclass(frozen=True, eq=False)
class Examples:
    """N observed cells, and D drawn ones beside each.

    Attributes:
      spec: their `CellSpec`.
      y: (N,) structure indices.
      observed: (N, *shape, C) uint8.
      drawn: (D, N, *shape, C) uint8.
    """

    spec: CellSpec
    y: np.ndarray
    observed: np.ndarray
    drawn: np.ndarray


def train_detector(examples, steps, seed=0):
    """Trains a detector. The same examples, steps and seed give the same one; the global generators are left alone.

    A step takes 16 cells, each as it was observed and in one of its draws, mirrored, shifted and, in square frames,
    turned by a right angle at random.

    Args: `Examples`; number of steps; seed of weights, order and poses.
    Returns: the network of `build_detector`; ask it by `verdicts`.
    """
    spec, rng = examples.spec, np.random.default_rng(seed)
    detector = build_detector(spec, seed)
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    detector.compile(keras.optimizers.Adam(schedule), loss)
    size = at_once(BATCH, spec.shape)
    labels = np.repeat(np.float32([1, 0]), size)[:, None]
    for _ in range(steps):
        rows, draws = rng.integers(0, len(examples.y), size), rng.integers(0, len(examples.drawn), size)
        x = np.concatenate([examples.observed[rows], examples.drawn[draws, rows]])
        detector.train_on_batch(_inputs(posed(x, spec, rng), np.tile(examples.y[rows], 2), spec), labels)
    return detector


def build_detector(spec, seed=0):
    """Returns the detector's network with fresh weights: four halving stages, the mean over space, two dense layers.

    It takes {"x": (B, Y, X, planes * C) in [0, 1], "y": (B, K)} and returns logits (B, 1), high for observed cells.

    Args: spec: the cells' `CellSpec`; seed: of the weights and of dropout.
    """
    shape, channels = spec.plane_shape, math.prod(spec.image_shape) // math.prod(spec.plane_shape)
    x, y = keras.Input((*shape, channels), name="x"), keras.Input((len(spec.structures),), name="y")
    seeds, h = itertools.count(seed), x

    def dense(units):
        return keras.layers.Dense(units, kernel_initializer=keras.initializers.GlorotUniform(next(seeds)))

    for filters in FILTERS:
        h = down_conv(filters, shape, initializer=keras.initializers.HeNormal(next(seeds)))(h)
        h = leaky_relu()(keras.layers.BatchNormalization(momentum=0.9)(h))
        shape = halved(shape)  # of h, (B, *shape, filters)
    h = keras.layers.Dropout(DROPOUT, seed=next(seeds))(keras.layers.GlobalAveragePooling2D()(h))
    h = leaky_relu()(dense(UNITS)(keras.layers.Concatenate()([h, dense(UNITS // 4)(y)])))
    return keras.Model({"x": x, "y": y}, dense(1)(h), name="detector")


def posed(images, spec, rng):
    """Returns images (N, *shape, C) in poses drawn at random: mirrored and turned one by one, shifted together."""
    images = views.mirrored(images, views.draw_poses(len(images), rng), spec.mirrored_axes)
    if poses.has_diagonal(spec):
        turned = rng.random(len(images)) < 0.5
        images[turned] = np.swapaxes(images[turned], *spec.mirrored_axes)  # with a mirrored axis a right angle
    most = [SHIFT * side // 64 for side in spec.plane_shape]
    return np.roll(images, [rng.integers(-step, step + 1) for step in most], spec.mirrored_axes)


def verdicts(detector, images, y, spec):
    """Returns logits, high for images that look observed, (N,). Args: images (N, *shape, C) uint8; y (N,)."""
    parts = views.batches(len(y), spec, SEEN)
    logits = [detector(_inputs(images[rows], y[rows], spec), training=False).numpy() for rows in parts]
    return np.concatenate(logits)[:, 0]


def _inputs(images, y, spec):
    in_plane = np.moveaxis(images, spec.mirrored_axes, (1, 2))  # (N, Y, X, C) or (N, Y, X, Z, C)
    x = in_plane.reshape(*in_plane.shape[:3], -1).astype(np.float32) / 255
    return {"x": x, "y": np.eye(len(spec.structures), dtype=np.float32)[y]}
