"""The folds of a cross-validation as one evaluation: each cell tested once, by a model that never saw its field."""

import csv
import json
from collections import Counter
from pathlib import Path

from icell_tf import files
from icell_tf.evaluation import classification, integration, integration_scores
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.reports import cell_table

POOLED_FILE = "pooled.json"
ACCURACIES = ("accuracy", "balanced_accuracy")


def measure_fold(integrator, prepared, output, draws=32, seed=0):
    """Measures classification and integration of one fold's test cells, and writes them cell by cell.

    Args:
      integrator: the `Integrator` trained on the fold.
      prepared: the fold's `PreparedCells`.
      output: folder for `cell_table.write`.
      draws, seed: of z_s, for the prediction mean_of_draws.
    """
    Path(output).mkdir(parents=True, exist_ok=True)
    test, training = (code_cells(integrator, prepared, split) for split in ("test", prepared.train_split))
    classified = classification.measure(test, training, integrator.structures)
    integrated = integration.measure(integrator, test, training, draws, seed)
    cell_table.write(test, classified, integrated, output)


def pool(folders, cells, output):
    """Scores the cells of all folds together and writes pooled.json.

    Args:
      folders: those that `measure_fold` wrote, one a fold.
      cells: the `Cells` they are of.
      output: folder for pooled.json.

    Returns: its content: dataset, folds, test_cells; of metrics.json what the parts on classification and integration
    say; and their scores, {part: {name: `Score` as JSON}}.

    Raises: ValueError: if a cell is in two folds, or the files don't belong together.
    """
    _check_tested_once(folders)
    classified, integrated = cell_table.read(folders, cells.structures)
    scores = {
        "classification": classification.scores(classified),
        "integration": integration_scores.scores(integrated),
    }
    content = {
        "dataset": cells.dataset,
        "folds": len(folders),
        "test_cells": len(classified.y),
        **classification.content(classified),
        **integration.content(integrated),
        "scores": {part: {name: score.to_json() for name, score in found.items()} for part, found in scores.items()},
    }
    with files.atomic_write(Path(output) / POOLED_FILE) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return content


def table(content):
    """Returns what `pool` returned as text: accuracies, then a line a structure, with each prediction's r."""
    scores = content["scores"]["classification"]
    found = content["scores"]["integration"]
    predictions = list(content["integration_mean"])
    rows = content["integration"] | {"mean": content["integration_mean"]}
    lines = [["structure", "recall", *predictions, "margin"]]
    for name, row in rows.items():
        recall = scores["balanced_accuracy" if name == "mean" else f"{name}_recall"]["value"]
        margin = found["margin" if name == "mean" else f"{name}_margin"]
        values = [f"{value:.3f}" for value in (recall, *(row[prediction] for prediction in predictions))]
        lines.append([name, *values, _with_interval(margin)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    accuracies = [f"{name.replace('_', ' ')} {_with_interval(scores[name])}" for name in ACCURACIES]
    summary = [f"{content['dataset']}: {content['test_cells']} cells, each tested once, in {content['folds']} folds"]
    summary += [f"{'; '.join(accuracies)} (95% intervals)"]
    localization = f"{content['compared_with']} localization"
    summary += [f"correlation of predicted with {localization}; margin of the model over its best rival:"]
    if "shape_p" in found:
        gain, p = _with_interval(found["shape_gain"]), found["shape_p"]["value"]
        aligned += [f"a cell's own shape, against those of other cells, gains {gain}, permutation p = {p:.4f}"]
    return "\n".join([*summary, *aligned])


def _with_interval(score):
    if score["interval"] is None:
        return f"{score['value']:.3f}"
    low, high = score["interval"]
    return f"{score['value']:.3f} ({low:.3f} to {high:.3f})"


def _check_tested_once(folders):
    counts = Counter()
    for folder in folders:
        with (Path(folder) / cell_table.CELLS_FILE).open(newline="", encoding="utf-8") as file:
            counts.update(row["cell_id"] for row in csv.DictReader(file))
    twice = [cell for cell, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"{', '.join(map(str, folders))}: cell {twice[0]} is tested in more than one of these folds")
