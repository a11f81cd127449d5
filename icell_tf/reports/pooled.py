"""The folds of a cross-validation as one evaluation: each cell is tested once, by a model that never saw its field."""

import csv
import json
from collections import Counter
from pathlib import Path

from icell_tf import files
from icell_tf.evaluation import classification, distribution, integration, truth
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.evaluation.drawn import ROOM, Drawn
from icell_tf.evaluation.metrics.scores import Part
from icell_tf.evaluation.neighbours import Neighbours
from icell_tf.reports import cell_table, distribution_table, metrics_file, truth_table
from icell_tf.reports.text import aligned, number, with_interval

POOLED_FILE = "pooled.json"
ACCURACIES = ("accuracy", "balanced_accuracy")


def measure_fold(integrator, prepared, output, draws=32, seed=0):
    """Measures classification, integration and distribution of one fold's test cells, and writes them cell by cell.

    Also the truth in the same cell, where the data set knows it. A model without phase 3 draws z_s.

    Args:
      integrator: the `Integrator` trained on the fold.
      prepared: the fold's `PreparedCells`.
      output: folder for `cell_table.write`, `distribution_table.write` and `truth_table.write`.
      draws, seed: for the prediction mean_of_draws and the distribution.
    """
    Path(output).mkdir(parents=True, exist_ok=True)
    test, training = (code_cells(integrator, prepared, split) for split in ("test", prepared.train_split))
    classified = classification.measure(test, training, integrator.structures)
    shared = (integrator, test, training, draws, seed)
    neighbours = Neighbours(integrator, training)  # which remembers those of the test cells
    drawn = Drawn(integrator, test, draws, seed, room=ROOM)
    integrated = integration.measure(*shared, neighbours=neighbours, drawn=drawn)
    cell_table.write(test, classified, integrated, output)
    if not truth.why_not(prepared):
        truth_table.write(truth.measure(*shared, neighbours=neighbours), output)
    distribution_table.write(distribution.measure(*shared, neighbours=neighbours, drawn=drawn), output)


def pool(folders, prepared, output, seed=0, phase="conditional"):
    """Scores the cells of all folds together and writes pooled.json.

    Args:
      folders: those that `measure_fold` wrote, one a fold.
      prepared: the `PreparedCells` of one of them; all have its spec and its data set.
      output: folder for pooled.json.
      seed: of resampling and permutations.
      phase: of the models that were measured: "conditional", which draw z_s, or "sampler".

    Returns: its content: dataset, spec, folds, phase, test_cells, and the rest as metrics.json of the parts
    classification, integration and, where all folds have them, truth and distribution.

    Raises: ValueError: if a cell is in two folds, or the files don't belong together.
    """
    _check_tested_once(folders)
    classified, integrated = cell_table.read(folders, prepared.spec.structures)
    parts = [
        Part("classification", "", "", tuple(classification.scores(classified, seed)), classified),
        Part("integration", "", "", tuple(integration.scores(integrated, seed)), integrated),
    ]
    if _all_have(folders, truth_table.TRUTH_FILE):
        known = truth_table.read(folders, prepared.spec.structures)
        parts.append(Part("truth", "", "", tuple(truth.scores(known, seed)), known))
    if _all_have(folders, distribution_table.DISTRIBUTION_FILE):
        drawn = distribution_table.read(folders, prepared.spec.structures)
        parts.append(Part("distribution", "", "", tuple(distribution.scores(drawn, seed)), drawn))
    about = {"dataset": prepared.dataset, "spec": prepared.spec.to_dict(), "folds": len(folders), "phase": phase}
    content = metrics_file.content_of(parts, **about, seed=seed, test_cells=len(classified.y))
    with files.atomic_write(Path(output) / POOLED_FILE) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return content


def table(content):
    """Returns what `pool` returned as text: accuracies, then lines a structure: each prediction's r, and its draws."""
    of_cells = [score for score in content["scores"] if score["part"] in ("classification", "integration")]
    scores = {(score["metric"], score["structure"]): score for score in of_cells}
    predictions = list(content["integration_mean"])
    rows = content["integration"] | {"mean": content["integration_mean"]}
    lines = [["structure", "recall", *predictions, "margin"]]
    for name, row in rows.items():
        recall = scores[("balanced_accuracy", None) if name == "mean" else ("recall", name)]["value"]
        margin = scores["margin", None if name == "mean" else name]
        values = [number(value, decimals=3) for value in (recall, *(row[prediction] for prediction in predictions))]
        lines.append([name, *values, with_interval(margin, decimals=3)])
    below = aligned(lines)
    accuracies = [f"{name.replace('_', ' ')} {with_interval(scores[name, None], decimals=3)}" for name in ACCURACIES]
    summary = [f"{content['dataset']}: {content['test_cells']} cells, each tested once, in {content['folds']} folds"]
    summary += [f"{'; '.join(accuracies)} (95% intervals)"]
    localization = f"{content['compared_with']} localization"
    summary += [f"correlation of predicted with {localization}; margin of the model over its best rival:"]
    if ("shape_p", None) in scores:
        gain, p = with_interval(scores["shape_gain", None], decimals=3), scores["shape_p", None]["value"]
        below += [f"a cell's own shape, against those of other cells, gains {gain}, permutation p = {p:.4f}"]
    return "\n".join([*summary, *below, *truth_table.lines(content), *distribution_table.lines(content)])


def _all_have(folders, name):
    return all((Path(folder) / name).is_file() for folder in folders)


def _check_tested_once(folders):
    counts = Counter()
    for folder in folders:
        with (Path(folder) / cell_table.CELLS_FILE).open(newline="", encoding="utf-8") as file:
            counts.update(row["cell_id"] for row in csv.DictReader(file))
    twice = [cell for cell, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"{', '.join(map(str, folders))}: cell {twice[0]} is tested in more than one of these folds")
