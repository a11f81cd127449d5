"""The curves of a run: what history.csv holds, a row an epoch."""

import csv
from pathlib import Path

from icell_tf.config import ConfigError

HISTORY = "history.csv"
# What is shown of the curves where there is no room for all of them.
MAIN_CURVES = ("reconstruction", "classification_accuracy", "integration", "reference_code", "score_s", "score_r")


def read_history(run_dir):
    """Returns a run's curves, one {"epoch": int, metric: float} an epoch; an empty list without the file.

    Raises: ConfigError: if the file is damaged.
    """
    path = Path(run_dir) / HISTORY
    if not path.is_file():
        return []
    try:
        with path.open(newline="") as lines:
            rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(lines)]
        return [{**row, "epoch": int(row["epoch"])} for row in rows]
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise ConfigError(f"{path} is damaged ({error}): remove it to train on without the curves so far") from error
