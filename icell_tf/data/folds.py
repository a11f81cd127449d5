"""Folds of a cross-validation: cells divided by field of view."""

from functools import cache

import numpy as np
import tensorflow_datasets as tfds
from sklearn.model_selection import StratifiedGroupKFold

from icell_tf.config import parse_fold


@cache
def read_labels(folder, split):
    """Reads a prepared data set without its images.

    Returns: {"cell_id", "fov_id", "structure"}, (N,) each, in the order of the split's records.
    """
    builder = tfds.builder_from_directory(folder)
    wanted = {name: builder.info.features[name] for name in ("cell_id", "fov_id", "structure")}
    partial, read_config = tfds.decode.PartialDecoding(wanted), tfds.ReadConfig(try_autocache=False)
    labels = builder.as_dataset(split=split, decoders=partial, read_config=read_config).batch(64)
    batches = list(labels.as_numpy_iterator())
    return {name: np.concatenate([batch[name] for batch in batches]) for name in wanted}


def held_out(labels, fold):
    """Divides cells by field of view, with as equal shares of every structure as the fields allow.

    Args: labels: as `read_labels` returns them; their order doesn't matter. fold: PART/PARTS.
    Returns: which cells are in that part, (N,) bool. Raises: ValueError: if there are too few fields.
    """
    part, parts = parse_fold(fold)
    order = np.lexsort((labels["cell_id"], labels["fov_id"]))
    y, fields = labels["structure"][order], labels["fov_id"][order]
    if max(len(set(fields[y == k])) for k in np.unique(y)) < parts:
        raise ValueError(f"fold {fold}: no structure has cells in {parts} fields of view; divide into fewer parts")
    _, tested = list(StratifiedGroupKFold(parts, shuffle=True, random_state=0).split(y, y, fields))[part - 1]
    return np.isin(np.arange(len(y)), order[tested])
