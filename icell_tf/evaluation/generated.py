"""Generated cells beside real ones: does a judge believe them, are they as varied, and have they the right shapes?"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats

from icell_tf.evaluation.judge import mirrored_at_random
from icell_tf.evaluation.metrics.distances import NEIGHBOURS, covered, frechet_distance, two_sample_interval
from icell_tf.evaluation.metrics.scores import Score, mean_score, proportion
from icell_tf.evaluation.metrics.shapes import SHAPES, SMOOTHING, measure_shapes

ENOUGH = 400  # cells for a proportion within 0.05, however few the test split has
BATCH = 50


@dataclass(frozen=True, eq=False)
class Samples:
    """Cells that are compared with each other, all uint8 (H, W, 3), in the poses the model was trained on.

    Attributes:
      generated: (G, H, W, 3), G >= N, the first N with the structures `y` of the held-out ones.
      generated_y: (G,).
      heldout: (N, H, W, 3), real and not trained on. y: (N,).
      training: (M, H, W, 3), real, M = N where there are as many: a random part.
      reconstructed: (N, H, W, 3), the held-out ones, encoded and decoded: as blurred as generated ones, of real shapes.
      noise_free: (N, H, W, 3), the held-out ones without noise, or None where the data set doesn't know them.
    """

    generated: np.ndarray
    generated_y: np.ndarray
    heldout: np.ndarray
    y: np.ndarray
    training: np.ndarray
    reconstructed: np.ndarray
    noise_free: np.ndarray | None = None


def draw_samples(integrator, heldout, training, seed=0):
    """Generates cells in the held-out split's proportions, and puts beside them what they are compared with.

    Args:
      integrator: the trained `Integrator`.
      heldout, training: `CodedCells`.
      seed: of the codes, the poses and the part of the training cells.

    Returns: `Samples`.
    """
    rng = np.random.default_rng(seed)
    part = rng.permutation(len(training))[: len(heldout)]
    pose = in_training_poses if integrator.mirrored else lambda images, seed: images
    real = pose(heldout.images, seed)
    y = np.tile(heldout.y, -(-ENOUGH // len(heldout)))
    return Samples(
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


def generated_scores(samples, judge, pixel_size):
    """Returns {name: Score} of generated cells, and what to draw of them: {sample: {shape: (N,)}}.

    Args:
      samples: `Samples`.
      judge: `Judge`, trained on real training cells.
      pixel_size: in µm.
    """
    shapes = {
        name: measure_shapes(images, pixel_size)
        for name, images in (
            ("generated", samples.generated),
            ("held-out", samples.heldout),
            ("training", samples.training),
            ("reconstructed", samples.reconstructed),
        )
    }
    return judged_scores(samples, judge) | {"detail": detail_score(samples)} | shape_scores(shapes), shapes


def judged_scores(samples, judge):
    """Returns {name: Score} of the judge's verdicts and, where there are more than k cells, of its features."""
    generated, verdicts = judge.look(samples.generated)
    heldout, real_verdicts = judge.look(samples.heldout)
    reconstructed, reconstructed_verdicts = judge.look(samples.reconstructed)
    chance, hits = {"chance": 1 / judge.structures}, verdicts == samples.generated_y
    real = {
        "real held-out cells": float(np.mean(real_verdicts == samples.y)),
        "reconstructed cells": float(np.mean(reconstructed_verdicts == samples.y)),
    }
    scores = {
        "judge_accuracy": proportion(
            hits.sum(),
            len(hits),
            rivals=chance,
            landmarks=real,
            about="generated cells in which a classifier trained on real ones sees the structure that was asked for",
        ),
        "judge_accuracy_on_real_cells": proportion(
            np.sum(real_verdicts == samples.y),
            len(samples.y),
            rivals=chance,
            about="real held-out cells whose structure the judge sees; without it its verdicts mean nothing",
        ),
    }
    if min(len(heldout), len(samples.training)) <= NEIGHBOURS:
        return scores
    others = {"real training cells": judge.features(samples.training), "reconstructed cells": reconstructed}
    return scores | feature_scores(generated[: len(heldout)], heldout, others)


def feature_scores(generated, heldout, others):
    """Returns {name: Score}: Fréchet distance, precision and recall.

    Args:
      generated, heldout: features (N, D).
      others: {name: features}, landmarks.
    """
    return {
        "frechet_distance": Score(
            frechet_distance(generated, heldout),
            len(generated),
            two_sample_interval(frechet_distance, generated, heldout),
            landmarks={name: frechet_distance(features, heldout) for name, features in others.items()},
            better="lower",
            about="Fréchet distance of generated from real held-out cells in the judge's features",
        ),
        "precision": proportion(
            covered(generated, heldout).sum(),
            len(generated),
            landmarks={name: float(covered(features, heldout).mean()) for name, features in others.items()},
            about=f"generated cells among real held-out ones in the judge's features (k = {NEIGHBOURS})",
        ),
        "recall": proportion(
            covered(heldout, generated).sum(),
            len(heldout),
            landmarks={name: float(covered(heldout, features).mean()) for name, features in others.items()},
            about=f"real held-out cells among generated ones in the judge's features (k = {NEIGHBOURS})",
        ),
    }


def detail_score(samples):
    """Returns the Score of how much of the structure's image is finer than a 64th of the frame: noise, and detail."""
    others = {"real held-out cells": samples.heldout, "reconstructed cells": samples.reconstructed}
    if samples.noise_free is not None:
        others["real held-out cells without noise"] = samples.noise_free
    return mean_score(
        detail(samples.generated[..., -1]),
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


def shape_scores(shapes):
    """Returns {name: Score} of how far the generated cells' shapes are from those of held-out ones.

    Wasserstein distances, in the unit of the quantity. Args: {sample: {shape: (N,)}} as of `generated_scores`.
    """
    scores = {}
    for shape, meaning in SHAPES.items():
        of = {sample: values[shape][~np.isnan(values[shape])] for sample, values in shapes.items()}
        real = of["held-out"]
        if not len(real) or not len(of["generated"]):
            continue
        others = {"real training cells": of["training"], "reconstructed cells": of["reconstructed"]}
        scores[f"{shape}_distance"] = Score(
            stats.wasserstein_distance(of["generated"], real),
            len(of["generated"]),
            two_sample_interval(stats.wasserstein_distance, of["generated"], real),
            landmarks={
                name: stats.wasserstein_distance(values, real) for name, values in others.items() if len(values)
            },
            better="lower",
            about=f"Wasserstein distance of generated from held-out cells: {meaning}; medians "
            f"{np.median(of['generated']):.3g} and {np.median(real):.3g}",
        )
    return scores
