"""Tables of the truth in the same cell: of each test cell, to pool folds, and of the means, for people."""

import csv
from pathlib import Path

import numpy as np

from icell_tf.evaluation.integration import RIVALS
from icell_tf.evaluation.truth import Truth
from icell_tf.files import atomic_write
from icell_tf.reports.text import aligned, number, with_interval

TRUTH_FILE = "truth.csv"
LABELS = ("cell_id", "fov_id", "structure")


def write(truth, output):
    """Writes truth.csv and returns its path, in a list.

    It has a row for each known structure of each test cell, in order: cell_id, fov_id, structure, and r_PREDICTION, the
    correlation over the cell's interior as `Truth.r` has it; empty where there is no other structure to copy.

    Args: `Truth`; folder.
    """
    path = Path(output) / TRUTH_FILE
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*LABELS, *(f"r_{name}" for name in truth.r)])
        for i, k in np.argwhere(~np.isnan(truth.r["model"])):
            values = (r[i, k] for r in truth.r.values())
            texts = ("" if np.isnan(value) else f"{value:.6f}" for value in values)
            writer.writerow([truth.cell_ids[i], truth.fov_ids[i], truth.structures[k], *texts])
    return [path]


def read(folders, structures):
    """Reads the truth.csv of one or more evaluations, such as the folds of a cross-validation, as one `Truth`.

    Args: folders; the K names that all of them have. Returns: `Truth`; its cells are those with a known structure.
    Raises: ValueError: a file names another structure, or the files have different columns, or no rows.
    """
    rows = []
    for path in (Path(folder) / TRUTH_FILE for folder in folders):
        with path.open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file))
        unknown = {row["structure"] for row in found} - set(structures)
        if unknown or (rows and found and found[0].keys() != rows[0].keys()):
            what = f"cells of {', '.join(sorted(unknown))}" if unknown else "other columns than those of other folds"
            raise ValueError(f"{path} has {what}: evaluate all folds anew, with one version of icell_tf")
        rows += found
    if not rows:
        raise ValueError(f"no cells in the {TRUTH_FILE} of {', '.join(map(str, folders))}")
    fields = {row["cell_id"]: row["fov_id"] for row in rows}
    places = {cell: i for i, cell in enumerate(fields)}
    at = [places[row["cell_id"]] for row in rows], [structures.index(row["structure"]) for row in rows]
    r = {}
    for column in [column for column in rows[0] if column not in LABELS]:
        r[column.removeprefix("r_")] = values = np.full((len(fields), len(structures)), np.nan)
        values[at] = [float(row[column] or "nan") for row in rows]
    return Truth(tuple(structures), list(fields), list(fields.values()), r)


def lines(content):
    """Returns what metrics.json or pooled.json says of the truth as lines of text; none if it says nothing."""
    if "truth" not in content:
        return []
    scores = {(s["metric"], s["structure"]): s for s in content["scores"] if s["part"] == "truth"}
    rows = [["structure", *content["truth_mean"]]]
    margins = [["structure", *RIVALS]]
    for name, row in {**content["truth"], "mean": content["truth_mean"]}.items():
        rows.append([name, *(number(value, decimals=3) for value in row.values())])
        of = [scores[f"margin_over_{rival}", None if name == "mean" else name] for rival in RIVALS]
        margins.append([name, *(with_interval(score, decimals=3) for score in of)])
    fields = scores["r", None]["n"]
    return [
        "correlation of predicted with known structures of the same cell, inside it; other_structure is copied:",
        *aligned(rows),
        f"Algorithm 3 minus each rival, with 95% intervals over {fields} fields of view:",
        *aligned(margins),
    ]
