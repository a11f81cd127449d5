"""The models that ship with the package: which there are, and where their folders lie.

Each is the folder of a finished run without what only training needs: config.json, the networks that answer, the model
card, and some of its test cells. models.json describes the models and has the hash of each of their files.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from icell_tf.config import ConfigError

FOLDER = Path(__file__).resolve().parent.parent / "shipped"
INDEX, CELLS = "models.json", "cells.npz"
PARTS = {"summary", "data", "recipe", "licence", "not_for", "scores", "files"}  # of an entry, at least
AGAIN = "install icell_tf again"


def described():
    """Returns what models.json says, {name: {"summary", "data", "recipe", "licence", "not_for", "scores", ...}}.

    Raises: ConfigError: the file is damaged.
    """
    path = FOLDER / INDEX
    if not path.is_file():
        return {}
    try:
        models = json.loads(path.read_text(encoding="utf-8"))
        for name, about in models.items():
            if lacking := sorted(PARTS - about.keys()):
                raise ValueError(f"{name} lacks {', '.join(lacking)}")
            about["files"].keys()
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{path} does not describe the models that ship ({error}): {AGAIN}") from error
    return models


def listed():
    """Returns the names of the models that ship, in a sentence's words."""
    return ", ".join(described()) or f"none, because {FOLDER / INDEX} is missing: {AGAIN}"


def resolve(model):
    """Returns the folder of a model, which is given by its path or, of a model that ships, by its name.

    Raises:
      FileNotFoundError: there is no such folder, and no model of this name.
      ConfigError: there are both, a model of this name and such a folder; or the model's files are not those that were
        shipped.
    """
    path = Path(model).expanduser()
    inside = is_shipped(path)
    name = path.resolve().name if inside else str(model)
    about = described().get(name) if inside or "/" not in name else None  # own runs need no models.json
    if about is None:
        if not path.is_dir():
            raise FileNotFoundError(
                f"there is no folder {model}: give that of a model, or the name of one that ships with icell_tf: "
                f"{listed()}"
            )
        return path
    folder = FOLDER / name
    if path.exists() and not inside:
        raise ConfigError(
            f"{model} is a model that ships with icell_tf, in {folder}, and also a folder here, {path.resolve()}: "
            f"say ./{model} for the folder here, or rename it for the model that ships"
        )
    _check_files(folder, about["files"])
    return folder


def _check_files(folder, digests):
    for name, digest in digests.items():
        file = folder / name
        found = hash_of(file) if file.is_file() else "missing"
        if found != digest:
            raise ConfigError(
                f"{file} is not the file that was shipped (its SHA-256 is {found}, expected {digest}): {AGAIN}"
            )


def is_shipped(folder):
    """Whether a folder is that of a model that ships, however its path is written: nothing may be written there."""
    return Path(folder).resolve().parent == FOLDER.resolve()


def hash_of(file):
    """Returns the SHA-256 of a file, as hexadecimal digits."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def read_cells(folder):
    """Returns the test cells that lie beside a model, the first K of them one of each structure.

    Returns: {"cell_id": (N,) texts, "image": (N, *shape, C) uint8, "structure": (N,) indices, and of simulated cells
      "expected": (N, *shape) uint8, 255 times the expected localization of the structure that the cell shows}.
    """
    with np.load(Path(folder) / CELLS, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
