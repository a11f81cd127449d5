"""Memorisation: are generated cells nearer to training cells than unseen real cells are?

After Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models": the
distances of generated and of held-out cells to the nearest training cell are compared by Mann and Whitney's statistic.
"""

import numpy as np

from icell_tf.evaluation.compared import smoothed_reference
from icell_tf.evaluation.judge import SEEN
from icell_tf.evaluation.metrics.distances import nearest_distances, probability_larger, two_sample_score
from icell_tf.evaluation.metrics.scores import proportion
from icell_tf.evaluation.views import regrouped
from icell_tf.spec import poses_along, spatial_axes

PERCENTILE = 1
SAMPLES = ("generated", "held-out", "reconstructed")


def measure(seen, training, judge, mirrored):
    """Returns distances to the nearest training cell, {"pixels", "features": {sample: (N,)}}, in two spaces.

    The samples are "generated", "held-out" and "reconstructed". Distances in pixels are root mean square differences
    of smoothed reference channels; those in features are of the judge's features. Both are of planes, see
    `CellSpec.plane`. The training cells are read once.

    Args:
      seen: {sample: `Seen`}.
      training: `CodedCells`, all that the model was trained on.
      judge: `Judge`.
      mirrored: whether the model was trained on mirrored cells too; then those count as training cells.
    """
    spec = training.spec
    points = {
        "pixels": {name: seen[name].outlines for name in SAMPLES},
        "features": {name: seen[name].features for name in SAMPLES},
    }
    nearest = {space: {name: np.full(len(seen[name].y), np.inf) for name in SAMPLES} for space in points}
    parts = (spec.plane(training.images(rows)) for rows in training.batches())
    for planes in regrouped(parts, SEEN):
        for pose in poses_along(spatial_axes(planes))[: 4 if mirrored else 1]:
            posed = np.flip(planes, pose)
            others = {"pixels": smoothed_reference(posed, spec), "features": judge.features(posed)}
            for space, samples in points.items():
                for name, values in samples.items():
                    distances = nearest_distances(values, others[space])
                    nearest[space][name] = np.minimum(nearest[space][name], distances)
    return nearest


def scores(distances, reference_names, seed=0):
    """Returns the `Score`s of distances to the nearest training cell.

    Args: of `measure`; the names of the reference channels; seed of the resampling.
    """
    meanings = {
        "pixels": f"{' and '.join(reference_names)}, smoothed, root mean square",
        "features": "the judge's features",
    }
    return [
        score
        for space, samples in distances.items()
        for score in _scores_in_space(space, samples, meanings[space], seed)
    ]


def _scores_in_space(space, samples, meaning, seed):
    generated, heldout, reconstructed = (samples[name] for name in SAMPLES)
    near = np.percentile(heldout, PERCENTILE)
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


def median_ratio(a, b):
    """Returns the median of a over that of b."""
    return float(np.median(a) / np.median(b))
