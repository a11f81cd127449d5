"""Scores of generated cells: does a judge take them for real, are they as varied, and have they the right shapes?"""

import numpy as np
from scipy import stats

from icell_tf.evaluation.metrics.distances import NEIGHBOURS, frechet_distance, is_covered, two_sample_score
from icell_tf.evaluation.metrics.scores import mean_score, proportion
from icell_tf.evaluation.metrics.shapes import SHAPES

LANDMARKS = {"real training cells": "training", "reconstructed cells": "reconstructed"}  # {name: sample}


def judged_scores(seen, structures, seed=0):
    """Returns the `Score`s of the judge's verdicts and, where there are more than k cells, of its features.

    Args: {sample: `Seen`}; K, how many structures the judge can tell apart; seed of the resampling.
    """
    hits, real_hits, of_reconstructed = (
        seen[sample].verdicts == seen[sample].y for sample in ("generated", "held-out", "reconstructed")
    )
    rivals = {"chance": 1 / structures}
    landmarks = {
        "real held-out cells": float(np.mean(real_hits)),
        "reconstructed cells": float(np.mean(of_reconstructed)),
    }
    about = "generated cells in which a classifier trained on real ones sees the structure that was asked for"
    on_real = "real held-out cells whose structure the judge sees; if it is low, the judge's verdicts mean nothing"
    scores = [
        proportion("judge_accuracy", hits.sum(), len(hits), rivals=rivals, landmarks=landmarks, about=about),
        proportion("judge_accuracy_on_real_cells", real_hits.sum(), len(real_hits), rivals=rivals, about=on_real),
    ]
    heldout, others = seen["held-out"].features, {name: seen[sample].features for name, sample in LANDMARKS.items()}
    if min(len(heldout), len(seen["training"].features)) > NEIGHBOURS:
        scores += _feature_scores(seen["generated"].features[: len(heldout)], heldout, others, seed)
    return scores


def drawn_scores(seen, structures, seed=0):
    """Returns the `Score`s of the judge's verdicts on draws in observed cells and, of enough cells, of its features.

    Args: as of `judged_scores`.
    """
    drawn, heldout, training = (seen[sample] for sample in ("drawn", "held-out", "training"))
    hits = drawn.verdicts == drawn.y
    landmarks = {"real held-out cells": float(np.mean(heldout.verdicts == heldout.y))}
    about = "draws in observed cells in which the judge sees the structure that was asked for"
    fields = {"rivals": {"chance": 1 / structures}, "landmarks": landmarks, "about": about}
    scores = [proportion("judge_accuracy_of_draws", hits.sum(), len(hits), **fields)]
    if min(len(heldout.y), len(training.y)) > NEIGHBOURS:
        about = "Fréchet distance of held-out cells with drawn structures from observed ones, in the judge's features"
        compared = drawn.features, heldout.features, {"real training cells": training.features}, seed
        fields = {"better": "lower", "about": about}
        scores.append(two_sample_score("frechet_distance_of_draws", frechet_distance, *compared, **fields))
    return scores


def _feature_scores(generated, heldout, others, seed):
    """Scores Fréchet distance, precision and recall of features (N, D), with {name: features} as landmarks."""
    about = "Fréchet distance of generated from real held-out cells in the judge's features"
    fields = {"better": "lower", "about": about}
    scores = [two_sample_score("frechet_distance", frechet_distance, generated, heldout, others, seed, **fields)]
    covered = {name: float(is_covered(features, heldout).mean()) for name, features in others.items()}
    covering = {name: float(is_covered(heldout, features).mean()) for name, features in others.items()}
    for metric, points, sample, landmarks, about in (
        ("precision", generated, heldout, covered, "generated cells among real held-out ones"),
        ("recall", heldout, generated, covering, "real held-out cells among generated ones"),
    ):
        about += f" in the judge's features (k = {NEIGHBOURS})"
        hits = is_covered(points, sample)
        scores.append(proportion(metric, hits.sum(), len(hits), landmarks=landmarks, about=about))
    return scores


def detail_score(seen, noise_free=None, seed=0):
    """Returns the `Score` of how much of the structure's image is finer than a 64th of the frame: noise, and detail.

    Args: {sample: `Seen`}; (N,) detail of held-out cells without noise, or None; seed of the resampling.
    """
    others = {"real held-out cells": seen["held-out"].detail, "reconstructed cells": seen["reconstructed"].detail}
    if noise_free is not None:
        others["real held-out cells without noise"] = noise_free
    landmarks = {name: float(values.mean()) for name, values in others.items()}
    about = "part of the intensity in the structure's images that smoothing by one pixel in 64 takes away"
    return mean_score("detail", seen["generated"].detail, seed, landmarks=landmarks, better="near", about=about)


def shape_scores(shapes, seed=0):
    """Returns the `Score`s of how far the generated cells' shapes are from those of held-out ones.

    Wasserstein distances, in the unit of the quantity. Args: {sample: `Seen.shapes`}; seed of the resampling.
    """
    scores = []
    for shape, meaning in SHAPES.items():
        of = {sample: values[shape][~np.isnan(values[shape])] for sample, values in shapes.items()}
        generated, real = of["generated"], of["held-out"]
        if not len(real) or not len(generated):
            continue
        others = {name: of[sample] for name, sample in LANDMARKS.items() if len(of[sample])}
        medians = f"{np.median(generated):.3g} and {np.median(real):.3g}"
        about = f"Wasserstein distance of generated from held-out cells: {meaning}; medians {medians}"
        compared = stats.wasserstein_distance, generated, real, others, seed
        scores.append(two_sample_score(f"{shape}_distance", *compared, better="lower", about=about))
    return scores
