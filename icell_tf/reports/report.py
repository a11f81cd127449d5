"""The report on a trained model: scorecard, exhibits and pictures; as a page, files, model card and in TensorBoard."""

import math
import os
from pathlib import Path

from icell_tf import files
from icell_tf.evaluation.evaluators import is_complete
from icell_tf.evaluation.integration import RIVALS
from icell_tf.reports import cell_table, code_table, metrics_file, model_card, page, pictures, tensorboard, truth_table
from icell_tf.reports.text import number, with_interval, words
from icell_tf.viz import figures

GAINS = {  # {metric: what it is}
    "margin": "r of Algorithm 3 minus that of its best rival",
    "crps_gain": "CRPS of the nearest training cells minus that of draws",
    "energy_score_gain": "energy score of the nearest training cells minus that of draws",
}


def write(context, parts, output, exhibits=(), run_dir=None):
    """Writes the report, in place of an earlier one in that folder.

    Integration is the Pearson correlation over all pixels of the frame, mean over the test cells: with the expected
    localization where the data set knows it (simulated cells), for every structure in every cell; else with the one
    structure that was observed, and a structure that no test cell shows is left out.

    Args:
      context: `Context` of the evaluation.
      parts: `Part`s of the scorecard, all or some. Without some, their pictures and tables are left out.
      output: folder for report.html, metrics.json, tables and pictures, of `make_writable`.
      exhibits: `Exhibit`s of the paper.
      run_dir: the run's folder, whose model card and TensorBoard get the scores; None leaves both alone.

    Returns: the content of metrics.json, and the paths of all files.
    """
    context.progress("pictures")
    subject, prepared, measured = context.subject, context.prepared, {part.key: part.measured for part in parts}
    about = {"run": subject.name, "dataset": prepared.dataset, "spec": prepared.spec.to_dict(), "seed": context.seed}
    content = metrics_file.content_of(parts, **about, test_cells=len(context.test))
    further = [picture for part in parts for picture in pictures.draw(context, part)]
    title = f"Report on {subject.name}"
    paths = [page.write(output / page.PAGE_FILE, title, _summary(content), parts, exhibits, further)]
    if {"classification", "integration"} <= measured.keys():
        paths += cell_table.write(context.test, measured["classification"], measured["integration"], output)
    if measured.get("truth") is not None:
        paths += truth_table.write(measured["truth"], output)
    drawn = {exhibit.key: exhibit.picture for exhibit in (*exhibits, *further) if exhibit.picture is not None}
    for name, picture in drawn.items():
        paths.append(output / f"{name}.png")
        with files.atomic_write(paths[-1]) as partial:
            figures.to_png(picture, partial)
    projector = None
    if run_dir is not None:
        rows, log_dir = subject.curves[subject.run.phase], Path(run_dir) / "tensorboard"
        paths.append(model_card.write(run_dir, subject.run, model_card.count(prepared), rows, parts))
        tensorboard.write(log_dir, rows[-1]["epoch"] if rows else 0, parts, drawn)
        projector = log_dir / tensorboard.FOLDER
    if is_complete(parts):
        paths += code_table.write_codes(context.cells, context.integrator.structures, output, projector)
    content["files"] = sorted(path.name for path in paths if path.parent == output)
    paths.append(metrics_file.write(content, output / metrics_file.METRICS_FILE))
    return content, paths


def table(content):
    """Returns the main figures of metrics.json as text, without those it lacks.

    They are accuracies, a line a structure, what the draws and Algorithm 3 are ahead in, and what a detector sees.
    """
    lines = [f"{content['dataset']}: {content['test_cells']} test cells"]
    if "accuracy" in content:
        lines.append(f"classification accuracy {content['accuracy']:.3f}, balanced {content['balanced_accuracy']:.3f}")
    if "integration" in content:
        predictions = list(content["integration_mean"])
        width = max(len(name) for name in content["integration"]) + 2
        widths = [max(15, len(prediction) + 2) for prediction in predictions]
        rows = {**content["integration"], "mean": content["integration_mean"]}
        texts = {"": predictions} | {
            name: [number(row[p], decimals=3) for p in predictions] for name, row in rows.items()
        }
        lines.append(f"correlation of predicted with {content['compared_with']} localization:")
        for name, row in texts.items():
            lines.append(name.ljust(width) + "".join(map(str.rjust, row, widths)))
    scores = content.get("scores", ())
    return "\n".join([*lines, *truth_table.lines(content), *_gains(scores), *_detected(scores)])


def _gains(scores):
    """Returns a line for each of `GAINS`. Where its interval is above 0, the model is ahead."""
    lines = []
    for metric, what in GAINS.items():
        found = {score["structure"]: score for score in scores if score["metric"] == metric}
        overall = found.pop(None, None)
        if overall:
            lows = [score["interval"][0] for score in found.values() if score["interval"]]
            ahead = sum(low is not None and low > 0 for low in lows)
            lines.append(f"{what}: {with_interval(overall)}; above 0 in {ahead} of {len(found)} structures")
    return lines


def _detected(scores):
    lines = []
    for score in scores:
        if score["part"] == "detection" and score["structure"] is None:
            beside = ", ".join(f"{name} {number(value)}" for name, value in score["landmarks"].items())
            lines.append(f"detector: {words(score['metric'])} {with_interval(score)}; {beside}")
    return lines


def _summary(content):
    """Returns sentences for the head of the page, of the parts that there are."""
    lines = [f"{content['test_cells']} test cells of {content['dataset']}, unseen in training; seed {content['seed']}."]
    if "accuracy" in content:
        lines.append(
            f"{content['accuracy']:.1%} of their structures are recognised (balanced over structures "
            f"{content['balanced_accuracy']:.1%})."
        )
    if "integration" in content:
        what = f"Predicted and {content['compared_with']} localizations correlate with"
        lines.append(f"{what} {_beside_best_rival(content['integration_mean'])}")
    if "truth" in content:
        what = "With all structures that are known of the same cells, inside these, predictions correlate with"
        lines.append(f"{what} {_beside_best_rival(content['truth_mean'])}")
    return lines


def _beside_best_rival(means):
    """Says r of Algorithm 3 and of its best rival. Args: {prediction: mean r}, None or NaN where there is none."""
    known = {name: means[name] for name in RIVALS if means.get(name) is not None and math.isfinite(means[name])}
    r = f"r = {number(means['model'], decimals=3)}"
    if not known:
        return f"{r}; there is nothing that training cells alone offer."
    best = max(known, key=known.get)
    return f"{r}; the best that training cells alone offer is {number(known[best], decimals=3)} ({best})."


def make_writable(output):
    """Makes the folder of a report. Raises: ValueError: nothing can be written there."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--output: {output} can't be made ({error.strerror}); give another folder") from error
    if not os.access(output, os.W_OK):
        raise ValueError(f"--output: {output} can't be written to; give another folder")


def why_not_recorded(subject, run_dir, complete=True):
    """Returns why the model card and TensorBoard of a run must not get the scores; "" if they may.

    Args:
      subject: `Subject`.
      run_dir: the run's folder.
      complete: whether all parts of the scorecard are measured.
    """
    if not complete:
        return "they hold the complete scorecard, not some parts of it"
    own, measured = (of.dataset.rpartition("/")[0] for of in (subject.run, subject.prepared))
    if own and own != measured:  # another version of the same data set is the run's own
        return f"they are about {own}, on which the model was trained, not about {measured}"
    return "" if os.access(run_dir, os.W_OK) else f"{run_dir} can't be written to"
