"""Tables of what was measured of each test cell, to look closer and to pool the folds of a cross-validation."""

import csv
from pathlib import Path

import numpy as np

from icell_tf.evaluation.classification import Classification
from icell_tf.evaluation.integration import Integration
from icell_tf.evaluation.metrics.permutation import own_and_others
from icell_tf.files import atomic_write

CELLS_FILE, PAIRS_FILE = "cells.csv", "pairs.npz"
BY, R, INSIDE = "predicted_by_", "r_", "r_inside_"  # prefixes of columns; the name of a prediction follows


def write(test, classification, integration, output):
    """Writes cells.csv and pairs.npz.

    cells.csv has a row a test cell, in order:

      cell_id, fov_id, structure;
      predicted, the likeliest structure, and its probability;
      predicted_by_RIVAL, the structure that a simpler classifier predicts;
      r_PREDICTION, r_inside_PREDICTION, the correlation, over the frame and inside the cell, of a prediction of the
        cell's structure with its expected or, in real cells, its observed localization;
      own_shape, other_shapes, the correlation over the frame of the observed structure with Algorithm 3's image for
        the cell's own shape, and the mean correlation with its images for the shapes of the other test cells that show
        the structure; empty if no other cell does.

    pairs.npz holds an (n, n) matrix a structure, `Integration.pairs`, in the order of its rows.

    Args:
      test: the `CodedCells`.
      classification, integration: what was measured of them.
      output: folder.

    Returns: the two paths.
    """
    n, y, names = np.arange(len(test)), test.y, integration.structures
    columns = {"cell_id": test.cell_ids, "fov_id": test.fov_ids, "structure": [names[k] for k in y]}
    columns |= {"predicted": [names[k] for k in classification.predicted], "probability": classification.confidence}
    columns |= {BY + rival: [names[k] for k in predicted] for rival, predicted in classification.rivals.items()}
    columns |= {R + name: r[n, y] for name, r in integration.r.items()}
    columns |= {INSIDE + name: r[n, y] for name, r in integration.r_inside.items()}
    own, others = np.full((2, len(test)), np.nan)
    pairs = {name: matrix for name, (matrix,) in integration.pairs.items()}
    for name, matrix in pairs.items():
        own[y == names.index(name)], others[y == names.index(name)] = own_and_others(matrix)
    columns |= {"own_shape": own, "other_shapes": others}
    cells_path, pairs_path = Path(output) / CELLS_FILE, Path(output) / PAIRS_FILE
    with atomic_write(cells_path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_as_text(value) for value in row] for row in zip(*columns.values(), strict=True))
    with atomic_write(pairs_path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **pairs)
    return [cells_path, pairs_path]


def read(folders, structures):
    """Reads the test cells of one or more evaluations, such as the folds of a cross-validation, as those of one.

    In simulated cells every structure is known, but the tables have only the structure that each cell shows.

    Args:
      folders: each with a cells.csv and a pairs.npz.
      structures: the K names that all of them have.

    Returns: `Classification` and `Integration`.

    Raises: ValueError: a file names another structure, the files have different columns, or there are no cells.
    """
    rows, pairs = [], {}
    for folder in map(Path, folders):
        with (folder / CELLS_FILE).open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file))
        if rows and found and found[0].keys() != rows[0].keys():
            raise ValueError(f"{folder / CELLS_FILE} has other columns than {Path(folders[0]) / CELLS_FILE}")
        unknown = {row["structure"] for row in found} - set(structures)
        if unknown:
            named = f"{', '.join(sorted(unknown))}, but the model knows only {', '.join(structures)}"
            raise ValueError(f"{folder / CELLS_FILE} has cells of {named}")
        rows += found
        with np.load(folder / PAIRS_FILE) as matrices:
            for name in matrices:
                pairs.setdefault(name, []).append(matrices[name])

    if not rows:
        raise ValueError(f"no cells in {', '.join(map(str, folders)) or 'no folder'}")

    def indices(column):
        return np.array([structures.index(row[column]) for row in rows])

    y = indices("structure")
    rivals = {name.removeprefix(BY): indices(name) for name in rows[0] if name.startswith(BY)}
    confidence = np.array([float(row["probability"]) for row in rows])
    inside = {
        name.removeprefix(INSIDE): _of_shown(rows, name, y, structures) for name in rows[0] if name.startswith(INSIDE)
    }
    names = [name for name in rows[0] if name.startswith(R) and not name.startswith(INSIDE)]
    r = {name.removeprefix(R): _of_shown(rows, name, y, structures) for name in names}
    compared_with = "expected" if "ceiling" in r else "observed"
    return (
        Classification(tuple(structures), y, indices("predicted"), confidence, rivals),
        Integration(tuple(structures), compared_with, r, inside, pairs),
    )


def _of_shown(rows, column, y, structures):
    """Returns a column as (N, K): its value at the structure that the cell shows, NaN elsewhere."""
    values = np.full((len(rows), len(structures)), np.nan)
    values[np.arange(len(rows)), y] = [float(row[column]) for row in rows]
    return values


def _as_text(value):
    if isinstance(value, str):
        return value
    return "" if np.isnan(value) else f"{value:.6f}"
