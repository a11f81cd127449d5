"""Predictions of all structures that are known of the same real cell, of which training never shows more than one.

Every prediction sees membrane and nucleus only. Beside them stands what another structure of the same cell tells when
it is copied: no rival, because it sees more. Only pixels inside the cell count, without its rim.
"""

from dataclasses import dataclass

import numpy as np

from icell_tf.evaluation.integration import BATCH, METRICS, RIVALS, keep_the_better, mean_r
from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.metrics.scores import Score, ratio_over_structures
from icell_tf.evaluation.neighbours import Neighbours

COPIED = "other_structure"


@dataclass(frozen=True, eq=False)
class Truth:
    """How well the known structures of N cells are predicted.

    Attributes:
      structures: K names.
      cell_ids, fov_ids: N texts.
      r: {prediction: (N, K)}, Pearson correlation with the structure as it was observed, over the cell's interior; NaN
        where a structure isn't known of a cell. The predictions: model (Algorithm 3), mean_of_draws, the `RIVALS`, and
        other_structure: the mean over the cell's other known structures, each taken for this one.
    """

    structures: tuple[str, ...]
    cell_ids: list[str]
    fov_ids: list[str]
    r: dict[str, np.ndarray]


def why_not(prepared):
    """Returns why nothing can be measured on these `PreparedCells`; "" if it can."""
    if prepared.truth("test", [0]) is not None:
        return ""
    return (
        "The data set knows only the structure that each cell shows. Where several were imaged in the same cells, "
        'build it with truth.csv and "truth": true.'
    )


def measure(integrator, test, training, draws=32, seed=0, neighbours=None):
    """Predicts every structure in every test cell, and correlates it with the known ones.

    Args, neighbours, and the choice between one pose and four: as of `integration.measure`. The cells have a
    `CodedCells.truth`.
    Returns: `Truth`.
    """
    neighbours, parts = neighbours or Neighbours(integrator, training), []
    found = neighbours.find(test)
    for rows in test.batches(BATCH):
        x_r, truth = test.spec.reference(test.x(rows)), test.truth(rows)
        integrated = integrator.integrate(x_r, samples=draws, seed=seed)
        predictions = {"model": integrated["structures"], "mean_of_draws": integrated["mean"]}
        predictions["class_mean"] = np.broadcast_to(neighbours.class_mean, truth.shape)
        predictions |= {name: neighbours.structures(indices[rows]) for name, indices in found.items()}
        parts.append(_correlate(predictions, truth, correlation.interior(x_r)))
    r = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    r, _ = keep_the_better(r, r)
    return Truth(tuple(integrator.structures), test.cell_ids, test.fov_ids, r)


def _correlate(predictions, truth, mask):
    """Returns {prediction: (B, K)}. Args: {prediction: (B, *shape, K)}; (B, *shape, K), 0 if unknown; (B, *shape)."""
    pixels = tuple(range(1, truth.ndim - 1))
    known = truth.any(axis=pixels) & mask.any(axis=pixels)[:, None]
    r = {
        name: np.where(known, correlation.pearson(images, truth, mask), np.nan) for name, images in predictions.items()
    }
    total, others = np.zeros(known.shape), np.zeros(known.shape)
    for shift in range(1, truth.shape[-1]):
        both = known & np.roll(known, shift, axis=-1)
        total += np.where(both, correlation.pearson(np.roll(truth, shift, axis=-1), truth, mask), 0)
        others += both
    r[COPIED] = np.divide(total, others, out=np.full(known.shape, np.nan), where=others > 0)
    return r


def known_structures(measured):
    """Returns the indices of the structures that are known in some cell."""
    return np.flatnonzero(~np.isnan(measured.r["model"]).all(axis=0))


def main_figures(measured):
    """Returns what metrics.json says of this part beside the scores: mean correlations of every prediction.

    NaN where there is none, as of another structure where each cell has only one.
    """
    known = known_structures(measured)

    def row(chosen):
        return {name: _mean(r, chosen) for name, r in measured.r.items()}

    return {"truth": {measured.structures[k]: row([k]) for k in known}, "truth_mean": row(known)}


def scores(measured, seed=0):
    """Returns the `Score`s of a `Truth`. Args: `Truth`; seed of the resampling.

    Over all structures and for each:
      r, r_of_draws: of Algorithm 3 and of the mean of draws;
      margin_over_RIVAL: Algorithm 3's r minus the rival's, cell by cell.
    Over all structures:
      structures_won: in how many the interval of each of these margins is above 0.
    Intervals are bootstrapped over fields of view, because cells of one field resemble each other; n counts fields.
    """
    known, found, won = known_structures(measured), [], 0
    for chosen in (known, *([k] for k in known)):
        structure = None if chosen is known else measured.structures[chosen[0]]
        what = f"the known structures of the same cell, {structure or 'mean over structures'}"
        fields = {"structure": structure, "unit": "fields of view"}
        rivals = {name: _mean(measured.r[name], chosen) for name in RIVALS}
        for metric, (prediction, meaning) in METRICS.items():
            shown = {"rivals": rivals, "landmarks": {COPIED: _mean(measured.r[COPIED], chosen)}} | fields
            values = measured.r[prediction][:, chosen]
            found.append(_by_field(metric, values, measured.fov_ids, seed, about=f"{meaning}, with {what}", **shown))
        margins = [
            _by_field(
                f"margin_over_{rival}",
                (measured.r["model"] - measured.r[rival])[:, chosen],
                measured.fov_ids,
                seed,
                rivals={"no better": 0.0},
                about=f"r of Algorithm 3 minus that of {rival}, with {what}",
                **fields,
            )
            for rival in RIVALS
        ]
        found += margins
        won += structure is not None and all(score.interval and score.interval[0] > 0 for score in margins)
    about = "structures in which Algorithm 3 is ahead of every rival, with its interval"
    fields = {"landmarks": {"all": len(known)}, "about": about, "unit": "structures"}
    return [*found, Score("structures_won", won, len(known), **fields)]


def _by_field(metric, values, fields_of_view, seed, **fields):
    """Scores the mean over structures of values (N, K), with NaN, by resampling fields of view."""
    _, field = np.unique(fields_of_view, return_inverse=True)
    sums, counts = np.zeros((2, field.max() + 1, *values.shape[1:]))
    np.add.at(sums, field, np.nan_to_num(values))
    np.add.at(counts, field, ~np.isnan(values))
    sums[counts == 0], counts[counts == 0] = np.nan, np.nan
    return ratio_over_structures(metric, sums, counts, seed, **fields)


def _mean(r, chosen):
    """Returns `mean_r` of those chosen structures of which something is known, or NaN if there are none."""
    values = r[:, [k for k in chosen if not np.isnan(r[:, k]).all()]]
    return mean_r(values, slice(None)) if values.size else float("nan")
