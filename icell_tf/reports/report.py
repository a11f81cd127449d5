"""The report on a trained model: scorecard, the paper's exhibits and pictures; as a page, files and in TensorBoard."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np

from icell_tf import files, paper
from icell_tf.evaluation import integration_scores, scorecard
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.reports import cell_table, code_table, distributions, model_card, page, score_figures, tensorboard
from icell_tf.viz import figures

METRICS_FILE = "metrics.json"
PICTURED = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """What an evaluation found.

    Attributes:
      content: of metrics.json.
      parts: the scorecard's `Part`s.
      cells: {split: `CodedCells`}.
      paths: of what was written.
    """

    content: dict
    parts: list
    cells: dict
    paths: list[Path]


def evaluate(subject, output, run_dir=None, draws=32, seed=0, tell=print):
    """Measures a model on the test split and writes the report, in place of an earlier one in that folder.

    Integration is the Pearson correlation over all pixels of the frame, mean over the test cells: with the expected
    localization where the data set knows it (simulated cells), for every structure in every cell; else with the one
    structure that was observed, and a structure that no test cell shows is left out.

    Args:
      subject: `Subject`; the rivals are made from the training cells of its data set.
      output: folder for report.html, metrics.json, cells.csv and pictures.
      run_dir: the run's folder, whose model card and TensorBoard get the scores; None leaves both alone, and so does a
        data set that is not the run's own, or a folder that can't be written to.
      draws: draws of z_s for the prediction `mean_of_draws`.
      seed: of the draws, and of the choice of cells in pictures.
      tell: called with a line before each part.

    Returns: `Report`.

    Raises: ValueError: if the data set has no test cells, or other structures or another frame than the model, or the
      output can't be written to.
    """
    prepared, output = subject.prepared, Path(output)
    _check_same_cells(subject.integrator, prepared.cells)
    prepared.size("test")  # or an error, before the work
    _make_writable(output)
    if run_dir is not None and (reason := _why_no_card(subject, run_dir)):
        tell(f"the model card and TensorBoard are left as they are: {reason}")
        run_dir = None
    tell("coding the cells")
    cells = {
        name: code_cells(subject.integrator, prepared, split)
        for name, split in {"train": prepared.train_split, "validation": "validation", "test": "test"}.items()
        if name == "train" or name in prepared.splits
    }
    measured = scorecard.measure(subject, cells, draws, seed, tell)
    content = {
        "dataset": prepared.cells.dataset,
        "run": subject.name,
        "test_cells": len(cells["test"]),
        "seed": seed,
        **scorecard.content(measured),
    }
    tell("pictures")
    return _write(subject, cells, measured, content, output, run_dir)


def _write(subject, cells, measured, content, output, run_dir):
    """Writes all files of a report and, if there is a run_dir, its card and TensorBoard's; returns the `Report`."""
    parts, names = list(measured.parts.values()), subject.integrator.structures
    shown = paper.draw(subject, cells, content["seed"])
    pictures = {e.key: (e.title, e.caption, e.picture) for e in shown if e.picture is not None}
    others = _test_cells(subject.integrator, cells["test"], content["seed"]) | _measured(measured)
    pictures |= others
    title, further = f"Report on {subject.name}", list(others.values())
    paths = [
        page.write(output / page.PAGE_FILE, title, _summary(content), parts, shown, further, names),
        *cell_table.write(cells["test"], measured.classification, measured.integration, output),
    ]
    for name, (_, _, picture) in pictures.items():
        paths.append(output / f"{name}.png")
        with files.atomic_write(paths[-1]) as partial:
            figures.to_png(picture, partial)
    log_dir = None
    if run_dir is not None:
        rows, log_dir = subject.curves.get("conditional", []), Path(run_dir) / "tensorboard"
        paths.append(model_card.write(run_dir, subject.run, model_card.count(subject.prepared), rows, parts))
        step = rows[-1]["epoch"] if rows else 0
        tensorboard.write(log_dir, step, parts, {name: picture for name, (_, _, picture) in pictures.items()})
    projector = log_dir and log_dir / tensorboard.FOLDER
    paths += code_table.write_codes(cells, names, output, projector)
    content["files"] = sorted(path.name for path in paths if path.parent == output)
    paths.append(_write_metrics(content, output / METRICS_FILE))
    return Report(content, parts, cells, paths)


def table(content):
    """Returns the main figures as text: accuracy, then a line a structure."""
    rivals = list(content["integration_mean"])
    width = max(len(name) for name in content["integration"]) + 2
    lines = [
        f"{content['dataset']}: {content['test_cells']} test cells",
        f"classification accuracy {content['accuracy']:.3f}, balanced {content['balanced_accuracy']:.3f}",
        f"correlation of predicted with {content['compared_with']} localization:",
        "".ljust(width) + "".join(rival.rjust(max(15, len(rival) + 2)) for rival in rivals),
    ]
    rows = {**content["integration"], "mean": content["integration_mean"]}
    for name, row in rows.items():
        values = (f"{row[rival]:.3f}".rjust(max(15, len(rival) + 2)) for rival in rivals)
        lines.append(name.ljust(width) + "".join(values))
    return "\n".join(lines)


def _write_metrics(content, path):
    """Writes metrics.json, the last file of all, and removes those of an earlier evaluation that this one lacks."""
    for name in _files_of_earlier(path) - set(content["files"]):
        (path.parent / name).unlink(missing_ok=True)
    with files.atomic_write(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def _files_of_earlier(path):
    """Returns the names of the files that an earlier metrics.json lists; none of one that is cut off, or another's."""
    try:
        names = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {name for name in names if Path(name).name == name and (path.parent / name).is_file()}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return set()


def _summary(content):
    integration = content["integration_mean"]
    best = max(integration_scores.RIVALS, key=integration.get)
    return [
        f"{content['test_cells']} test cells of {content['dataset']}, unseen in training; seed {content['seed']}.",
        f"{content['accuracy']:.1%} of their structures are recognised (balanced over structures "
        f"{content['balanced_accuracy']:.1%}).",
        f"Predicted and {content['compared_with']} localizations correlate with r = {integration['model']:.3f}; the "
        f"best that training cells alone offer is {integration[best]:.3f} ({best}).",
    ]


def _make_writable(output):
    """Makes a folder, or finds out before the work that nothing can be written there."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--output: {output} can't be made ({error.strerror}); give another folder") from error
    if not os.access(output, os.W_OK):
        raise ValueError(f"--output: {output} can't be written to; give another folder")


def _why_no_card(subject, run_dir):
    """Returns why an evaluation must not be told of in the run's folder; "" if it may."""
    own, measured = (cells.dataset.rpartition("/")[0] for cells in (subject.run.cells, subject.prepared.cells))
    if own and own != measured:  # another version of it is still its own
        return f"they tell of {own}, on which the model was trained, not of {measured}"
    return "" if os.access(run_dir, os.W_OK) else f"{run_dir} can't be written to"


def _check_same_cells(integrator, cells):
    def described(thing):
        frame = f"frames of {thing.image_size} px at {thing.pixel_size:g} µm"
        return f"{', '.join(thing.structures)} in {frame}, prepared with {thing.preparation}"

    if described(cells) != described(integrator):
        raise ValueError(
            f"--dataset: {cells.dataset} has {described(cells)}, but the model was trained on {described(integrator)}"
        )


def _test_cells(integrator, test, seed):
    """Draws test cells, each of another structure: {name: (title, caption, picture)}."""
    rows = np.unique(test.y, return_index=True)[1]
    x_rs, names = test.x_rs(rows), integrator.structures
    labels = [names[k] for k in test.y[rows]]
    integrated = integrator.integrate(x_rs[:PICTURED, ..., :-1])["structures"]
    generated = [integrator.sample(np.arange(len(names)), seed + row)["x_rs"] for row in range(3)]
    pictures = {
        "integrated": (
            "All structures in one cell",
            "Test cells: the observed cell, then each structure as Algorithm 3 predicts it there.",
            figures.integration_grid(x_rs[:PICTURED], integrated, names),
        ),
        "structures": (
            "Predicted structures",
            "The predicted structures of the same cells, alone.",
            figures.structure_grid(integrated, names),
        ),
        "reconstructed": (
            "Reconstructions",
            "Test cells over their reconstructions by the conditional model.",
            figures.observed_over_reconstructed(
                x_rs, integrator.reconstruct(x_rs)["x_rs_hat"], labels, contrast="percentile"
            ),
        ),
        "generated": (
            "New cells",
            "Cells drawn from the prior: each is another draw of z_r and z_s, a column shows one structure.",
            figures.cell_grid(np.concatenate(generated), columns=len(names), labels=names, contrast="percentile"),
        ),
    }
    if test.expected is not None:
        pictures["expected"] = (
            "Expected localizations",
            "What is expected of the predicted structures: the mean of many simulated draws in the same cells.",
            figures.structure_grid(test.expected[rows[:PICTURED]] / np.float32(255), names),
        )
    return pictures


def _measured(measured):
    """Draws what was measured: {name: (title, caption, picture)}."""
    drawn = score_figures.pictures(measured.classification, measured.integration)
    return {title.lower().replace(" ", "_"): (title, caption, picture) for title, caption, picture in drawn} | {
        "shapes": (
            "Shapes",
            "Area, eccentricity and nucleus-to-cell ratio of generated cells, and of what they are compared with.",
            distributions.draw_shapes(measured.shapes),
        ),
        "nearest_training_cells": (
            "Nearest training cells",
            "Distance to the nearest training cell: copies would lie left of the held-out cells.",
            distributions.draw_nearest(measured.distances),
        ),
        "dimensions": (
            "Dimensions of the codes",
            "What each dimension tells the decoder, and how it is distributed beside its prior, N(0, 1).",
            distributions.draw_dimensions(measured.codes),
        ),
    }
