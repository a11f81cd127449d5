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


def described():
    """Returns what models.json says, {name: {"summary", "data", "recipe", "licence", "not_for", "scores", ...}}."""
    path = FOLDER / INDEX
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def resolve(model):
    """Returns the folder of a model, which is given by its path or, of a model that ships, by its name.

    Raises:
      ConfigError: there are both, a model of this name and such a folder; or the model's files are not those that were
        shipped.
    """
    path = Path(model).expanduser()
    about = described().get(str(model))
    if about is None:
        return path
    folder = FOLDER / str(model)
    if path.exists():
        raise ConfigError(
            f"{model} is a model that ships with icell_tf, in {folder}, and also a folder here, {path.resolve()}: "
            f"say ./{model} for the folder here, or rename it for the model that ships"
        )
    for name, digest in about["files"].items():
        file = folder / name
        found = hash_of(file) if file.is_file() else "missing"
        if found != digest:
            raise ConfigError(
                f"{file} is not the file that was shipped (its SHA-256 is {found}, expected {digest}): install "
                "icell_tf again"
            )
    return folder


def is_shipped(folder):
    """Whether a folder, as `resolve` returned it, is that of a model that ships: nothing may be written there."""
    return Path(folder).parent == FOLDER


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
