"""The scorecard's part on integration: r and its margin over the best rival, and whether a cell's shape matters."""

import numpy as np

from icell_tf.evaluation.integration import known_structures
from icell_tf.evaluation.permutation import shape_test
from icell_tf.evaluation.scores import Score, mean_of_means, mean_score

RIVALS = ("class_mean", "nearest", "mean_of_nearest", "nearest_pixels", "mean_of_nearest_pixels")


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
    known, localization = known_structures(integration), f"with the {integration.compared_with} localization"
    found = {}
    for suffix, values in (("", integration.r), ("_inside_cell", integration.r_inside)):
        where = f"{localization}{' inside the cell' if suffix else ''}, mean over structures"
        about = f"Pearson r of Algorithm 3 {where}"
        found["r" + suffix] = _mean(values, "model", known, about)
        found["r_of_draws" + suffix] = _mean(values, "mean_of_draws", known, about.replace("Algorithm 3", DRAWS))
    found["margin"] = _margin(integration.r, known, "mean over structures")
    for k in known:
        name = integration.structures[k]
        about = f"Pearson r of Algorithm 3 {localization}"
        found[f"{name}_r"] = _mean(integration.r, "model", [k], about)
        found[f"{name}_r_of_draws"] = _mean(integration.r, "mean_of_draws", [k], about.replace("Algorithm 3", DRAWS))
        found[f"{name}_margin"] = _margin(integration.r, [k], name)
    won = sum(found[f"{integration.structures[k]}_margin"].value > 0 for k in known)
    about = "structures in which Algorithm 3's mean r is above every rival's"
    found["structures_won"] = Score(won, len(known), None, {"all": len(known)}, about=about, unit="structures")
    return found | _shape_scores(integration.pairs)


DRAWS = "the mean of draws of z_s"


def _mean(values, prediction, known, about):
    """Args: values: {prediction: (N, K)}; known: the structures to take the mean over."""
    others = {name: _groups_mean(r[:, known]) for name, r in values.items() if name != prediction}
    return _over_structures(values[prediction][:, known], baselines=others, about=about)


def _margin(r, known, what):
    best = max((name for name in RIVALS), key=lambda name: _groups_mean(r[name][:, known]))
    difference = (r["model"] - r[best])[:, known]
    about = f"r of Algorithm 3 minus that of its best rival, {best}, {what}"
    return _over_structures(difference, baselines={"no better": 0.0}, about=about)


def _over_structures(r, **kwargs):
    """Scores the mean over structures of r (N, K), which is NaN where a cell doesn't show a structure."""
    if np.isnan(r).any():
        return mean_of_means([column[~np.isnan(column)] for column in r.T], **kwargs)
    return mean_score(r.mean(axis=1), **kwargs)


def _groups_mean(r):
    return float(np.nanmean(r, axis=0).mean())


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
            baselines={"no gain": 0.0},
            about="r of the observed structure with Algorithm 3's image for the cell's own shape, minus the mean r "
            "with those for the shapes of other cells that show it",
        )
        found[f"{prefix}shape_p"] = Score(
            test.p,
            len(test.gains),
            baselines={"least possible": 1 / (test.permutations + 1)},
            better="lower",
            about=f"one-sided p value of that gain, {test.permutations} permutations of the cells within a structure",
        )
    return found
