"""Can draws be told from observed cells? A detector learns to, on validation cells, and is tested on test cells."""

import math
from dataclasses import dataclass

import numpy as np

from icell_tf.evaluation import views
from icell_tf.evaluation.detector import Examples, train_detector, verdicts
from icell_tf.evaluation.metrics.distances import probability_larger
from icell_tf.evaluation.metrics.scores import Score, bootstrap

STEPS = (1000,)  # of the detector's training
ENOUGH = 100  # cells that a detector can learn from
MOST_CELLS = 400  # that it learns from, and that it is tested on
DRAWS = 8  # beside each cell that it learns from
KEPT = 2**29  # bytes of drawn cells in memory
BATCH = 10  # cells of which draws of all structures are floats at once
IN_CELLS, NEW, REAL = "draws", "new_cells", "real_cells"
ABOUT = {
    IN_CELLS: "draws in observed cells from the observed structures",
    NEW: "new cells, drawn from the prior, from observed ones",
}


@dataclass(frozen=True, eq=False)
class Detection:
    """What detectors say of test cells, as they say it after each number of steps of training.

    Attributes:
      y: {sample: (N,)} structure indices. The samples: draws, of structures in observed cells; new_cells, all of whose
        channels are drawn; real_cells, which are observed as well, of other cells that show the same structure.
      verdicts: {(sample, steps): (observed, drawn)}, (N,) each, higher where a cell looks observed.
    """

    y: dict[str, np.ndarray]
    verdicts: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]]


def why_not(splits):
    """Returns why there is no detector, or "". Args: {split: number of cells} of the data set."""
    found = splits.get("validation", 0)
    if found >= ENOUGH:
        return ""
    return (
        "Not measured: a detector learns to tell draws from observed cells on validation cells, which the model was "
        f"not trained on. Here are {found} of them, and {ENOUGH} are the fewest that teach it something."
    )


def measure(integrator, validation, test, steps=STEPS, seed=0):
    """Trains a detector for each kind of cell and number of steps, on validation cells, and asks it about test cells.

    Args:
      integrator: the trained `Integrator`.
      validation, test: `CodedCells`.
      steps: numbers of steps.
      seed: of the draws and of the detectors.

    Returns: `Detection`.
    """
    rng = np.random.default_rng(seed)
    learnt, tested = observed_cells(validation, rng), observed_cells(test, rng)
    count = int(np.clip(KEPT // learnt.observed.nbytes, 1, DRAWS))
    samples = {
        IN_CELLS: lambda cells, count: draw_inside(integrator, cells, count, rng),
        NEW: lambda cells, count: draw_new(integrator, cells, count, rng),
        REAL: lambda cells, count: halves(cells, rng),
    }
    y, found = {}, {}
    for sample, make in samples.items():
        examples, asked = make(learnt, count), make(tested, 1)
        if not len(examples.y) or not len(asked.y):  # no two real cells show the same structure
            continue
        y[sample] = asked.y
        for number in steps:
            detector = train_detector(examples, number, seed)
            found[sample, number] = tuple(
                verdicts(detector, images, asked.y, asked.spec) for images in (asked.observed, asked.drawn[0])
            )
    return Detection(y, found)


def observed_cells(cells, rng):
    """Returns `Examples` of N cells, taken at random where there are many, with nothing drawn beside them yet."""
    most = np.clip(KEPT // math.prod(cells.spec.image_shape), ENOUGH, MOST_CELLS)
    rows = np.sort(rng.permutation(len(cells))[:most])
    parts = [cells.images(rows[part]) for part in views.batches(len(rows), cells.spec)]
    return Examples(cells.spec, cells.y[rows], np.concatenate(parts), np.empty((0,)))


def draw_inside(integrator, cells, count, rng):
    """Returns `Examples` with drawn structures in the same cells. Args: `Examples`; `count` draws; NumPy generator."""
    spec, drawn = cells.spec, np.stack([cells.observed] * count)
    for part in views.batches(len(cells.y), spec, BATCH):
        images, y = cells.observed[part], cells.y[part]
        x_r = spec.reference(images).astype(np.float32) / 255
        seed = rng.integers(2**31, size=len(y))  # one a cell: with one seed for all, a draw has the same noise in all
        for number, structure in enumerate(integrator.draw(x_r, count, seed, y)):
            spec.structure(drawn[number, part])[...] = np.rint(255 * structure)
    return Examples(spec, cells.y, cells.observed, drawn)


def draw_new(integrator, cells, count, rng):
    """Returns `Examples` with new cells that show the same structures. Args: see `draw_inside`."""
    drawn = np.empty((count, *cells.observed.shape), np.uint8)
    for of_draw in drawn:
        for part in views.batches(len(cells.y), cells.spec):
            of_draw[part] = np.rint(255 * integrator.sample(cells.y[part], int(rng.integers(2**31)))["x_rs"])
    return Examples(cells.spec, cells.y, cells.observed, drawn)


def halves(cells, rng):
    """Returns `Examples` of half of the cells, with the other half, of the same structures, in the place of draws."""
    order = rng.permutation(len(cells.y))
    ordered = [order[cells.y[order] == k] for k in range(len(cells.spec.structures))]
    first, second = (np.concatenate([rows[i : len(rows) // 2 * 2 : 2] for rows in ordered]) for i in (0, 1))
    return Examples(cells.spec, cells.y[first], cells.observed[first], cells.observed[second][None])


def scores(measured, structures, seed=0):
    """Returns the `Score`s of a `Detection`, over all structures and for each.

    auc_of_draws_N, auc_of_new_cells_N: area under the ROC curve of the detector that was trained for N steps; beside
    it that of one that was to tell observed cells from other observed cells.

    Args: `Detection`; K names; seed of the resampling.
    """
    found = []
    for structure in (None, *structures):
        auc = {}
        for (sample, steps), pair in measured.verdicts.items():
            shown = slice(None) if structure is None else measured.y[sample] == structures.index(structure)
            observed, drawn = (values[shown] for values in pair)
            if len(observed):
                auc[sample, steps] = float(probability_larger(observed, drawn)), [observed, drawn]
        for (sample, steps), (value, pair) in auc.items():
            if sample == REAL:
                continue
            real = {"real cells": auc[REAL, steps][0]} if (REAL, steps) in auc else {}
            about = f"area under the ROC curve of a detector, trained for {steps:,} steps to tell {ABOUT[sample]}"
            fields = {"landmarks": {"chance": 0.5} | real, "better": "lower", "about": about, "structure": structure}
            interval = bootstrap(pair, probability_larger, seed, paired=True)
            found.append(Score(f"auc_of_{sample}_{steps}", value, len(pair[0]), interval, **fields))
    return found
