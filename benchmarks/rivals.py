"""What the training cells predict without any model, and the ceiling: what a model of a data set has to beat.

    python benchmarks/rivals.py --dataset=integrated_cell/simulated_64 --dataset=integrated_cell/simulated_3d

Prints for each data set, by structure and as the mean over structures, the Pearson correlation over the frame of test
cells' structures with

    class_mean               the structure's mean image over the training cells;
    nearest_pixels           the structure of the training cell that is nearest in membrane and nucleus;
    mean_of_nearest_pixels   the mean of the 20 nearest;
    ceiling                  a second estimate of the expected localization (simulated cells).

In simulated cells the expected localization of every structure is what is predicted, else the structure that a cell
shows. Training cells are searched as they are and in four poses, whichever is better: see `Neighbours`. The reports of
`icell evaluate` have the same figures, and rivals that search in the model's codes beside them.
"""

import argparse
import time

import numpy as np

from icell_tf.data.folders import find_prepared
from icell_tf.data.prepared import PreparedCells
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.evaluation.integration import RIVALS, correlate, mean_r
from icell_tf.evaluation.neighbours import Neighbours
from icell_tf.messages import sentences

PREDICTIONS = (*(name for name in RIVALS if name == "class_mean" or name.endswith("pixels")), "ceiling")


class NoModel:
    """In place of a model: all cells have the same code, so that nothing is near in codes."""

    mirrored = True

    def encode_reference(self, x_r):
        return {"z_r": np.zeros((len(x_r), 1), np.float32)}

    def encode(self, x_rs):
        nothing = np.zeros((len(x_rs), 1), np.float32)
        return dict.fromkeys(("probabilities", "z_r", "z_s"), nothing)


def measure(test, training):
    """Returns {structure, or "mean": {prediction: mean r}} of `CodedCells`, whose codes don't matter."""
    r, _ = correlate(test, Neighbours(NoModel(), training))
    r = {name: r[name] for name in PREDICTIONS if name in r}
    names = test.spec.structures
    known = [k for k in range(len(names)) if not np.isnan(r["class_mean"][:, k]).all()]
    rows = {names[k]: [k] for k in known} | {"mean": known}
    return {name: {prediction: mean_r(of, chosen) for prediction, of in r.items()} for name, chosen in rows.items()}


def table(rows):
    """Returns what `measure` returns as text."""
    width, columns = max(map(len, rows)), list(rows["mean"])
    lines = ["  ".join([" " * width, *columns])]
    for name, row in rows.items():
        lines.append("  ".join([name.ljust(width), *(f"{row[column]:{len(column)}.3f}" for column in columns)]))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", action="append", required=True, help="NAME/CONFIG or a folder; may be repeated")
    parser.add_argument("--data_dir", help="where prepared data sets lie (default: TFDS' own)")
    given = parser.parse_args()
    for dataset in given.dataset:
        prepared, begun = PreparedCells(find_prepared(dataset, given.data_dir)), time.perf_counter()
        test, training = (code_cells(NoModel(), prepared, split) for split in ("test", prepared.train_split))
        print(f"{prepared.dataset}: {prepared.spec}; {len(test)} test cells", table(measure(test, training)), sep="\n")
        print(f"{time.perf_counter() - begun:.0f} s\n", flush=True)


if __name__ == "__main__":
    with sentences():
        main()
