"""What all cells have in common: id, structure, field of view and voxels; and the kinds of cells that are left out."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

_NAMED = 5  # of the cells that can't be used for the same reason


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedCell:
    """A cell's voxels, as `preprocess` takes them.

    Attributes:
      channels: membrane, nucleus[, structure], (Z, Y, X) each.
      cell_mask, nucleus_mask: (Z, Y, X), nonzero inside.
      scale: (z, y, x), µm per voxel; z may be nan.
      guesses: how axes were guessed that its files don't name, for the user to check.
      mask_file: the masks' file, for errors; empty if it is the cell's `source`.
      truth: {structure: (Z, Y, X), or None where it isn't known}, the cell's own among them; empty in most data sets.
    """

    channels: Sequence[np.ndarray]
    cell_mask: np.ndarray
    nucleus_mask: np.ndarray
    scale: tuple[float, float, float]
    guesses: tuple[str, ...] = ()
    mask_file: str = ""
    truth: Mapping[str, np.ndarray | None] = dataclasses.field(default_factory=dict)


class CellSource(Protocol):
    """A cell of a data set. `source` is the file that errors name."""

    cell_id: str
    structure: str
    fov_id: str
    source: str

    def load(self) -> LoadedCell:
        """Reads the voxels. Raises: ValueError: with the reason, if they can't be used."""


class BadCell(ValueError):
    """A cell that can't be used; the message names its CellId, file and reason.

    `reach` is that of `pose.BeyondFrame`, if it reaches beyond the frame.
    """

    def __init__(self, cell_id: str, source: str, reason: str, reach: tuple[float, ...] = ()):
        # Bytes that are not UTF-8 are escaped, because otherwise no report could be written.
        texts = [text.encode("utf-8", "backslashreplace").decode("utf-8") for text in (cell_id, source, reason)]
        super().__init__(*texts)
        self.cell_id, self.source, self.reason = texts
        self.reach = reach

    def __str__(self):
        return f"CellId {self.cell_id}, {self.source}: {self.reason}"


def grouped(bad_cells) -> list[str]:
    """Returns a line for each reason: how many cells have it, the first ones, and the file of one."""
    by_reason = {}
    for bad in bad_cells:
        by_reason.setdefault(bad.reason, []).append(bad)
    return [str(bad[0]) if len(bad) == 1 else _of_several(bad) for bad in by_reason.values()]


def _of_several(bad):
    listed = ", ".join(each.cell_id for each in bad[:_NAMED])
    more = f" and {len(bad) - _NAMED:,} more" * (len(bad) > _NAMED)
    return f"{len(bad):,} cells (CellId {listed}{more}), such as {bad[0].source}: {bad[0].reason}"


class ExcludedCell(BadCell):
    """A cell of a public collection that a build leaves out though nothing is wrong with it."""


class NotDownloaded(ExcludedCell):
    """A cell without any file in this folder."""


class NotSelected(ExcludedCell):
    """A cell whose structure is not in the config's argument `structures`."""
