"""Scores of "none of these": are cells with a structure that was left out of training recognised as unknown?"""

import shlex
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from icell_tf.config import join_names
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.evaluation.metrics.distances import probability_larger
from icell_tf.evaluation.metrics.scores import Score, bootstrap, proportion

ACCEPTED = 0.95  # of validation cells, whose structures are known
NEIGHBOUR = 5  # which nearest training cell a distance is to
RESAMPLES = 500
SMALLEST = 1e-30  # probability, so that its logarithm is finite in float32


@dataclass(frozen=True, eq=False)
class Unseen:
    """How unlike the training cells other cells are, by two statistics that both grow with it.

    Attributes:
      structures: names of those left out of training.
      y: (M,), which of them each left-out cell shows.
      validation, known, left_out: {statistic: (N,)} of validation cells, of test cells with known structures, and (M,)
        of test cells with those left out. The statistics are `distance`, see `distances`, and its rival
        `improbability`, 1 minus the largest probability.
    """

    structures: tuple[str, ...]
    y: np.ndarray
    validation: dict[str, np.ndarray]
    known: dict[str, np.ndarray]
    left_out: dict[str, np.ndarray]


def measure(integrator, prepared, cells):
    """Measures cells with known and with left-out structures.

    Args:
      integrator: the `Integrator`, trained without the structures that `prepared` leaves out.
      prepared: its `PreparedCells`.
      cells: {"train", "validation", "test": `CodedCells`}.

    Returns: `Unseen`. `why_not` has to be asked first.
    """
    left_out = code_cells(integrator, prepared.unseen, "test")

    def statistics(coded):
        return {
            "distance": distances(coded.probabilities, cells["train"].probabilities),
            "improbability": 1 - coded.probabilities.max(axis=1),
        }

    validation, known, unknown = map(statistics, (cells["validation"], cells["test"], left_out))
    return Unseen(prepared.unseen.spec.structures, left_out.y, validation, known, unknown)


def why_not(prepared):
    """Returns why these scores can't be measured on these `PreparedCells`, and what to do; "" if they can."""
    if prepared.unseen is None:
        last = shlex.quote(join_names(prepared.spec.structures[-1:]))
        return (
            "The model was trained with all structures, so none is unknown to it. Train phase 2 once more without "
            f"one or two (--leave_out={last}, in another --run_dir), and evaluate that run."
        )
    if "validation" not in prepared.splits:
        return "There are no validation cells to choose the threshold on, as in the folds of a cross-validation."
    if "test" not in prepared.unseen.splits:
        return f"No test cell shows a structure that was left out ({', '.join(prepared.unseen.spec.structures)})."
    return ""


def distances(probabilities, training):
    """Returns each cell's distance to its fifth nearest training cell by what the classifier says of both, (N,).

    The distance is between logits, K numbers a cell, minus their mean. Sun et al. 2022, Out-of-Distribution Detection
    with Deep Nearest Neighbors.

    Args: probabilities (N, K); training (M, K), the training cells'.
    """
    logits, of_training = (np.log(np.maximum(p, SMALLEST)) for p in (probabilities, training))
    logits, of_training = (values - values.mean(axis=1, keepdims=True) for values in (logits, of_training))
    nearest = NearestNeighbors(n_neighbors=min(NEIGHBOUR, len(training))).fit(of_training)
    return nearest.kneighbors(logits)[0][:, -1]


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

    shown = [(k, name) for k, name in enumerate(unseen.structures) if (unseen.y == k).any()]
    known, left_out = unseen.known["distance"], unseen.left_out["distance"]
    by_probability = probability_larger(unseen.left_out["improbability"], unseen.known["improbability"])
    landmarks = {"asked for": ACCEPTED, "largest probability": float(accepted["improbability"].mean())}
    about = "test cells of known structures that are not called unknown, at that threshold"
    fields = {"landmarks": landmarks, "better": "near", "about": about}
    rivals = {"chance": 0.5, "largest probability": float(by_probability)}
    auroc = float(probability_larger(left_out, known))
    interval = bootstrap([left_out, known], probability_larger, seed, RESAMPLES)
    about = "area under the ROC curve of telling left-out structures from known ones, over all thresholds"
    return [
        rejection(slice(None), "structures left out of training"),
        *(rejection(unseen.y == k, f"{name}, left out of training,", name) for k, name in shown),
        proportion("known_accepted", accepted["distance"].sum(), len(known), **fields),
        Score("auroc", auroc, len(known) + len(left_out), interval, rivals, about=about),
    ]
