"""The table of the draws of each test cell, to pool folds; and their scores, for people."""

from pathlib import Path

import numpy as np

from icell_tf.evaluation.distribution import BANDS, NEAREST, Distribution
from icell_tf.files import atomic_write
from icell_tf.reports.text import aligned, number, with_interval, words

DISTRIBUTION_FILE = "distribution.npz"
LABELS = ("structures", "draws", "cell_ids")
MEASURED = ("proper", "covered", "histograms", "variance", "similarity", "power")  # attributes of a `Distribution`
COLUMNS = ("coverage_90", *(f"power_{i + 1}" for i in range(len(BANDS))))


def write(distribution, output):
    """Writes distribution.npz and returns its path, in a list.

    It holds structures, draws and cell_ids, and each array of the `Distribution` under the names that lead to it, such
    as proper/crps/draws (N, K), covered/draws/0.9 (N, K) and histograms/draws (K, BINS).

    Args: `Distribution`; folder.
    """
    arrays = {"structures": np.array(distribution.structures), "draws": np.array(distribution.draws)}
    arrays["cell_ids"] = np.array(distribution.cell_ids)
    for attribute in MEASURED:
        arrays |= _flat(getattr(distribution, attribute), attribute)
    path = Path(output) / DISTRIBUTION_FILE
    with atomic_write(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return [path]


def read(folders, structures):
    """Reads the distribution.npz of one or more evaluations, such as the folds of a cross-validation, as one.

    What one fold lacks, such as true draws, is NaN for its cells. Histograms are added up.

    Args: folders; the K names that all of them have.
    Returns: `Distribution` of all cells.
    Raises: ValueError: a file has other structures, or another number of draws than the first, or there is no folder.
    """
    tables = [_load(Path(folder) / DISTRIBUTION_FILE, structures) for folder in folders]
    if not tables:
        raise ValueError(f"no folder with a {DISTRIBUTION_FILE}")
    draws = int(tables[0]["draws"])
    for folder, table in zip(folders, tables, strict=True):
        if table["draws"] != draws:
            found = f"{table['draws']} draws of each structure, but {Path(folders[0]) / DISTRIBUTION_FILE} has {draws}"
            raise ValueError(f"{Path(folder) / DISTRIBUTION_FILE} has {found}: evaluate all folds with as many")
    measured = {attribute: {} for attribute in MEASURED}
    for name in dict.fromkeys(name for table in tables for name in table if name not in LABELS):
        attribute, *names, last = name.split("/")
        place = measured[attribute]
        for between in names:
            place = place.setdefault(between, {})
        join = _added if attribute == "histograms" else _joined
        place[float(last) if attribute == "covered" else last] = join(tables, name)
    cell_ids = [str(cell) for table in tables for cell in table["cell_ids"]]
    return Distribution(tuple(structures), draws, cell_ids, **measured)


def _flat(values, name):
    """Returns {name: array} of nested dicts of arrays, with the keys that lead to each joined by /."""
    if not isinstance(values, dict):
        return {name: values}
    return {key: array for inner in values for key, array in _flat(values[inner], f"{name}/{inner}").items()}


def _load(path, structures):
    with np.load(path) as arrays:
        table = dict(arrays)
    if table["structures"].tolist() != list(structures):
        found = f"{', '.join(table['structures'].tolist())}, not {', '.join(structures)}"
        raise ValueError(f"{path} has the structures {found}: evaluate all folds anew, with the same structures")
    return table


def _added(tables, name):
    return sum(table[name] for table in tables if name in table)


def _joined(tables, name):
    shape = next(table[name].shape[1:] for table in tables if name in table)
    return np.concatenate(
        [table.get(name, np.full((len(table["cell_ids"]), *shape), np.nan)) for table in tables], axis=0
    )


def lines(content):
    """Returns what pooled.json says of the distribution of draws as lines of text; none if it says nothing."""
    scores = {(s["metric"], s["structure"]): s for s in content["scores"] if s["part"] == "distribution"}
    if not scores:
        return []
    rows = [["structure", "cells", "crps", f"crps_of_{NEAREST}", "crps_gain", *COLUMNS]]
    names = [structure for metric, structure in scores if metric == "crps" and structure is not None]
    for structure in (*names, None):
        crps, gain = (scores.get((metric, structure)) for metric in ("crps", "crps_gain"))
        row = ["mean" if structure is None else structure, str(crps["n"])]
        row += [number(value, decimals=4) for value in (crps["value"], crps["rivals"].get(NEAREST))]
        row.append(with_interval(gain, decimals=4) if gain else number(None))
        rows.append([*row, *(number(scores[name, structure]["value"], decimals=3) for name in COLUMNS)])
    of = "phase 3" if content["phase"] == "sampler" else "z_s"
    return [
        f"CRPS inside the cell, lower is better, of draws of {of} and of the {words(NEAREST)} training cells;",
        "crps_gain, how much lower that of the draws is, has a 95% interval; coverage_90 should be 0.9, power 1:",
        *aligned(rows),
    ]
