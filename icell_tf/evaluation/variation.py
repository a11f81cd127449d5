"""What z_s holds: it should say what the shape leaves open, and neither the shape itself nor which structure it is."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.metrics.scores import Score, bootstrap, mean_over_structures, over_structures, proportion
from icell_tf.spec import image_axes

HIDDEN = (64, 64)  # units of the perceptrons that read z_s
ENOUGH = 20  # training cells of each structure, so that a tenth can be held back to stop a perceptron in time


@dataclass(frozen=True, eq=False)
class Variation:
    """How well N cells' structures are decoded with three codes z_s, and what z_s gives away.

    Attributes:
      y: (N,) structure indices.
      r: {"encoded", "zero", "swapped": (N,)}, Pearson r over the frame of the decoded structure with the observed one:
        with the cell's own z_s, with 0, and with that of another cell that shows the same structure (NaN if none does).
      residual: {"encoded", "zero", "swapped": (N,)}, sums of the squared differences, images in [0, 1].
      recognised: {reader: (N,) bool}, whether a classifier trained on training cells' z_s tells the structure from z_s.
      explained_shape: {reader: R²}, the part of z_r's variance that a regression predicts from z_s.
    """

    y: np.ndarray
    r: dict[str, np.ndarray]
    residual: dict[str, np.ndarray]
    recognised: dict[str, np.ndarray]
    explained_shape: dict[str, float]


def measure(integrator, test, training, seed=0):
    """Decodes test cells with their own z_s and others, and reads structure and shape off z_s.

    Args: the trained `Integrator`; `CodedCells` of the test and the training split; seed of partners and perceptrons.
    Returns: `Variation`.
    """
    swapped, r, residual = _partners(test.y, seed), {}, {}
    codes = {"encoded": test.z_s, "zero": 0 * test.z_s, "swapped": test.z_s[swapped]}
    one_hot = np.eye(len(integrator.structures), dtype=np.float32)[test.y]
    for rows in test.batches():
        observed = test.spec.structure(test.x(rows))[..., None]
        for name, z_s in codes.items():
            x_hat = integrator.decode(one_hot[rows], test.z_r[rows], z_s[rows])["x_rs_hat"]
            decoded = test.spec.structure(x_hat)[..., None]
            r.setdefault(name, []).append(correlation.pearson(decoded, observed)[:, 0])
            squares = np.square(decoded - observed, dtype=np.float64)
            residual.setdefault(name, []).append(squares.sum(axis=image_axes(squares)))
    r, residual = ({name: np.concatenate(parts) for name, parts in found.items()} for found in (r, residual))
    alone = swapped == np.arange(len(test))
    for found in (r, residual):
        found["swapped"] = np.where(alone, np.nan, found["swapped"])
    return Variation(test.y, r, residual, *_read(test, training, seed))


def _read(test, training, seed):
    """Returns what readers tell from z_s, as `Variation` has it; nothing where there is only one structure or cell."""
    counts = np.bincount(training.y)
    stop = bool(counts[counts > 0].min() >= ENOUGH)
    options = {"hidden_layer_sizes": HIDDEN, "early_stopping": stop, "max_iter": 300, "random_state": seed}
    classifiers = {"logistic regression": LogisticRegression(max_iter=1000), "perceptron": MLPClassifier(**options)}
    regressors = {"ridge regression": RidgeCV(np.logspace(-3, 3, 7)), "perceptron": MLPRegressor(**options)}
    recognised, explained = {}, {}
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # of few cells; they read well enough
        for name, reader in classifiers.items() if np.count_nonzero(counts) > 1 else ():
            reader = make_pipeline(StandardScaler(), reader).fit(training.z_s, training.y)
            recognised[name] = reader.predict(test.z_s) == test.y
        for name, reader in regressors.items() if len(test) > 1 else ():
            reader = make_pipeline(StandardScaler(), reader).fit(training.z_s, training.z_r)
            explained[name] = float(r2_score(test.z_r, reader.predict(test.z_s), multioutput="variance_weighted"))
    return recognised, explained


def _partners(y, seed):
    """Returns for each cell the row of another one that shows the same structure; its own if there is none. (N,)."""
    rng, partners = np.random.default_rng(seed), np.arange(len(y))
    for k in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == k))
        partners[rows] = np.roll(rows, 1)
    return partners


def scores(measured, structures, seed=0):
    """Returns the `Score`s of a `Variation`, for z_s.

    explained, also of each structure: by which share the squared differences from the observed structure are smaller
    with the cell's own z_s than with z_s = 0. r_encoded, r_swapped: Pearson r of the structure decoded with the cell's
    own z_s, and with another cell's of the same structure. structure_read, shape_read: what the better of two readers
    tells.
    """
    found, n = [], len(measured.y)
    about = "share by which squared differences from the observed structure are smaller with the cell's z_s than with 0"
    for structure, k in ((None, None), *((name, k) for k, name in enumerate(structures))):
        rows = np.flatnonzero(measured.y == k) if structure else np.arange(n)
        if not len(rows):
            continue
        parts = [measured.residual[name][rows] for name in ("encoded", "zero")]
        fields = {"rivals": {"nothing": 0.0}, "about": about, "code": "z_s", "structure": structure}
        interval = bootstrap(parts, _explained, seed, paired=True)
        found.append(Score("explained", float(_explained(*parts)), len(rows), interval, **fields))
    return found + _r_scores(measured, len(structures), seed) + _read_scores(measured)


def _r_scores(measured, count, seed):
    shown = measured.y[:, None] == np.arange(count)
    r = {name: np.where(shown, values[:, None], np.nan) for name, values in measured.r.items()}
    r = {name: values for name, values in r.items() if not np.isnan(values).all()}  # a lone cell can't swap
    means = {f"z_s {name}": mean_over_structures(values) for name, values in r.items()}
    about = "Pearson r over the frame of the structure decoded with {} z_s with the observed one"
    found = []
    for name, whose, kind in (("encoded", "the cell's own", "rivals"), ("swapped", "another cell's", "landmarks")):
        if name in r:
            others = {key: means[key] for key in ("z_s zero", "z_s swapped") if key in means and key != f"z_s {name}"}
            fields = {"about": about.format(whose), "code": "z_s", kind: others}
            found.append(over_structures(f"r_{name}", r[name], seed, **fields))
    return found


def _read_scores(measured):
    found, n = [], len(measured.y)
    fields = {"better": "lower", "code": "z_s"}
    if readers := measured.recognised:
        best = max(readers, key=lambda name: readers[name].mean())
        about = f"cells whose structure a {best} tells from z_s alone; the better of {' and '.join(readers)}"
        landmarks = {"chance": float(np.bincount(measured.y).max() / n)}
        found.append(proportion("structure_read", readers[best].sum(), n, landmarks=landmarks, about=about, **fields))
    if readers := measured.explained_shape:
        best = max(readers, key=readers.get)
        about = f"R² of z_r that a {best} predicts from z_s alone; the better of {' and '.join(readers)}"
        found.append(Score("shape_read", readers[best], n, landmarks={"none": 0.0}, about=about, **fields))
    return found


def _explained(encoded, zero, axis=0):
    """1 minus the ratio of two sums; 0 where there is nothing to explain."""
    encoded, zero = encoded.sum(axis=axis), zero.sum(axis=axis)
    return 1 - np.divide(encoded, zero, out=np.ones(np.shape(zero)), where=zero > 0)
