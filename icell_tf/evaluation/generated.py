"""Scores of generated cells: does a judge take them for real, are they as varied, and have they the right shapes?"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats

from icell_tf.evaluation.judge import mirrored_at_random
from icell_tf.evaluation.metrics.distances import NEIGHBOURS, frechet_distance, is_covered, two_sample_score
from icell_tf.evaluation.metrics.scores import mean_score, proportion
from icell_tf.evaluation.metrics.shapes import SHAPES, SMOOTHING, measure_shapes

ENOUGH = 400  # generated cells, at least, for proportions to 0.05, also of a small test split
BATCH = 50


@dataclass(frozen=True, eq=False)
class ComparedCells:
    """Generated cells and the real ones they are compared with, uint8, in the poses the model was trained on.

    Attributes:
      generated: (G, H, W, 3), G >= N, the first N with the structures `y` of the held-out ones.
      generated_y: (G,).
      heldout: (N, H, W, 3), real and not trained on. y: (N,).
      training: (M, H, W, 3), real, M = N where there are as many: a random part.
      reconstructed: (N, H, W, 3), the held-out ones, encoded and decoded: blurred like generated ones, real in shape.
      noise_free: (N, H, W, 3), the held-out ones without noise, or None where the data set doesn't know them.
    """

    generated: np.ndarray
    generated_y: np.ndarray
    heldout: np.ndarray
    y: np.ndarray
    training: np.ndarray
    reconstructed: np.ndarray
    noise_free: np.ndarray | None = None


def generate(integrator, heldout, training, seed=0):
    """Generates cells with the structures of the held-out ones, and prepares the cells they are compared with.

    Args:
      integrator: the trained `Integrator`.
      heldout, training: `CodedCells`.
      seed: of the codes, the poses and the part of the training cells.

    Returns: `ComparedCells`.
    """
    rng = np.random.default_rng(seed)
    part = rng.permutation(len(training))[: len(heldout)]

    def pose(images, seed):  # a model trained on mirrored cells makes cells in all four poses
        return mirrored_at_random(images, np.random.default_rng(seed)) if integrator.mirrored else images

    real, y = pose(heldout.images, seed), np.tile(heldout.y, -(-ENOUGH // len(heldout)))
    sampled = [_to_uint8(integrator.sample(y[i : i + BATCH], seed + i)["x_rs"]) for i in range(0, len(y), BATCH)]
    batches = (real[i : i + BATCH].astype(np.float32) / 255 for i in range(0, len(real), BATCH))
    reconstructed = np.concatenate([_to_uint8(integrator.reconstruct(x_rs)["x_rs_hat"]) for x_rs in batches])
    noise_free = None if heldout.noise_free is None else pose(heldout.noise_free, seed)
    training = pose(training.images[part], seed + 1)
    return ComparedCells(np.concatenate(sampled), y, real, heldout.y, training, reconstructed, noise_free)


def _to_uint8(images):
    return np.rint(255 * images).astype(np.uint8)


def measure_all_shapes(compared, pixel_size):
    """Returns {sample: {shape: (N,)}} of `ComparedCells`, see `measure_shapes`. Args: `ComparedCells`; in µm."""
    samples = {"generated": compared.generated, "held-out": compared.heldout}
    samples |= {"training": compared.training, "reconstructed": compared.reconstructed}
    return {name: measure_shapes(images, pixel_size) for name, images in samples.items()}


def judged_scores(compared, judge, seed=0):
    """Returns the `Score`s of the judge's verdicts and, where there are more than k cells, of its features.

    Args: `ComparedCells`; `Judge`, trained on real training cells; seed of the resampling.
    """
    generated, verdicts = judge.look(compared.generated)
    heldout, real_verdicts = judge.look(compared.heldout)
    reconstructed, reconstructed_verdicts = judge.look(compared.reconstructed)
    rivals, hits = {"chance": 1 / judge.structures}, verdicts == compared.generated_y
    real_hits = real_verdicts == compared.y
    of_reconstructed = float(np.mean(reconstructed_verdicts == compared.y))
    landmarks = {"real held-out cells": float(np.mean(real_hits)), "reconstructed cells": of_reconstructed}
    about = "generated cells in which a classifier trained on real ones sees the structure that was asked for"
    on_real = "real held-out cells whose structure the judge sees; if it is low, the judge's verdicts mean nothing"
    scores = [
        proportion("judge_accuracy", hits.sum(), len(hits), rivals=rivals, landmarks=landmarks, about=about),
        proportion("judge_accuracy_on_real_cells", real_hits.sum(), len(real_hits), rivals=rivals, about=on_real),
    ]
    if min(len(heldout), len(compared.training)) > NEIGHBOURS:
        others = {"real training cells": judge.features(compared.training), "reconstructed cells": reconstructed}
        scores += _feature_scores(generated[: len(heldout)], heldout, others, seed)
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


def detail_score(compared, seed=0):
    """Returns the `Score` of how much of the structure's image is finer than a 64th of the frame: noise, and detail."""
    others = {"real held-out cells": compared.heldout, "reconstructed cells": compared.reconstructed}
    if compared.noise_free is not None:
        others["real held-out cells without noise"] = compared.noise_free
    landmarks = {name: float(detail(images[..., -1]).mean()) for name, images in others.items()}
    about = "part of the intensity in the structure's images that smoothing by one pixel in 64 takes away"
    values = detail(compared.generated[..., -1])
    return mean_score("detail", values, seed, landmarks=landmarks, better="near", about=about)


def detail(images):
    """Returns |x - smoothed x| / |x| of images (N, H, W) uint8, (N,), 0 for an empty one."""
    parts = []
    for image in images.astype(np.float32):
        rough = image - ndimage.gaussian_filter(image, len(image) / SMOOTHING)
        parts.append(np.linalg.norm(rough) / max(np.linalg.norm(image), 1e-6))
    return np.array(parts)


def shape_scores(shapes, seed=0):
    """Returns the `Score`s of how far the generated cells' shapes are from those of held-out ones.

    Wasserstein distances, in the unit of the quantity. Args: as of `measure_all_shapes`; seed of the resampling.
    """
    scores = []
    for shape, meaning in SHAPES.items():
        of = {sample: values[shape][~np.isnan(values[shape])] for sample, values in shapes.items()}
        generated, real = of["generated"], of["held-out"]
        if not len(real) or not len(generated):
            continue
        others = {"real training cells": of["training"], "reconstructed cells": of["reconstructed"]}
        others = {name: values for name, values in others.items() if len(values)}
        medians = f"{np.median(generated):.3g} and {np.median(real):.3g}"
        about = f"Wasserstein distance of generated from held-out cells: {meaning}; medians {medians}"
        compared = stats.wasserstein_distance, generated, real, others, seed
        scores.append(two_sample_score(f"{shape}_distance", *compared, better="lower", about=about))
    return scores
