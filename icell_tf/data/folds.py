"""Folds of a cross-validation: cells divided by field of view."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from icell_tf.config import parse_fold


def held_out(labels, fold):
    """Divides cells by field of view, with as equal shares of every structure as the fields allow.

    Args: labels: as `Records.labels` returns them; their order doesn't matter. fold: PART/PARTS.
    Returns: which cells are in that part, (N,) bool. Raises: ValueError: if there are too few fields.
    """
    part, parts = parse_fold(fold)
    order = np.lexsort((labels["cell_id"], labels["fov_id"]))
    y, fields = labels["structure"][order], labels["fov_id"][order]
    if max(len(set(fields[y == k])) for k in np.unique(y)) < parts:
        raise ValueError(f"fold {fold}: no structure has cells in {parts} fields of view; divide into fewer parts")
    _, tested = list(StratifiedGroupKFold(parts, shuffle=True, random_state=0).split(y, y, fields))[part - 1]
    return np.isin(np.arange(len(y)), order[tested])
