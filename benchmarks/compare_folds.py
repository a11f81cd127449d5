"""Two cross-validations of the same cells, compared cell by cell: is one recipe better than another?

    python benchmarks/compare_folds.py runs/hela-new runs/hela-old

Both are folders that train/cross_validate.py wrote with the same data set and folds. Prints the r of Algorithm 3 and of
the mean of draws, and the accuracy, of the first minus those of the second, with a 95 % interval by resampling cells.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from icell_tf.evaluation.metrics.scores import mean_score
from icell_tf.reports.cell_table import CELLS_FILE

COMPARED = {"r of Algorithm 3": "r_model", "r of the mean of draws": "r_mean_of_draws"}


def read(folder):
    """Returns {cell_id: (fold, row of cells.csv)} of a cross-validation."""
    tables = sorted(Path(folder).glob(f"fold-*/evaluation/{CELLS_FILE}"))
    if not tables:
        raise SystemExit(f"{folder} has no fold-*/evaluation/{CELLS_FILE}: name a folder of train/cross_validate.py")
    found = {}
    for table in tables:
        with table.open(newline="", encoding="utf-8") as file:
            found |= {row["cell_id"]: (table.parts[-3], row) for row in csv.DictReader(file)}
    return found


def differences(first, second):
    """Returns {what: (N,) first minus second} of cells that both have in the same folds."""
    where = [{cell: fold for cell, (fold, _) in cells.items()} for cells in (first, second)]
    if where[0] != where[1]:
        raise SystemExit("the two have other cells, or other folds: only the same cells in the same folds compare")
    pairs = [(first[cell][1], second[cell][1]) for cell in sorted(first)]
    found = {what: [float(a[column]) - float(b[column]) for a, b in pairs] for what, column in COMPARED.items()}
    hits = [[row["predicted"] == row["structure"] for row in pair] for pair in pairs]
    found["accuracy"] = [int(a) - int(b) for a, b in hits]
    return {what: np.array(values, float) for what, values in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", help="a folder of train/cross_validate.py")
    parser.add_argument("second", help="another one")
    given = parser.parse_args()
    for what, values in differences(read(given.first), read(given.second)).items():
        score = mean_score(what, values)
        low, high = score.interval
        print(f"{what}: {score.value:+.3f} ({low:+.3f} to {high:+.3f}), {score.n} cells")


if __name__ == "__main__":
    main()
