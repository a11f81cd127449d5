"""metrics.json: the main figures and every score of an evaluation. docs/metrics.md describes it."""

import json
import math
from pathlib import Path

from icell_tf import files
from icell_tf.evaluation import classification, integration, truth

METRICS_FILE = "metrics.json"
SCHEMA_VERSION = 2
MAIN_FIGURES = {
    "classification": classification.main_figures,
    "integration": integration.main_figures,
    "truth": truth.main_figures,
}


def content_of(parts, **about):
    """Returns the content of metrics.json or pooled.json: what it is about, and main figures and scores of `Part`s."""
    content = {"schema_version": SCHEMA_VERSION, **about, "parts": [part.key for part in parts]}
    for part in parts:
        if part.key in MAIN_FIGURES and part.measured is not None:
            content |= _without_nan(MAIN_FIGURES[part.key](part.measured))
    content["scores"] = [{"part": part.key} | score.to_json() for part in parts for score in part.scores]
    return content


def _without_nan(figures):
    """Returns figures, numbers and texts in dicts and lists, with None for what JSON lacks: NaN and infinity."""
    if isinstance(figures, dict):
        return {name: _without_nan(value) for name, value in figures.items()}
    if isinstance(figures, (list, tuple)):
        return [_without_nan(value) for value in figures]
    return None if isinstance(figures, float) and not math.isfinite(figures) else figures


def write(content, path):
    """Writes metrics.json, the last file of all, and removes those of an earlier evaluation that this one lacks."""
    for name in _files_of_earlier(path) - set(content["files"]):
        (path.parent / name).unlink(missing_ok=True)
    with files.atomic_write(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _files_of_earlier(path):
    """Returns the names of the files that an earlier metrics.json lists; none of one that is cut off, or another's."""
    try:
        names = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {name for name in names if Path(name).name == name and (path.parent / name).is_file()}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return set()
