"""The model card of a run: what it was trained on and how, how good it is, and where not to trust it.

Its headings follow Mitchell et al. 2019, Model Cards for Model Reporting. It is a Markdown file in the run's folder.
"""

import dataclasses
import json
import math
import os
import platform
from importlib import metadata
from pathlib import Path

import numpy as np
import tensorflow as tf

from icell_tf import __version__
from icell_tf.files import atomic_write
from icell_tf.messages import counted
from icell_tf.runs.history import MAIN_CURVES
from icell_tf.runs.run import CARD_FILE

ENVIRONMENT_FILE = "environment.json"  # what a run was trained with; evaluated elsewhere, its card still tells
PACKAGES = ("tensorflow", "keras", "tensorflow-datasets", "numpy")
NOTES = "## Notes"
TO_FILL_IN = (
    "The software does not know who made the images, under which licence and consent they may be used, or which cell "
    "line, microscope and staining they show. Fill that in here: what stands under this heading is kept when the card "
    "is written anew."
)
OF_SIMULATED = "Simulated cells are nobody's; they carry the licence of this software."
MEASURABLE = 30  # held-out cells of a structure; with fewer, a recall of 0.9 has a 95% interval wider than 0.2
LOW_RECALL, LOW_SPREAD, LOW_JUDGED = 0.8, 0.5, 0.8
SIGNIFICANT = 0.05
SIMULATED = "integrated_cell/simulated"
USES = {
    "reference": "Coordinates of cell and nuclear shape for pictures of membrane and nucleus, and shapes for "
    "coordinates; phase 2 is trained on it with `icell train conditional --reference=RUN_DIR`.",
    "conditional": "Hypotheses of where structures lie in a cell of which membrane and nucleus were imaged, of which "
    "structure a picture shows, and of how cells vary: `icell evaluate --model=RUN_DIR`, `icell export "
    "--model=RUN_DIR`, then `icell integrate`. Phase 3 is trained on it with `icell train sampler "
    "--conditional=RUN_DIR`.",
    "sampler": "As of its run of phase 2, whose predictions and classes it has. Its draws look like single cells: how "
    "much a structure varies between cells of one shape, and new cells. Commands: `icell evaluate --model=RUN_DIR`, "
    "`icell export --model=RUN_DIR`, then `icell integrate --samples=32`, `icell sample`.",
}
CHOSEN = (
    "Unless asked for the last weights, commands use those that were best on validation.",
    "Commands use the last weights, averaged over the last steps.",
)
LIMITS = (
    "Only for cells prepared as its training cells were, of the same cell type and staining, with the same microscope "
    "and pixel size; on others its output looks as plausible and means nothing. A prediction is what is typical given "
    "the shape, not what is in the individual cell. Not for diagnosis, or any decision about a person."
)


def count(prepared):
    """Counts the cells of each split by structure, without reading images.

    Args:
      prepared: `PreparedCells`; of its training split, only what is trained on counts.

    Returns: {split: {structure: cells}}.
    """
    names, counts = prepared.spec.structures, {}
    for split in prepared.splits:
        read = prepared.train_split if split == prepared.train_split.partition("[")[0] else split
        y = prepared.labels(read)["structure"]
        counts[split] = dict(zip(names, np.bincount(y, minlength=len(names)).tolist(), strict=True))
    return counts


def record_training(run_dir, run, prepared, curves):
    """Writes what a run was trained with, and its first card, without scores.

    Args:
      run_dir: the run's folder.
      run: its `Run`.
      prepared: the `PreparedCells` it was trained on.
      curves: its rows of history.csv, as `read_history` returns them.
    """
    versions = {"icell_tf": __version__, "python": platform.python_version()}
    versions |= {package: metadata.version(package) for package in PACKAGES}
    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    devices = [gpu.get("device_name", "GPU") for gpu in gpus] or [f"CPU, {os.cpu_count()} cores"]
    environment = {"devices": devices, "versions": versions, "spec": run.spec.to_dict()}
    with atomic_write(Path(run_dir) / ENVIRONMENT_FILE) as partial:
        partial.write_text(json.dumps(environment, indent=2) + "\n", encoding="utf-8")
    write(run_dir, run, count(prepared), curves)


def forget(run_dir):
    """Removes what is known of a run that is started anew; the notes on its card stay."""
    path = Path(run_dir) / CARD_FILE
    (path.parent / ENVIRONMENT_FILE).unlink(missing_ok=True)
    if path.is_file():
        with atomic_write(path) as partial:
            partial.write_text(f"# Model card: not trained yet\n\n{NOTES}\n\n{_notes(path)}\n", encoding="utf-8")


def _notes(path):
    """What its owner wrote into a card, if there is one."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return text.partition(f"\n{NOTES}\n")[2].strip()


def write(run_dir, run, counts, curves, parts=()):
    """Writes the card of a run, and returns its path. What its owner wrote under "Notes" is kept.

    Args:
      run_dir: the run's folder.
      run: its `Run`.
      counts: {split: {structure: cells}}.
      curves: its rows of history.csv.
      parts: the scorecard's `Part`s; none before the evaluation.
    """
    path, recorded = Path(run_dir) / CARD_FILE, Path(run_dir) / ENVIRONMENT_FILE
    environment = json.loads(recorded.read_text(encoding="utf-8")) if recorded.is_file() else None
    notes = _notes(path) or (OF_SIMULATED if of_simulated_cells(run) else TO_FILL_IN)
    card = text(Path(run_dir).resolve().name, run, counts, curves, parts, environment)
    with atomic_write(path) as partial:
        partial.write_text(f"{card}\n{NOTES}\n\n{notes}\n", encoding="utf-8")
    return path


def text(name, run, counts, curves, parts=(), environment=None):
    """Returns a card as Markdown, but for its notes. Args: see `write`; environment is None where it isn't known."""
    spec, last = run.spec, curves[-1] if curves else {}
    epochs = f"{last['epoch'] + 1} of {counted(run.config.epochs, 'epoch')}" if last else "no epoch"
    used = "not recorded"
    if environment:
        versions = [f"{package} {version}" for package, version in environment["versions"].items()]
        used = "; ".join([*environment["devices"], ", ".join(versions)])
    shown = {key: value for key, value in last.items() if key.removeprefix("val_") in MAIN_CURVES}
    sections = {
        "Model": f"Phase {len(run.configs)} ({run.phase}) of the Integrated Cell (Johnson et al. 2017, "
        f"arXiv:1705.00092{', which has no phase 3' * (run.phase == 'sampler')}), trained for {epochs}. "
        f"{CHOSEN[run.phase == 'sampler']}",
        "Use": f"{USES[run.phase]}\n\n{LIMITS}",
        "Data": f"{run.dataset}: frames of {spec} (alignment, normalization, version); channels "
        f"{', '.join(spec.channel_names)}. Cells by split:\n\n" + _count_table(spec.structures, counts),
        "Training": f"Devices and versions: {used}.\n\n{_begun(run)}\n\n{_recipe(run)}\n\nAt the end of the last "
        "epoch:\n\n" + _table(["curve", "value"], [[key, f"{value:.4f}"] for key, value in shown.items()]),
        "Scorecard": _scorecard(parts) if parts else "Not evaluated yet: `icell evaluate --model=RUN_DIR`.",
        "Known weaknesses": "\n".join(f"- {line}" for line in weaknesses(run, counts, parts)),
    }
    if run.phase == "reference":
        del sections["Scorecard"]
    return f"# Model card: {name}\n" + "".join(f"\n## {heading}\n\n{body}\n" for heading, body in sections.items())


def weaknesses(run, counts, parts=()):
    """Returns the known weaknesses of a run, and what could not be measured, a sentence each. Args: see `write`."""
    lines = []
    if of_simulated_cells(run):
        lines.append("Trained on simulated cells alone: it knows nothing of real ones.")
    few = {name: n for name, n in counts.get("test", {}).items() if n < MEASURABLE}
    if few and run.phase != "reference":
        named = ", ".join(f"{name} ({n})" for name, n in few.items())
        lines.append(f"Not measurable, with fewer than {MEASURABLE} held-out cells: {named}.")
    if run.phase != "reference" and not parts:
        lines.append("Not evaluated: nothing is known of how good it is.")
    for part in parts:
        lines += _rivals_ahead(part)
        for score in part.scores:
            lines += [f"{part.heading}, {score.name}: {problem}." for problem in _problems(score)]
    return lines or ["None was found, which does not mean that there are none."]


def _rivals_ahead(part):
    behind = []
    for score in part.scores:
        if score.ahead:
            ahead = ", ".join(f"{name} {score.baselines[name]:.3g}" for name in score.ahead)
            behind.append(f"{score.name} {score.value:.3g} ({ahead})")
    return [f"{part.heading}, behind a baseline, given in brackets: {'; '.join(behind)}."] if behind else []


def scores_table(part):
    """Returns the scores of a `Part` as a table in Markdown."""
    rows = []
    for score in part.scores:
        interval = f"{score.interval[0]:.3g} to {score.interval[1]:.3g}" if score.interval else ""
        baselines = ", ".join(f"{baseline} {value:.3g}" for baseline, value in score.baselines.items())
        rows.append([score.name, f"{score.value:.3g}", interval, f"{score.n} {score.unit}", baselines])
    return _table(["score", "value", "95% interval", "n", "baselines"], rows)


def of_simulated_cells(run):
    """Whether a `Run` was trained on simulated cells."""
    return run.dataset.startswith(SIMULATED)


def _problems(score):
    value, found = f"{score.value:.3g}", []
    if not math.isfinite(score.value):
        return ["could not be measured"]
    if score.metric == "recall" and score.structure and score.value < LOW_RECALL:
        found.append(f"only {value} of {score.n} {score.unit} are recognised")
    if score.metric == "spread_ratio" and score.value < LOW_SPREAD:
        found.append(f"draws vary {value} times as much as cells do")
    if score.metric == "judge_accuracy" and score.value < LOW_JUDGED:
        found.append(f"an independent classifier recognises the structure in {value} of generated cells")
    if score.metric == "mmd_p" and score.value <= SIGNIFICANT:
        found.append(f"the codes are not distributed as the prior (p = {value})")
    return found


def _count_table(structures, counts):
    rows = [[name, *(by_structure.get(name, 0) for by_structure in counts.values())] for name in structures]
    rows.append(["all", *(sum(by_structure.values()) for by_structure in counts.values())])
    return _table(["structure", *counts], rows)


def _begun(run):
    """Says from which trained weights the phases started; such a run knows more than its own cells."""
    begun = [config.init or getattr(config, "grow_from", "") for config in run.configs.values()]
    told = [f"phase {number} from those of `{source}`" for number, source in enumerate(begun, start=1) if source]
    return f"Started from trained weights: {', '.join(told)}." if told else "Started from random weights."


def _recipe(run):
    settings = [dataclasses.asdict(config) for config in reversed(run.configs.values())]
    names = dict.fromkeys(name for values in settings for name in values)
    rows = [[f"`{name}`", *(values.get(name, "") for values in settings)] for name in names]
    return _table(["setting", *(f"phase {number}" for number in range(len(settings), 0, -1))], rows)


def _scorecard(parts):
    return "\n\n".join(f"### {part.heading}\n\n{scores_table(part)}" for part in parts)


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
