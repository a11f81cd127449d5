"""Integration: does the model predict where a structure is better than the training cells do?"""

from dataclasses import dataclass

import numpy as np

from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.neighbours import Neighbours

BATCH = 12  # cells whose K predictions are floats at once: 63 MB an array at 256 px and K = 10


@dataclass(frozen=True, eq=False)
class Integration:
    """How well the structures of N cells are predicted.

    Attributes:
      structures: K names.
      compared_with: "expected", the expected localization of every structure, or "observed", the structure that the
        cell shows.
      r: {prediction: (N, K)}, Pearson correlation over the frame, NaN where there is nothing to compare with. The
        predictions: model (Algorithm 3), mean_of_draws, the rivals class_mean, nearest, nearest_pixels,
        mean_of_nearest and mean_of_nearest_pixels (see `Neighbours`), and with "expected" the ceiling, a second
        estimate of the expected localization.
      r_inside: the same inside the cell, without ceiling.
      pairs: {structure: list of (n, n)}, over the n cells that show it, in order: correlation over the frame of the
        observed structure of cell i with Algorithm 3's prediction for the shape of cell j. One matrix, or, where the
        folds of a cross-validation are pooled, one a fold.
    """

    structures: tuple[str, ...]
    compared_with: str
    r: dict[str, np.ndarray]
    r_inside: dict[str, np.ndarray]
    pairs: dict[str, list[np.ndarray]]


def measure(integrator, test, training, draws=32, seed=0):
    """Predicts every structure in every cell by the model and its rivals, and correlates them with what is known.

    For a model trained on mirrored cells, `Neighbours` searches the training cells once as they are and once in four
    poses; the better of the two by mean correlation over the frame is the rival.

    Args:
      integrator: the trained `Integrator`.
      test, training: `CodedCells` of the test and the training split.
      draws: draws of z_s ~ N(0, I) for the prediction mean_of_draws.
      seed: of the draws.

    Returns: `Integration`.
    """
    neighbours = Neighbours(integrator, training)
    found, k = neighbours.find(test), len(integrator.structures)
    parts, predicted = [], []
    for rows in test.batches(BATCH):
        x_rs, y = test.x_rs(rows), test.y[rows]
        integrated = integrator.integrate(x_rs[..., :-1], samples=draws, seed=seed)
        predictions = {
            "model": integrated["structures"],
            "mean_of_draws": integrated["mean"],
            "class_mean": np.broadcast_to(neighbours.class_mean, integrated["structures"].shape),
            **{name: neighbours.structures(indices[rows]) for name, indices in found.items()},
        }
        mask = correlation.cell_mask(x_rs)
        if test.expected is None:
            parts.append(_against_observed(predictions, x_rs[..., -1], y, k, mask))
        else:
            parts.append(_against_expected(predictions, test.expected[rows], mask))
        predicted.append(integrated["structures"][np.arange(len(y)), ..., y])
    r, r_inside = ({name: np.concatenate([part[i][name] for part in parts]) for name in parts[0][i]} for i in (0, 1))
    r, r_inside = keep_the_better(r, r_inside)
    if test.ceiling is not None:
        r["ceiling"] = test.ceiling
    pairs = _pairs(test, np.concatenate(predicted), integrator.structures)
    compared_with = "observed" if test.expected is None else "expected"
    return Integration(tuple(integrator.structures), compared_with, r, r_inside, pairs)


def _against_expected(predictions, expected, mask):
    return tuple({name: correlation.pearson(p, expected, m) for name, p in predictions.items()} for m in (None, mask))


def _against_observed(predictions, x_s, y, k, mask):
    """Returns correlations (B, K), NaN but for the one structure that each cell shows."""

    def correlations(mask):
        found = {}
        for name, prediction in predictions.items():
            shown = prediction[np.arange(len(y)), ..., y][..., None]
            found[name] = np.full((len(y), k), np.nan)
            found[name][np.arange(len(y)), y] = correlation.pearson(shown, x_s[..., None], mask)[:, 0]
        return found

    return correlations(None), correlations(mask)


def keep_the_better(r, r_inside):
    """Keeps, of neighbours in one pose and in four, those with the higher mean r, under the name without _mirrored."""
    r, r_inside = dict(r), dict(r_inside)
    for name in [name for name in r if name.endswith("_mirrored")]:
        plain = name.removesuffix("_mirrored")
        mirrored, mirrored_inside = r.pop(name), r_inside.pop(name)
        if np.nanmean(mirrored) > np.nanmean(r[plain]):
            r[plain], r_inside[plain] = mirrored, mirrored_inside
    return r, r_inside


def _pairs(test, predicted, structures):
    """Args: predicted (N, H, W), of each cell the structure that it shows. Returns: `Integration.pairs`."""
    pairs = {}
    for k, name in enumerate(structures):
        (shown,) = np.nonzero(test.y == k)
        if len(shown):
            pairs[name] = [correlation.pearson_of_pairs(test.images[shown, ..., -1], predicted[shown])]
    return pairs


def known_structures(integration):
    """Returns the indices of the structures that can be compared in some cell."""
    return np.flatnonzero(~np.isnan(integration.r["model"]).all(axis=0))


def mean_r(r, structures):
    """Returns the mean over structures of the mean over cells: r (N, K) with NaN, and the structures' indices."""
    return float(np.nanmean(r[:, structures], axis=0).mean())


def main_figures(integration):
    """Returns what metrics.json says of integration beside the scores: mean correlations of every prediction.

    Structures that no cell shows are left out.
    """
    known = known_structures(integration)

    def by_structure(values):
        return {integration.structures[k]: {name: mean_r(r, [k]) for name, r in values.items()} for k in known}

    return {
        "compared_with": integration.compared_with,
        "integration": by_structure(integration.r),
        "integration_inside_cell": by_structure(integration.r_inside),
        "integration_mean": {name: mean_r(r, known) for name, r in integration.r.items()},
    }
