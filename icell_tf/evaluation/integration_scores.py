"""The scorecard's part on integration: r and its margin over the best rival, and whether a cell's shape matters."""

import numpy as np

from icell_tf.evaluation.integration import known_structures, mean_r
from icell_tf.evaluation.metrics.permutation import shape_test
from icell_tf.evaluation.metrics.scores import Score, mean_of_means, mean_score

RIVALS = ("class_mean", "nearest", "mean_of_nearest", "nearest_pixels", "mean_of_nearest_pixels")
PREDICTIONS = {
    "r": ("model", "Pearson r of Algorithm 3"),
    "r_of_draws": ("mean_of_draws", "Pearson r of the mean of draws of z_s"),
}


def scores(integration):
    """Returns {name: Score} of an `Integration`.

    A margin is the model's r minus that of the best rival, cell by cell. The best rival is the one with the highest
    mean r, chosen on the very cells it is judged on, which favours the rival. Intervals are bootstrapped over cells;
    where a cell shows one structure only, the mean over structures is bootstrapped within each.

      r, r_of_draws: mean over structures of Algorithm 3 and of the mean of draws, over the frame;
      r_inside_cell, r_of_draws_inside_cell: the same inside the cell;
      margin: of Algorithm 3, over the rival that is best on average;
      structures_won: in how many structures its mean r is above every rival's;
      STRUCTURE_r, STRUCTURE_r_of_draws, STRUCTURE_margin: the same for one structure;
      shape_gain, shape_p, STRUCTURE_shape_gain, STRUCTURE_shape_p: see `permutation.shape_test`.
    """
    known = known_structures(integration)
    found = _over_frame(integration, known, "mean over structures")
    for name, (prediction, means) in PREDICTIONS.items():
        about = f"{means}, with the {integration.compared_with} localization inside the cell, mean over structures"
        found[f"{name}_inside_cell"] = _r(integration.r_inside, prediction, known, about)
    won = 0
    for k in known:
        structure = integration.structures[k]
        of_structure = _over_frame(integration, [k], structure)
        found |= {f"{structure}_{name}": score for name, score in of_structure.items()}
        won += of_structure["margin"].value > 0
    about = "structures in which Algorithm 3's mean r is above every rival's"
    found["structures_won"] = Score(won, len(known), landmarks={"all": len(known)}, about=about, unit="structures")
    return found | _shape_scores(integration.pairs)


def _over_frame(integration, chosen, what):
    r, localization = integration.r, f"with the {integration.compared_with} localization over the frame, {what}"
    found = {
        name: _r(r, prediction, chosen, f"{means}, {localization}") for name, (prediction, means) in PREDICTIONS.items()
    }
    best = max(RIVALS, key=lambda rival: mean_r(r[rival], chosen))
    about = f"r of Algorithm 3 minus that of its best rival, {best}, {what}"
    found["margin"] = _over_structures((r["model"] - r[best])[:, chosen], rivals={"no better": 0.0}, about=about)
    return found


def _r(values, prediction, chosen, about):
    """Scores a prediction of {prediction: (N, K)} on the chosen structures, beside the rivals and the ceiling."""
    rivals, landmarks = (
        {name: mean_r(r, chosen) for name, r in values.items() if name in names} for names in (RIVALS, ("ceiling",))
    )
    return _over_structures(values[prediction][:, chosen], rivals=rivals, landmarks=landmarks, about=about)


def _over_structures(r, **kwargs):
    """Scores the mean over structures of r (N, K), which is NaN where a cell doesn't show a structure."""
    if np.isnan(r).any():
        return mean_of_means([column[~np.isnan(column)] for column in r.T], **kwargs)
    return mean_score(r.mean(axis=1), **kwargs)


def _shape_scores(pairs):
    tested = {"": [matrix for matrices in pairs.values() for matrix in matrices]}
    tested |= {f"{name}_": matrices for name, matrices in pairs.items()}
    found = {}
    for prefix, matrices in tested.items():
        if max(map(len, matrices)) < 2:  # no other cell shows the structure
            continue
        test = shape_test(matrices)
        found[f"{prefix}shape_gain"] = mean_score(
            test.gains,
            rivals={"no gain": 0.0},
            about="r of the observed structure with Algorithm 3's image for the cell's own shape, minus the mean r "
            "with those for the shapes of other cells that show it",
        )
        found[f"{prefix}shape_p"] = Score(
            test.p,
            len(test.gains),
            landmarks={"least possible": 1 / (test.permutations + 1)},
            better="lower",
            about=f"one-sided p value of that gain, {test.permutations} permutations of the cells within a structure",
        )
    return found
