"""Integration: does the model predict where a structure is better than the training cells do?

Its scores are r, its margin over the best rival, and whether a cell's shape matters.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from icell_tf.evaluation.drawn import BATCH, Drawn
from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.metrics.permutation import shape_test
from icell_tf.evaluation.metrics.scores import Score, mean_score, over_structures
from icell_tf.evaluation.neighbours import Neighbours
from icell_tf.evaluation.pairs import Pairs

RIVALS = ("class_mean", "nearest", "mean_of_nearest", "nearest_pixels", "mean_of_nearest_pixels")
# {metric: (prediction, what it is)}
METRICS = {
    "r": ("model", "Pearson r of Algorithm 3"),
    "r_of_draws": ("mean_of_draws", "Pearson r of the mean of draws"),
}


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


def measure(integrator, test, training, draws=32, seed=0, neighbours=None, drawn=None):
    """Predicts every structure in every cell by the model and its rivals, and correlates them with what is known.

    For a model trained on mirrored cells, `Neighbours` searches the training cells once as they are and once in four
    poses; the better of the two by mean correlation over the frame is the rival.

    Args:
      integrator: the trained `Integrator`.
      test, training: `CodedCells` of the test and the training split.
      draws: for the prediction mean_of_draws.
      seed: of the draws.
      neighbours: `Neighbours` of that training split, if there are any yet.
      drawn: `Drawn` in the test cells, of as many draws and of that seed, if it is shared.

    Returns: `Integration`.
    """
    drawn = drawn or Drawn(integrator, test, draws, seed)
    neighbours, pairs = neighbours or Neighbours(integrator, training), Pairs(test)

    def predict(rows):
        integrated = drawn.integrate(rows)
        pairs.add(rows, integrated["structures"])
        return {"model": integrated["structures"], "mean_of_draws": integrated["mean"]}

    r, r_inside = correlate(test, neighbours, predict)
    compared_with = "expected" if "expected" in test.truths else "observed"
    return Integration(tuple(integrator.structures), compared_with, r, r_inside, pairs.matrices())


def correlate(test, neighbours, predict=lambda rows: {}):
    """Correlates the rivals' predictions, and those of a function, with what is known of test cells.

    Args:
      test: `CodedCells`.
      neighbours: `Neighbours`, the rivals.
      predict: a function from a slice of rows to {prediction: (B, *shape, K)}; by default there are the rivals alone.

    Returns: r and r_inside, see `Integration`.
    """
    found, parts = neighbours.find(test), []
    compare = _with_expected if "expected" in test.truths else _with_observed
    for rows in test.batches(BATCH):
        nearest = {name: indices[rows] for name, indices in found.items()}
        parts.append(compare(test, rows, predict(rows), neighbours, nearest))
    r, r_inside = ({name: np.concatenate([part[i][name] for part in parts]) for name in parts[0][i]} for i in (0, 1))
    r, r_inside = keep_the_better(r, r_inside)
    return r if test.ceiling is None else r | {"ceiling": test.ceiling}, r_inside


def _with_expected(test, rows, predicted, neighbours, nearest):
    """Returns correlations over the frame and inside the cell, {prediction: (B, K)}."""
    expected, mask = test.expected(rows), correlation.cell_mask(test.x(rows))
    r, r_inside = {}, {}

    def add(name, images):  # one after the other: images of all structures are large
        r[name], r_inside[name] = (correlation.pearson(images, expected, where) for where in (None, mask))

    for name, images in predicted.items():
        add(name, images)
    add("class_mean", np.broadcast_to(neighbours.class_mean, expected.shape))
    for name, indices in nearest.items():
        add(name, neighbours.structures(indices))
    return r, r_inside


def _with_observed(test, rows, predicted, neighbours, nearest):
    """As `_with_expected`, NaN but for the one structure that each cell shows: only that is predicted."""
    x, y = test.x(rows), test.y[rows]
    shown = np.arange(len(y)), y
    predictions = {name: images[shown[0], ..., y][..., None] for name, images in predicted.items()}
    predictions["class_mean"] = np.moveaxis(neighbours.class_mean[..., y], -1, 0)[..., None]
    predictions |= {name: neighbours.structures(indices[shown][:, None]) for name, indices in nearest.items()}
    observed, found = test.spec.structure(x)[..., None], []
    for mask in (None, correlation.cell_mask(x)):
        found.append({name: np.full((len(y), len(test.spec.structures)), np.nan) for name in predictions})
        for name, prediction in predictions.items():
            found[-1][name][shown] = correlation.pearson(prediction, observed, mask).squeeze(axis=1)
    return tuple(found)


def keep_the_better(r, r_inside):
    """Keeps, of neighbours in one pose and in four, those with the higher mean r, under the name without _mirrored."""
    r, r_inside = dict(r), dict(r_inside)
    for name in [name for name in r if name.endswith("_mirrored")]:
        plain = name.removesuffix("_mirrored")
        mirrored, mirrored_inside = r.pop(name), r_inside.pop(name)
        if np.nanmean(mirrored) > np.nanmean(r[plain]):
            r[plain], r_inside[plain] = mirrored, mirrored_inside
    return r, r_inside


def known_structures(integration):
    """Returns the indices of the structures that can be compared in some cell."""
    return np.flatnonzero(~np.isnan(integration.r["model"]).all(axis=0))


def mean_r(r, structures):
    """Returns the mean over structures of the mean over cells: r (N, K) with NaN, and the structures' indices.

    It is NaN where a prediction correlates with nothing, because it is one grey everywhere.
    """
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
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


def scores(integration, seed=0):
    """Returns the `Score`s of an `Integration`. Args: `Integration`; seed of resampling and permutations.

    A margin is the model's r minus that of the best rival, cell by cell. The best rival is the one with the highest
    mean r, chosen on the very cells it is judged on, which favours the rival. Intervals are bootstrapped over cells;
    where a cell shows one structure only, the mean over structures is bootstrapped within each.

    Over all structures and for each:
      r, r_of_draws: of Algorithm 3 and of the mean of draws, over the frame;
      margin: of Algorithm 3 over its best rival;
      shape_gain, shape_p: see `permutation.shape_test`.
    Over all structures:
      r_inside_cell, r_of_draws_inside_cell: r and r_of_draws inside the cell;
      structures_won: in how many structures Algorithm 3's mean r is above every rival's.
    """
    known = known_structures(integration)
    overall = _over_frame(integration, known, seed)
    for metric, (prediction, meaning) in METRICS.items():
        about = f"{meaning}, with the {integration.compared_with} localization inside the cell, mean over structures"
        overall.append(_r(f"{metric}_inside_cell", integration.r_inside, prediction, known, seed, about=about))
    by_structure = []
    for k in known:
        by_structure += _over_frame(integration, [k], seed, integration.structures[k])
    won = sum(score.value > 0 for score in by_structure if score.metric == "margin")
    fields = {"about": "structures in which Algorithm 3's mean r is above every rival's", "unit": "structures"}
    overall.append(Score("structures_won", won, len(known), landmarks={"all": len(known)}, **fields))
    return overall + by_structure + _shape_scores(integration.pairs, seed)


def _over_frame(integration, chosen, seed, structure=None):
    """Scores the chosen structures, indices, together: one structure, or None for all."""
    what = structure or "mean over structures"
    r, localization = integration.r, f"with the {integration.compared_with} localization over the frame, {what}"
    best = max(RIVALS, key=lambda rival: np.nan_to_num(mean_r(r[rival], chosen), nan=-np.inf))
    found = [
        _r(metric, r, prediction, chosen, seed, about=f"{meaning}, {localization}", structure=structure)
        for metric, (prediction, meaning) in METRICS.items()
    ]
    about = f"r of Algorithm 3 minus that of its best rival, {best}, {what}"
    fields = {"rivals": {"no better": 0.0}, "about": about, "structure": structure}
    return [*found, over_structures("margin", (r["model"] - r[best])[:, chosen], seed, **fields)]


def _r(metric, values, prediction, chosen, seed, **fields):
    """Scores a prediction of {prediction: (N, K)} on the chosen structures, with the rivals and the ceiling."""
    rivals, landmarks = (
        {name: mean_r(r, chosen) for name, r in values.items() if name in names} for names in (RIVALS, ("ceiling",))
    )
    return over_structures(metric, values[prediction][:, chosen], seed, rivals=rivals, landmarks=landmarks, **fields)


def _shape_scores(pairs, seed):
    tested = {None: [matrix for matrices in pairs.values() for matrix in matrices], **pairs}
    found = []
    for structure, matrices in tested.items():
        if max(map(len, matrices)) < 2:  # no other cell shows the structure
            continue
        test = shape_test(matrices, seed=seed)
        about = (
            "r of the observed structure with Algorithm 3's image for the cell's own shape, minus the mean r with "
            "those for the shapes of other cells that show it"
        )
        of_p = f"one-sided p value of that gain, {test.permutations} permutations of the cells within a structure"
        least = {"least possible": 1 / (test.permutations + 1)}
        fields = {"landmarks": least, "better": "lower", "about": of_p, "structure": structure}
        found += [
            mean_score("shape_gain", test.gains, seed, rivals={"no gain": 0.0}, about=about, structure=structure),
            Score("shape_p", test.p, len(test.gains), **fields),
        ]
    return found
