"""What every cell of a data set has, wherever it comes from: id, structure, field of view, and voxels to load."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedCell:
    """A cell's voxels, as `preprocess` takes them.

    Attributes:
      channels: membrane, nucleus[, structure], (Z, Y, X) each.
      cell_mask, nucleus_mask: (Z, Y, X), nonzero inside.
      scale: (z, y, x), µm per voxel; z may be nan.
      guesses: how axes were told that its files don't name, for the user to check.
      mask_file: where the masks come from, for errors; empty if from the cell's `source`.
    """

    channels: Sequence[np.ndarray]
    cell_mask: np.ndarray
    nucleus_mask: np.ndarray
    scale: tuple[float, float, float]
    guesses: tuple[str, ...] = ()
    mask_file: str = ""


class CellSource(Protocol):
    """What a data set's cells have in common, wherever they come from. `source` is the file that errors name."""

    cell_id: str
    structure: str
    fov_id: str
    source: str

    def load(self) -> LoadedCell:
        """Reads the voxels. Raises: ValueError: with the reason, if they can't be used."""


class BadCell(ValueError):
    """A cell that can't be used; the message names its CellId, file and reason."""

    def __init__(self, cell_id: str, source: str, reason: str):
        # Bytes of a user's table that are not UTF-8 are written out, or no report could be written.
        texts = [text.encode("utf-8", "backslashreplace").decode("utf-8") for text in (cell_id, source, reason)]
        super().__init__(*texts)
        self.cell_id, self.source, self.reason = texts

    def __str__(self):
        return f"CellId {self.cell_id}, {self.source}: {self.reason}"


class ExcludedCell(BadCell):
    """A cell of a public collection that a build goes without though nothing is wrong with it."""


class NotDownloaded(ExcludedCell):
    """A cell of which this folder holds no file."""


class NotSelected(ExcludedCell):
    """A cell of a structure that the config's argument `structures` doesn't name."""
