"""Scores of generated cells: does a judge take them for real, are they as varied, and have they the right shapes?"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats

from icell_tf.evaluation.judge import mirrored_at_random
from icell_tf.evaluation.metrics.distances import NEIGHBOURS, frechet_distance, is_covered, two_sample_interval
from icell_tf.evaluation.metrics.scores import Score, mean_score, proportion
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
    pose = in_training_poses if integrator.mirrored else lambda images, seed: images
    real = pose(heldout.images, seed)
    y = np.tile(heldout.y, -(-ENOUGH // len(heldout)))
    return ComparedCells(
        np.concatenate([_sample(integrator, y[i : i + BATCH], seed + i) for i in range(0, len(y), BATCH)]),
        y,
        real,
        heldout.y,
        pose(training.images[part], seed + 1),
        np.concatenate([_reconstruct(integrator, real[i : i + BATCH]) for i in range(0, len(real), BATCH)]),
        None if heldout.noise_free is None else pose(heldout.noise_free, seed),
    )


def in_training_poses(images, seed):
    """Mirrors cells at random along either axis: a model that was trained so makes cells in all four poses.

    Args: (N, H, W, C); the same seed mirrors the same way. Returns: (N, H, W, C).
    """
    return mirrored_at_random(images, np.random.default_rng(seed))


def _sample(integrator, y, seed):
    return _to_uint8(integrator.sample(y, seed)["x_rs"])


def _reconstruct(integrator, images):
    return _to_uint8(integrator.reconstruct(images.astype(np.float32) / 255)["x_rs_hat"])


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
    chance, hits = {"chance": 1 / judge.structures}, verdicts == compared.generated_y
    real = {
        "real held-out cells": float(np.mean(real_verdicts == compared.y)),
        "reconstructed cells": float(np.mean(reconstructed_verdicts == compared.y)),
    }
    scores = [
        proportion(
            "judge_accuracy",
            hits.sum(),
            len(hits),
            rivals=chance,
            landmarks=real,
            about="generated cells in which a classifier trained on real ones sees the structure that was asked for",
        ),
        proportion(
            "judge_accuracy_on_real_cells",
            np.sum(real_verdicts == compared.y),
            len(compared.y),
            rivals=chance,
            about="real held-out cells whose structure the judge sees; if it is low, the judge's verdicts mean nothing",
        ),
    ]
    if min(len(heldout), len(compared.training)) <= NEIGHBOURS:
        return scores
    others = {"real training cells": judge.features(compared.training), "reconstructed cells": reconstructed}
    return scores + feature_scores(generated[: len(heldout)], heldout, others, seed)


def feature_scores(generated, heldout, others, seed=0):
    """Returns the `Score`s of Fréchet distance, precision and recall.

    Args:
      generated, heldout: features (N, D).
      others: {name: features}, landmarks.
      seed: of the resampling.
    """
    return [
        Score(
            "frechet_distance",
            frechet_distance(generated, heldout),
            len(generated),
            two_sample_interval(frechet_distance, generated, heldout, seed),
            landmarks={name: frechet_distance(features, heldout) for name, features in others.items()},
            better="lower",
            about="Fréchet distance of generated from real held-out cells in the judge's features",
        ),
        proportion(
            "precision",
            is_covered(generated, heldout).sum(),
            len(generated),
            landmarks={name: float(is_covered(features, heldout).mean()) for name, features in others.items()},
            about=f"generated cells among real held-out ones in the judge's features (k = {NEIGHBOURS})",
        ),
        proportion(
            "recall",
            is_covered(heldout, generated).sum(),
            len(heldout),
            landmarks={name: float(is_covered(heldout, features).mean()) for name, features in others.items()},
            about=f"real held-out cells among generated ones in the judge's features (k = {NEIGHBOURS})",
        ),
    ]


def detail_score(compared, seed=0):
    """Returns the `Score` of how much of the structure's image is finer than a 64th of the frame: noise, and detail."""
    others = {"real held-out cells": compared.heldout, "reconstructed cells": compared.reconstructed}
    if compared.noise_free is not None:
        others["real held-out cells without noise"] = compared.noise_free
    return mean_score(
        "detail",
        detail(compared.generated[..., -1]),
        seed,
        landmarks={name: float(detail(images[..., -1]).mean()) for name, images in others.items()},
        better="near",
        about="part of the intensity in the structure's images that smoothing by one pixel in 64 takes away",
    )


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
        real = of["held-out"]
        if not len(real) or not len(of["generated"]):
            continue
        others = {"real training cells": of["training"], "reconstructed cells": of["reconstructed"]}
        scores.append(
            Score(
                f"{shape}_distance",
                stats.wasserstein_distance(of["generated"], real),
                len(of["generated"]),
                two_sample_interval(stats.wasserstein_distance, of["generated"], real, seed),
                landmarks={
                    name: stats.wasserstein_distance(values, real) for name, values in others.items() if len(values)
                },
                better="lower",
                about=f"Wasserstein distance of generated from held-out cells: {meaning}; medians "
                f"{np.median(of['generated']):.3g} and {np.median(real):.3g}",
            )
        )
    return scores
