"""Reads a user's manifest.csv, in the columns of the Allen Institute's manifests: one row a cell."""

import collections
import dataclasses
import hashlib
import pathlib
from typing import NamedTuple

from icell_tf.imaging.manifest import spelling
from icell_tf.imaging.manifest.cells import BadCell, LoadedCell, NotAskedFor, NotDownloaded
from icell_tf.imaging.manifest.rows import OPTIONAL, RAW_NAMES, REQUIRED, SEGMENTATION_NAMES, RowParser, shown
from icell_tf.imaging.manifest.table import read_table
from icell_tf.imaging.read import fitting_axes, read_stack
from icell_tf.structures import KNOWN, canonical_name

__all__ = [
    "RAW_NAMES",
    "SEGMENTATION_NAMES",
    "ManifestCell",
    "list_manifest",
    "manifest_digest",
    "read_manifest",
]
_SHOWN_ERRORS = 20
_SHOWN_LINES = 5


@dataclasses.dataclass(frozen=True, slots=True)
class ManifestCell:
    """One row: a cell, where its files lie and which of their channels plays which role.

    Attributes:
      cell_id, structure, fov_id: as text; the structure by our name, empty in an unlabelled cell.
      raw, segmentation: paths of the stack and of the masks, which may be one file.
      raw_channels, segmentation_channels: all channels of each file, in its order.
      roles: membrane, nucleus[, structure] -> channel of raw; cell_mask, nucleus_mask -> channel of segmentation.
      scale: (z, y, x) in µm, or None where the file's own metadata is to be used.
      axes: a letter for each dimension of the stack's array, and of the masks' where it has as many; None: as the files
        say.
    """

    cell_id: str
    structure: str
    fov_id: str
    raw: str
    segmentation: str
    raw_channels: tuple[str, ...]
    segmentation_channels: tuple[str, ...]
    roles: dict[str, str]
    scale: tuple[float, float, float] | None
    axes: str | None = None

    @property
    def source(self) -> str:
        """The file that errors name."""
        return self.raw

    def load(self) -> LoadedCell:
        """Reads the channels that have a role, and the masks. Raises: ValueError: with the reason."""
        raw = read_stack(self.raw, axes=self.axes, channels=self.raw_channels, scale=self.scale)
        axes = fitting_axes(self.segmentation, self.axes)
        masks = read_stack(self.segmentation, axes=axes, channels=self.segmentation_channels, scale=raw.scale[1:])
        return LoadedCell(
            channels=[raw.channel(self.roles[role]) for role in RAW_NAMES if role in self.roles],
            cell_mask=masks.channel(self.roles["cell_mask"]),
            nucleus_mask=masks.channel(self.roles["nucleus_mask"]),
            scale=raw.scale,
            guesses=tuple(guess for guess in (raw.guess, masks.guess) if guess),
            mask_file=self.segmentation if self.segmentation != self.raw else "",
        )


def manifest_digest(path) -> str:
    """SHA-256 of the manifest's bytes."""
    with _existing(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_manifest(
    path, structures=None, labelled: bool = True, axes: str | None = None, partial: bool = False
) -> tuple[tuple[ManifestCell, ...], list[BadCell]]:
    """Reads and checks every row before any image is opened.

    Args:
      path: manifest.csv with the columns CellId, structure_name, crop_raw, crop_seg, name_dict, and optionally FOVId
        (else each cell is a field of its own) and scale_micron ([z, y, x]; else the files' pixel size).
      structures: the names that are right; None: any, but a likely misspelling of another (`spelling.misspelt`).
      labelled: whether every cell needs its structure, as name and as channel; where there is one, it is read anyhow.
      axes: of all stacks, where the files don't say them, or wrongly: see `ManifestCell`.
      partial: whether this is a public collection, to be used in part: a row neither of whose files is there is
        `NotDownloaded`, and one of a known structure that isn't in `structures` is `NotAskedFor`.

    Returns:
      The cells, and a `BadCell` for each row that can't be used, with all its reasons; both in the manifest's order.

    Raises:
      ValueError: the file is missing or no table in UTF-8, a column is missing, or there are no rows.
    """
    path = _existing(path)
    rows = list(_read_rows(path, labelled, axes))
    if not rows:
        raise ValueError(f"{path}: the manifest has no rows.")
    labels, lines = collections.Counter(row.label for row in rows if row.label), collections.defaultdict(list)
    for row in rows:
        lines[row.cell_id].append(row.line)
    lines.pop("", None)
    try:
        misspelt = spelling.misspelt(labels, structures) if labelled or structures else {}
    except ValueError as error:
        raise ValueError(f"{path}: column structure_name: {error}") from error
    cells, problems = [], []
    for row in rows:
        reasons = [*row.reasons, *_across_rows(lines.get(row.cell_id, ()), misspelt.get(row.label))]
        if not reasons:
            cells.append(row.cell)
            continue
        kind = BadCell
        if partial and structures and row.label in misspelt and row.label in KNOWN:
            kind, reasons = NotAskedFor, [misspelt[row.label]]
        elif partial and row.absent and len(reasons) == 1:
            kind = NotDownloaded
        problems.append(kind(shown(row.cell_id) or "(none)", f"{path}, line {row.line}", "; ".join(reasons)))
    return tuple(cells), problems


class _Row(NamedTuple):
    """A row looked at by itself: its line, its cell or why there is none, and whether only both its files lack."""

    line: int
    cell_id: str
    label: str
    cell: ManifestCell | None
    reasons: list[str]
    absent: bool


def _read_rows(path, labelled, axes):
    required = [column for column in REQUIRED if labelled or column != "structure_name"]
    parser = RowParser(path.parent, required, labelled)
    for line, values, problem in read_table(path, required, REQUIRED + OPTIONAL):
        cell_id, label = values.get("CellId", "").strip(), values.get("structure_name", "").strip()
        if problem:  # what its columns hold may have slipped into others
            yield _Row(line, cell_id, "", None, [problem], False)
            continue
        fields, reasons, absent = parser.parse(values)
        cell = ManifestCell(structure=canonical_name(label), axes=axes, **fields) if fields else None
        yield _Row(line, cell_id, label, cell, reasons, absent)


def _across_rows(lines, misspelling):
    """What is wrong with a row only beside others."""
    if len(lines) > 1:
        which = ", ".join(map(str, lines[:_SHOWN_LINES])) + ", ..." * (len(lines) > _SHOWN_LINES)
        yield f"occurs in {len(lines)} rows (lines {which}); each cell needs an id of its own"
    if misspelling:
        yield misspelling


def read_manifest(path, labelled: bool = True) -> tuple[ManifestCell, ...]:
    """`list_manifest`, where every row must be good.

    Raises:
      ValueError: as there, and if rows are bad; each is named by its line, CellId and reason.
    """
    cells, problems = list_manifest(path, labelled=labelled)
    if problems:
        shown_problems = [
            f"{problem.source.removeprefix(f'{path}, ')}, CellId {problem.cell_id}: {problem.reason}"
            for problem in problems[:_SHOWN_ERRORS]
        ]
        left = len(problems) - _SHOWN_ERRORS
        shown_problems += [f"... and {left} more"] * (left > 0)
        raise ValueError(f"{path}: {len(problems)} rows can't be used:\n  " + "\n  ".join(shown_problems))
    return cells


def _existing(path):
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(
            f"{path}: there is no such file. Put manifest.csv into the folder given with --manual_dir; "
            "datasets/integrated_cell/README.md describes its columns."
        )
    return path
