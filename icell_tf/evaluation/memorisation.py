"""Memorisation: are generated cells nearer to training cells than unseen real cells are?

After Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models": the
distances of generated and of held-out cells to the nearest training cell are compared by Mann and Whitney's statistic.
"""

import numpy as np
from scipy import ndimage

from icell_tf.evaluation.judge import shrink
from icell_tf.evaluation.metrics.distances import nearest_distances, probability_larger, two_sample_score
from icell_tf.evaluation.metrics.scores import proportion

SMOOTHING = 2.0  # pixels of a 64-pixel frame: only real images have noise, which must not make them look far away
POSES = ((), (1,), (2,), (1, 2))
PERCENTILE = 1
SPACES = {"pixels": "membrane and nucleus, smoothed, root mean square", "features": "the judge's features"}
BATCH = 256


def measure(compared, training, judge, mirrored):
    """Returns distances to the nearest training cell, {"pixels", "features": {sample: (N,)}}, in two spaces.

    The samples are "generated", "held-out" and "reconstructed". Distances in pixels are root mean square differences
    of smoothed membrane and nucleus; those in features are of the judge's features.

    Args:
      compared: `ComparedCells`.
      training: (M, H, W, 3) uint8, all cells the model was trained on.
      judge: `Judge`.
      mirrored: whether the model was trained on mirrored cells too; then those count as training cells.
    """
    samples = {"generated": compared.generated, "held-out": compared.heldout, "reconstructed": compared.reconstructed}
    distances = {}
    for space, vectors in (("pixels", smoothed_shapes), ("features", judge.features)):
        points = {name: vectors(images) for name, images in samples.items()}
        nearest = []
        for pose in POSES if mirrored else POSES[:1]:
            others = vectors(np.flip(training, pose))
            nearest.append({name: nearest_distances(values, others) for name, values in points.items()})
        distances[space] = {name: np.min([of_pose[name] for of_pose in nearest], axis=0) for name in samples}
    return distances


def scores(distances, seed=0):
    """Returns the `Score`s of distances to the nearest training cell. Args: of `measure`; seed of the resampling."""
    return [score for space, samples in distances.items() for score in _scores_in_space(space, samples, seed)]


def _scores_in_space(space, samples, seed):
    generated, heldout, reconstructed = (samples[name] for name in ("generated", "held-out", "reconstructed"))
    near, meaning = np.percentile(heldout, PERCENTILE), SPACES[space]
    compared = generated, heldout, {"real held-out cells": heldout, "reconstructed cells": reconstructed}, seed
    landmarks = {"real held-out cells": PERCENTILE / 100, "reconstructed cells": float(np.mean(reconstructed < near))}
    ratio = f"distance of generated to nearest training cells over that of held-out ones, medians; {meaning}"
    copies = f"generated cells nearer to a training cell than {100 - PERCENTILE}% of held-out ones; {meaning}"
    farther = "probability that a generated cell is farther from its nearest training cell than a held-out one "
    farther += f"(Mann-Whitney); {meaning}"
    fields, hits = {"better": "near", "space": space}, np.sum(generated < near)
    return [
        two_sample_score("distance_ratio", median_ratio, *compared, about=ratio, **fields),
        proportion("copies", hits, len(generated), landmarks=landmarks, about=copies, **fields | {"better": "lower"}),
        two_sample_score("farther", probability_larger, *compared, about=farther, **fields),
    ]


def smoothed_shapes(images):
    """Returns smoothed membrane and nucleus of cells (N, H, W, 3) uint8 as vectors (N, D).

    They are scaled so that the distance of two is their root mean square difference.
    """
    parts = []
    for start in range(0, len(images), BATCH):
        x_r = shrink(images[start : start + BATCH, ..., :2])
        sigma = SMOOTHING * x_r.shape[1] / 64
        parts.append(ndimage.gaussian_filter(x_r, (0, sigma, sigma, 0))[:, ::2, ::2].reshape(len(x_r), -1))
    vectors = np.concatenate(parts)
    return vectors / np.sqrt(vectors.shape[1])


def median_ratio(a, b):
    """Returns the median of a over that of b."""
    return float(np.median(a) / np.median(b))
