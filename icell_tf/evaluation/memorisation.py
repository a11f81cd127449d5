"""Memorisation: are generated cells nearer to training cells than unseen real cells are?

After Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models": the
distances of generated and of held-out cells to the nearest training cell are compared by Mann and Whitney's statistic.
"""

import numpy as np
from scipy import ndimage, stats

from icell_tf.evaluation.judge import shrink
from icell_tf.evaluation.metrics.distances import nearest_distances, two_sample_interval
from icell_tf.evaluation.metrics.scores import Score, proportion

SMOOTHING = 2.0  # pixels of a 64-pixel frame: noise of real images, which generated ones lack, must not set them apart
POSES = ((), (1,), (2,), (1, 2))
PERCENTILE = 1
BATCH = 256


def identity_scores(samples, training, judge, mirrored):
    """Returns {name: Score} of the nearness of generated cells to training cells, and the distances to draw.

    Args:
      samples: `Samples`; the held-out cells and their reconstructions are what generated ones are held against.
      training: (M, H, W, 3) uint8, all cells the model was trained on.
      judge: `Judge`.
      mirrored: whether the model was trained on mirrored cells too; then those count as training cells.

    Returns: ({name: Score}, {"pixels" or "features": {"generated", "held-out", "reconstructed": (N,)}}).
    """
    spaces = {
        "pixels": (outlook, "membrane and nucleus, smoothed, root mean square"),
        "features": (judge.features, "the judge's features"),
    }
    poses = POSES if mirrored else POSES[:1]
    scores, distances = {}, {}
    for space, (look, meaning) in spaces.items():
        queries = {"generated": samples.generated, "held-out": samples.heldout, "reconstructed": samples.reconstructed}
        queries = {name: look(images) for name, images in queries.items()}
        nearest = [
            {name: nearest_distances(query, look(np.flip(training, pose))) for name, query in queries.items()}
            for pose in poses
        ]
        distances[space] = {name: np.min([of[name] for of in nearest], axis=0) for name in queries}
        scores |= {f"{space}_{key}": score for key, score in copying_scores(distances[space], meaning).items()}
    return scores, distances


def copying_scores(distances, meaning):
    """Returns {name: Score} from distances to the nearest training cell.

    Args: {"generated": (G,), "held-out": (N,), "reconstructed": (N,)}; what the distance is of.
    """
    generated, heldout, reconstructed = (distances[name] for name in ("generated", "held-out", "reconstructed"))
    near = np.percentile(heldout, PERCENTILE)
    return {
        "distance_ratio": Score(
            median_ratio(generated, heldout),
            len(generated),
            two_sample_interval(median_ratio, generated, heldout),
            landmarks={"real held-out cells": 1.0, "reconstructed cells": median_ratio(reconstructed, heldout)},
            better="near",
            about=f"distance of generated to nearest training cells over that of held-out ones, medians; {meaning}",
        ),
        "copies": proportion(
            np.sum(generated < near),
            len(generated),
            landmarks={
                "real held-out cells": PERCENTILE / 100,
                "reconstructed cells": float(np.mean(reconstructed < near)),
            },
            better="lower",
            about=f"generated cells nearer to a training cell than {100 - PERCENTILE}% of held-out ones; {meaning}",
        ),
        "farther": Score(
            farther(generated, heldout),
            len(generated),
            two_sample_interval(farther, generated, heldout),
            landmarks={"real held-out cells": 0.5, "reconstructed cells": farther(reconstructed, heldout)},
            better="near",
            about="probability that a generated cell is farther from its nearest training cell than a held-out one "
            f"(Mann-Whitney); {meaning}",
        ),
    }


def outlook(images):
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


def farther(a, b):
    """Returns P(a > b) + P(a = b) / 2, the area under the curve of Mann and Whitney's U. Args: (N,) and (M,)."""
    return float(stats.mannwhitneyu(a, b).statistic / (len(a) * len(b)))
