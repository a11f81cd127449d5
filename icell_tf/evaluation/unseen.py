"""Scores of "none of these": are cells with a structure that was left out of training recognised as unknown?

The threshold by which they are is also what a trained model carries; see `icell_tf.runs.known`.
"""

import os
import shlex
from dataclasses import dataclass

import numpy as np

from icell_tf.config import join_names
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.evaluation.metrics.distances import probability_larger
from icell_tf.evaluation.metrics.scores import Score, bootstrap, proportion
from icell_tf.evaluation.subject import has_cells_of
from icell_tf.inference import unknown
from icell_tf.runs.known import Known

ACCEPTED = 0.95  # of validation cells, whose structures are known
RESAMPLES = 500
AT_ONCE = 256  # cells whose distances are in memory together
NO_VALIDATION = "There are no validation cells to choose the threshold on, as in the folds of a cross-validation."


@dataclass(frozen=True, eq=False)
class Unseen:
    """How unlike the training cells other cells are, by two statistics that both grow with it.

    Attributes:
      training: what the classifier says of training cells, see `unknown.chosen_logits`.
      validation, known: {statistic: (N,)} of validation cells, and of test cells with known structures. The statistics
        are `distance`, see `unknown.distances`, and its rival `improbability`, 1 minus the largest probability.
      structures: names of those left out of training.
      y: (M,), which of them each left-out test cell shows.
      left_out: {statistic: (M,)} of these cells; None where there is none.
    """

    training: np.ndarray
    validation: dict[str, np.ndarray]
    known: dict[str, np.ndarray]
    structures: tuple[str, ...] = ()
    y: np.ndarray | None = None
    left_out: dict[str, np.ndarray] | None = None


def measure(integrator, prepared, cells):
    """Measures cells with known and with left-out structures.

    Args:
      integrator: the trained `Integrator`.
      prepared: its `PreparedCells`, which leave out the structures that training left out.
      cells: {"train", "validation", "test": `CodedCells`}.

    Returns: `Unseen`.
    """
    training = unknown.chosen_logits(cells["train"].probabilities)

    def statistics(coded):
        p = coded.probabilities
        parts = [unknown.distances(p[i : i + AT_ONCE], training) for i in range(0, len(p), AT_ONCE)]
        return {"distance": np.concatenate(parts), "improbability": 1 - p.max(axis=1)}

    of_known = training, statistics(cells["validation"]), statistics(cells["test"])
    if why_not(prepared):
        return Unseen(*of_known)
    left_out = code_cells(integrator, prepared.unseen, "test")
    return Unseen(*of_known, prepared.unseen.spec.structures, left_out.y, statistics(left_out))


def why_not(prepared):
    """Returns why these scores can't be measured on these `PreparedCells`, and what to do; "" if they can."""
    if prepared.unseen is None:
        last = shlex.quote(join_names(prepared.spec.structures[-1:]))
        return (
            "The model was trained with all structures, so none is unknown to it. Train phase 2 once more without "
            f"one or two (--leave_out={last}, in another --run_dir), and evaluate that run."
        )
    if "validation" not in prepared.splits:
        return NO_VALIDATION
    if "test" not in prepared.unseen.splits:
        return f"No test cell shows a structure that was left out ({', '.join(prepared.unseen.spec.structures)})."
    return ""


def threshold(values):
    """Returns the smallest of the values that 95% of them, or more, don't exceed. A cell above it is unknown."""
    return np.quantile(values, ACCEPTED, method="higher")


def scores(unseen, seed=0):
    """Returns the `Score`s of an `Unseen`. Args: `Unseen`; seed of the resampling.

    rejected: test cells with left-out structures beyond the threshold that accepts 95% of validation cells, over all
      left-out structures and for each;
    known_accepted: test cells with known structures within the threshold;
    auroc: how often a cell with a left-out structure is farther than one with a known one, over all pairs.
    Their rival is a threshold on the largest probability, chosen in the same way.
    """
    limits = {name: threshold(values) for name, values in unseen.validation.items()}
    rejected = {name: values > limits[name] for name, values in unseen.left_out.items()}
    accepted = {name: values <= limits[name] for name, values in unseen.known.items()}

    def rejection(rows, what, structure=None):
        rivals = {"chance": 1 - ACCEPTED, "largest probability": float(rejected["improbability"][rows].mean())}
        about = f"test cells of {what} that are called unknown, at a threshold that accepts 95% of validation cells"
        hits = rejected["distance"][rows]
        return proportion("rejected", hits.sum(), len(hits), rivals=rivals, about=about, structure=structure)

    of_known, left_out = unseen.known["distance"], unseen.left_out["distance"]
    by_probability = probability_larger(unseen.left_out["improbability"], unseen.known["improbability"])
    landmarks = {"asked for": ACCEPTED, "largest probability": float(accepted["improbability"].mean())}
    about = "test cells of known structures that are not called unknown, at that threshold"
    fields = {"landmarks": landmarks, "better": "near", "about": about}
    rivals = {"chance": 0.5, "largest probability": float(by_probability)}
    auroc = float(probability_larger(left_out, of_known))
    interval = bootstrap([left_out, of_known], probability_larger, seed, RESAMPLES)
    about = "area under the ROC curve of telling left-out structures from known ones, over all thresholds"
    return [
        rejection(slice(None), "structures left out of training"),
        *(rejection(unseen.y == k, f"{name}, left out of training,", name) for k, name in _shown(unseen)),
        proportion("known_accepted", accepted["distance"].sum(), len(of_known), **fields),
        Score("auroc", auroc, len(of_known) + len(left_out), interval, rivals, about=about),
    ]


def carried(unseen):
    """Returns the `Known` that a trained model carries. Args: `Unseen`."""
    limit, rejected = threshold(unseen.validation["distance"]), None
    if unseen.left_out:
        rejected = _rate(unseen.left_out["distance"] > limit)
        rejected["structures"] = [name for _, name in _shown(unseen)]
    rates = {"accepted": _rate(unseen.known["distance"] <= limit), "rejected": rejected}
    accepted = float(np.mean(unseen.validation["distance"] <= limit))
    return Known(unseen.training, float(limit), accepted, rates)


def _shown(unseen):
    """The left-out structures that test cells show: (index, name)."""
    return [(k, name) for k, name in enumerate(unseen.structures) if (unseen.y == k).any()]


def _rate(hits):
    score = proportion("", hits.sum(), len(hits))
    return {"value": float(score.value), "interval": list(score.interval), "n": score.n}


def why_not_carried(subject, run_dir):
    """Returns why a run can't be given a threshold; "" if it can. Args: `Subject`; the run's folder."""
    prepared = subject.prepared
    if "validation" not in prepared.splits:
        return NO_VALIDATION
    if not has_cells_of(subject.run, prepared):
        return f"The cells of {prepared.dataset} are not those that it was trained on."
    return "" if os.access(run_dir, os.W_OK) else "Its folder can't be written to."
