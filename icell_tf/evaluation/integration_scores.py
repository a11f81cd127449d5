"""Scores of integration: r, its margin over the best rival, and whether a cell's shape matters."""

import numpy as np

from icell_tf.evaluation.integration import known_structures, mean_r
from icell_tf.evaluation.metrics.permutation import shape_test
from icell_tf.evaluation.metrics.scores import Score, mean_of_means, mean_score

RIVALS = ("class_mean", "nearest", "mean_of_nearest", "nearest_pixels", "mean_of_nearest_pixels")
# {metric: (prediction, what it is)}
METRICS = {
    "r": ("model", "Pearson r of Algorithm 3"),
    "r_of_draws": ("mean_of_draws", "Pearson r of the mean of draws of z_s"),
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
    best = max(RIVALS, key=lambda rival: mean_r(r[rival], chosen))
    found = [
        _r(metric, r, prediction, chosen, seed, about=f"{meaning}, {localization}", structure=structure)
        for metric, (prediction, meaning) in METRICS.items()
    ]
    about = f"r of Algorithm 3 minus that of its best rival, {best}, {what}"
    fields = {"rivals": {"no better": 0.0}, "about": about, "structure": structure}
    return [*found, _over_structures("margin", (r["model"] - r[best])[:, chosen], seed, **fields)]


def _r(metric, values, prediction, chosen, seed, **fields):
    """Scores a prediction of {prediction: (N, K)} on the chosen structures, with the rivals and the ceiling."""
    rivals, landmarks = (
        {name: mean_r(r, chosen) for name, r in values.items() if name in names} for names in (RIVALS, ("ceiling",))
    )
    return _over_structures(metric, values[prediction][:, chosen], seed, rivals=rivals, landmarks=landmarks, **fields)


def _over_structures(metric, r, seed, **fields):
    """Scores the mean over structures of r (N, K), which is NaN where a cell doesn't show a structure."""
    if np.isnan(r).any():
        return mean_of_means(metric, [column[~np.isnan(column)] for column in r.T], seed, **fields)
    return mean_score(metric, r.mean(axis=1), seed, **fields)


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
