"""Puts a finished and evaluated run among the models that ship with the package; for those who make a release.

`python -m icell_tf.export.shipping`, which `make models` calls, does so for each of `SHIPPING`.
"""

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from icell_tf.config import ConfigError
from icell_tf.data.prepared import open_prepared
from icell_tf.evaluation.metrics import correlation
from icell_tf.files import atomic_write
from icell_tf.inference.loading import load
from icell_tf.messages import sentences
from icell_tf.reports import model_card
from icell_tf.reports.metrics_file import METRICS_FILE
from icell_tf.runs import history, shipped
from icell_tf.runs.known import KNOWN_FILE, read_known
from icell_tf.runs.run import CARD_FILE, CONFIG_FILE
from icell_tf.runs.trained import load_model
from icell_tf.runs.weights import NETWORKS, save_networks

CELLS_PER_STRUCTURE = 4
# {name: (part of the scorecard, metric)} of scores over all structures: those that `icell models` lists.
SCORES = {
    "accuracy": ("classification", "accuracy"),
    "r of Algorithm 3": ("integration", "r"),
    "r of the mean of draws": ("integration", "r_of_draws"),
    "CRPS of draws": ("distribution", "crps"),
    "judge's accuracy on new cells": ("generated", "judge_accuracy"),
}
ON_ITS_CELLS = "On the cells that ship with it"


@dataclasses.dataclass(frozen=True)
class Model:
    """A model that ships: its name, the folder of its run, and what `icell models` says of it."""

    name: str
    run_dir: str
    summary: str
    recipe: str
    not_for: str
    licence: str = "Apache-2.0"


SHIPPING = (
    Model(
        "simulated_64",
        "runs/small-sampler",
        summary="all ten structures in simulated cells of 64 x 64 px, and new cells, drawn sharp",
        recipe="--preset=small, seed 0",
        not_for="real cells: it has seen none, and what it shows in one says that the file was read rightly, no more",
    ),
)


def ship(model, evaluation=None, folder=shipped.FOLDER):
    """Writes `folder`/NAME and its entry in models.json, in place of what shipped under this name before.

    Args:
      model: a `Model`, whose run is finished and evaluated.
      evaluation: the folder of its evaluation. None: `evaluation` in its run's folder.
      folder: of all models that ship.

    Returns: the entry: what it is, and the hash of each file.
    Raises: ConfigError: the run is not finished, or not evaluated as a whole.
    """
    trained, run = load_model(model.run_dir)
    _require_finished(model.run_dir, run.config.epochs)
    evaluation = Path(evaluation or Path(model.run_dir) / "evaluation")
    scores = read_scores(evaluation)
    prepared = open_prepared(run.config)
    if prepared.fingerprint != run.cells:
        raise ConfigError(f"{prepared.folder} has other cells than those that {model.run_dir} was trained on")
    folder.mkdir(parents=True, exist_ok=True)
    target, temporary = folder / model.name, Path(tempfile.mkdtemp(prefix=".ship-", dir=folder))
    try:
        shutil.copy(Path(model.run_dir) / CONFIG_FILE, temporary)
        dataclasses.replace(run, reference_dir="", conditional_dir="").save(temporary)  # keeps its settings, no others
        save_networks(trained, temporary / NETWORKS, run.key)
        known = read_known(model.run_dir, trained.enc)
        if known:
            shutil.copy(Path(model.run_dir) / KNOWN_FILE, temporary)
        np.savez_compressed(temporary / shipped.CELLS, **_choose_cells(prepared))
        measured = measure(temporary)
        card = (Path(model.run_dir) / CARD_FILE).read_text(encoding="utf-8")
        (temporary / CARD_FILE).write_text(_with_scores(card, model, measured), encoding="utf-8")
        entry = {name: value for name, value in vars(model).items() if name not in ("name", "run_dir")}
        splits = ", ".join(f"{count} {split}" for split, count in prepared.splits.items())
        entry |= {"data": f"{run.dataset}: {splits} cells of {run.spec}", "scores": scores, "measured": measured}
        entry["known"] = known.about if known else None
        entry["files"] = {file.name: shipped.hash_of(file) for file in sorted(temporary.iterdir())}
        temporary.chmod(0o755)  # mkdtemp makes it private
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    index = folder / shipped.INDEX
    content = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
    with atomic_write(index) as partial:
        partial.write_text(json.dumps(content | {model.name: entry}, indent=2) + "\n", encoding="utf-8")
    return entry


def _require_finished(run_dir, epochs):
    rows = history.read_history(run_dir)
    trained = rows[-1]["epoch"] + 1 if rows else 0
    if trained < epochs:
        raise ConfigError(
            f"{run_dir} is trained for {trained} of {epochs} epochs: train it to its end, and evaluate it then"
        )


def read_scores(evaluation):
    """Returns {name of `SCORES`: [value, low, high]} of an evaluation's metrics.json; low and high end its interval.

    Raises: ConfigError: the evaluation does not exist, is damaged, or lacks one of them.
    """
    path = Path(evaluation) / METRICS_FILE
    if not path.is_file():
        raise ConfigError(f"{path} does not exist: evaluate the run first, with `icell evaluate`")
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))["scores"]
        found = {(score["part"], score["metric"]): score for score in reversed(scores) if score["structure"] is None}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is damaged ({type(error).__name__}: {error}): evaluate the run again") from error
    if lacking := [name for name, key in SCORES.items() if key not in found]:
        raise ConfigError(f"{path} lacks {', '.join(lacking)}: evaluate the whole scorecard")
    return {name: [found[key]["value"], *(found[key]["interval"] or ())] for name, key in SCORES.items()}


def measure(folder):
    """Measures a model on the cells that ship with it.

    Args: folder, of the model.

    Returns: {"cells": N, "accuracy": share of the cells whose structure is recognised, "r": mean Pearson correlation of
      Algorithm 3's image with the expected localization or, of real cells, with the observed structure}.
    """
    integrator, cells = load(folder), shipped.read_cells(folder)
    x_rs, y, spec = cells["image"] / np.float32(255), cells["structure"], integrator.spec
    typical = integrator.integrate(spec.reference(x_rs))["structures"]
    rows = np.arange(len(y))
    told = integrator.classify(x_rs)["probabilities"].argmax(axis=1)
    truth = cells.get("expected", spec.structure(cells["image"]))
    r = correlation.pearson(np.moveaxis(typical, -1, 1)[rows, y][..., None], truth[..., None])
    return {"cells": len(y), "accuracy": float((told == y).mean()), "r": float(r.mean())}


def _choose_cells(prepared):
    """Returns the content of cells.npz, see `shipped.read_cells`: the first test cells of each structure."""
    y = prepared.labels("test")["structure"]
    of_structure = [np.flatnonzero(y == k)[:CELLS_PER_STRUCTURE] for k in range(len(prepared.spec.structures))]
    rows = [of[i] for i in range(CELLS_PER_STRUCTURE) for of in of_structure if i < len(of)]
    read = prepared.read("test", rows)
    cells = {"cell_id": [name.decode() for name in read["cell_id"]], "image": read["image"], "structure": y[rows]}
    if "expected" in read:
        expected = np.moveaxis(read["expected"], -1, 1)
        cells["expected"] = expected[np.arange(len(rows)), y[rows]]
    return {name: np.asarray(values) for name, values in cells.items()}


def _with_scores(card, model, measured):
    """Returns a run's model card with the model's name, and what it scores on the cells that ship with it."""
    _, *lines = card.splitlines(keepends=True)
    text, notes, rest = "".join(lines).partition(f"\n{model_card.NOTES}\n")
    section = (
        f"\n## {ON_ITS_CELLS}\n\n{measured['cells']} of its test cells, in {shipped.CELLS}: accuracy "
        f"{measured['accuracy']:.3f}, r of Algorithm 3 {measured['r']:.3f}.\n"
    )
    return f"# Model card: {model.name}\n{text}{section}{notes}{rest}"


def compare(name, before, after):
    """Returns a table: the scores that shipped, their intervals, the new ones, and whether they lie within.

    Args: {name: [value, low, high]}, before and after; low and high may be missing.
    """
    lines = [f"{name:30} {'shipped':>8} {'interval':>16} {'anew':>8}"]
    for score, (value, *interval) in before.items():
        new, *_ = after[score]
        shown = "{:.3f}..{:.3f}".format(*interval) if interval else ""
        within = "" if not interval else "within" if interval[0] <= new <= interval[1] else "OUTSIDE"
        lines.append(f"{score:30} {value:8.3f} {shown:>16} {new:8.3f} {within}".rstrip())
    return "\n".join(lines)


def main():
    """Ships all models of `SHIPPING`, and compares their scores with those that shipped before."""
    for model in SHIPPING:
        before = shipped.described().get(model.name)
        entry = ship(model)
        print(compare(model.name, (before or entry)["scores"], entry["scores"]))


if __name__ == "__main__":
    with sentences():
        main()
