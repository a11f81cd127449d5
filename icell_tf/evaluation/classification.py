"""Scores of classification: which structure does an image show, and are the probabilities calibrated?"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.metrics.scores import Score, bootstrap, mean_of_proportions, mean_score, proportion

BINS = 15
REGRESSION_SIZE = 16  # pixels of the longer side of the planes that the logistic regression sees
CALIBRATED_DRAWS = 200
# Table S9: cells of the hold-out set that were recognised (its diagonal), and all of them (the sums of its rows).
PAPER = {
    "alpha-actinin": (22, 31),
    "alpha-tubulin": (36, 41),
    "beta-actin": (19, 29),
    "desmoplakin": (7, 10),
    "fibrillarin": (35, 35),
    "lamin-b1": (46, 46),
    "myosin-iib": (0, 8),
    "sec61-beta": (50, 51),
    "tom20": (47, 48),
    "zo1": (1, 5),
}


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability curve: cells in bins of equal width by the probability of their predicted structure.

    Attributes:
      edges: (BINS + 1,), of the bins.
      n: (BINS,), cells in each bin.
      confidence, accuracy: (BINS,), the cells' mean probability and the share that is right, NaN where n is 0.
    """

    edges: np.ndarray
    n: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def reliability(confidence, hit):
    """Returns the `Reliability` of (N,) probabilities of the predicted structures, and whether each was right."""
    confidence, hit = np.asarray(confidence, float), np.asarray(hit, float)
    which = _bins(confidence)
    n = np.bincount(which, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(which, weights, BINS) / n for weights in (confidence, hit)]
    return Reliability(np.linspace(0, 1, BINS + 1), n, *means)


def expected_calibration_error(confidence, hit):
    """Returns the mean over cells of |accuracy - mean confidence| of their bin, in 15 bins of equal width.

    Guo et al. 2017, On Calibration of Modern Neural Networks, eq. 3. Args: as for `reliability`.
    """
    difference = np.asarray(hit, float) - np.asarray(confidence, float)
    return float(np.abs(np.bincount(_bins(confidence), difference, BINS)).sum() / len(difference))


@dataclass(frozen=True, eq=False)
class Classification:
    """Which structures N cells show, and which the model and simpler classifiers see.

    Attributes:
      structures: K names.
      y, predicted: (N,) structure indices: the true ones and the model's.
      confidence: (N,), the model's probabilities of `predicted`.
      rivals: {name: (N,) structure indices}, of `rival_predictions`.
    """

    structures: tuple[str, ...]
    y: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    rivals: dict[str, np.ndarray]


def measure(test, training, structures):
    """Returns the `Classification` of test cells, from `CodedCells` of the test and the training split and K names."""
    probabilities = test.probabilities
    rivals = rival_predictions(test, training)
    return Classification(tuple(structures), test.y, probabilities.argmax(axis=1), probabilities.max(axis=1), rivals)


def confusion(y, predicted, structures):
    """Returns Table S9: (K, K) counts of cells, rows the true structure, columns the predicted one."""
    return confusion_matrix(y, predicted, labels=range(structures))


def balanced_accuracy(y, predicted):
    """Returns the mean recall of the structures that occur in y."""
    return float(recall_score(y, predicted, labels=np.unique(y), average="macro"))


def main_figures(classification):
    """Returns what metrics.json says of classification beside the scores: both accuracies and Table S9."""
    y, predicted = classification.y, classification.predicted
    return {
        "accuracy": float(accuracy_score(y, predicted)),
        "balanced_accuracy": balanced_accuracy(y, predicted),
        "confusion": confusion(y, predicted, len(classification.structures)).tolist(),
    }


def scores(classification, seed=0):
    """Returns the `Score`s of a `Classification`. Args: `Classification`; seed of the resampling.

    accuracy: with Wilson's interval;
    balanced_accuracy: mean recall of the structures that occur, with their Wilson's intervals combined. Both are
      compared with the paper's (Table S9), chance, and the classifiers of `rival_predictions`;
    recall: of each structure, with Wilson's interval, compared with the paper's where Table S9 has the structure, and
      with the rivals';
    calibration_error: see `expected_calibration_error`. Chance keeps it above 0. So it is compared with its mean for
      cells whose structures are drawn with the model's probabilities;
    overconfidence: mean probability of the predicted structure minus the accuracy.
    """
    y, hit = classification.y, classification.predicted == classification.y
    occurring, rivals = np.unique(y), classification.rivals
    chance = {"chance": 1 / len(classification.structures)}
    hits, n = np.sum(list(PAPER.values()), axis=0)
    accuracies = {name: float(accuracy_score(y, p)) for name, p in rivals.items()}
    balanced = {name: balanced_accuracy(y, p) for name, p in rivals.items()}
    about = "test cells whose structure is recognised"
    fields = {"rivals": chance | accuracies, "landmarks": {"paper": float(hits / n)}, "about": about}
    of_structures = [hit[y == k].sum() for k in occurring], [(y == k).sum() for k in occurring]
    fields_balanced = {"rivals": chance | balanced, "about": "mean recall of the structures"}
    fields_balanced["landmarks"] = {"paper": float(np.mean([hits / n for hits, n in PAPER.values()]))}
    return [
        proportion("accuracy", hit.sum(), len(y), **fields),
        mean_of_proportions("balanced_accuracy", *of_structures, **fields_balanced),
        *(_recall(classification, k) for k in occurring),
        *_calibration(classification.confidence, hit, seed),
    ]


def rival_predictions(test, training):
    """Returns what simple classifiers predict for the test cells, {name: (N,) structure indices}.

      majority: the structure most frequent in training;
      class_mean: the structure whose mean image over the training cells correlates best with the structure channel;
      logistic_regression: multinomial, L2, on all channels averaged down to 16 x 16 pixels, from the training cells; of
        volumes, on their maximum along z.

    Args: test, training: `CodedCells`.
    """
    seen, cells = np.unique(training.y, return_counts=True)
    means = np.moveaxis(training.class_means, -1, 0)[seen]
    shown = (test.spec.structure(test.images(rows)) for rows in test.batches())
    r = np.concatenate([correlation.pearson_of_pairs(images, means) for images in shown])
    predictions = {"majority": np.full(len(test), seen[cells.argmax()]), "class_mean": seen[r.argmax(axis=1)]}
    if len(seen) > 1:  # a regression needs two
        regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        small = (
            np.concatenate(list(cells.averaged_down(REGRESSION_SIZE, test.spec.plane))) for cells in (training, test)
        )
        x, x_test = (planes.reshape(len(planes), -1) for planes in small)
        predictions["logistic_regression"] = regression.fit(x, training.y).predict(x_test)
    return predictions


def _recall(classification, k):
    of_class, name = classification.y == k, classification.structures[k]
    rivals = {
        rival: float(np.mean(predicted[of_class] == k))
        for rival, predicted in classification.rivals.items()
        if rival != "majority"  # it recognises all of one structure's cells and none of the others'
    }
    landmarks = {"paper": PAPER[name][0] / PAPER[name][1]} if name in PAPER else {}
    hits = (classification.predicted[of_class] == k).sum()
    about = f"cells of {name} that are recognised"
    return proportion("recall", hits, of_class.sum(), rivals=rivals, landmarks=landmarks, about=about, structure=name)


def _calibration(confidence, hit, seed):
    rng = np.random.default_rng(seed)
    ideal = [expected_calibration_error(confidence, rng.random(len(hit)) < confidence) for _ in range(CALIBRATED_DRAWS)]
    error = expected_calibration_error(confidence, hit)
    interval = bootstrap([confidence, hit], expected_calibration_error, seed, paired=True)
    fields = {"landmarks": {"if calibrated": float(np.mean(ideal))}, "better": "lower"}
    fields["about"] = (
        "mean |accuracy - confidence| over 15 bins of equal width; resampling adds to it, so its interval lies high"
    )
    about = "mean probability of the predicted structure minus the share that is right"
    return [
        Score("calibration_error", error, len(hit), interval, **fields),
        mean_score("overconfidence", confidence - hit, seed, landmarks={"calibrated": 0.0}, better="near", about=about),
    ]


def _bins(confidence):
    return np.minimum((np.asarray(confidence, float) * BINS).astype(int), BINS - 1)
