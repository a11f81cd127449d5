"""Reads a user's manifest.csv, in the columns of the Allen Institute's manifests: one row a cell."""

import collections
import hashlib
import pathlib

from icell_tf.imaging.manifest import spelling
from icell_tf.imaging.manifest.cells import BadCell, NotDownloaded, NotSelected
from icell_tf.imaging.manifest.rows import ManifestCell, read_rows, shorten
from icell_tf.messages import DATA_SET_README, counted
from icell_tf.structures import KNOWN

_ERRORS_IN_MESSAGE = 20
_LINES_IN_MESSAGE = 5


def manifest_digest(path) -> str:
    """SHA-256 of the manifest's bytes."""
    with _existing(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_manifest(
    path,
    structures=None,
    labelled: bool = True,
    axes: str | None = None,
    partial: bool = False,
    similar: str = spelling.SUSPECT,
) -> tuple[tuple[ManifestCell, ...], list[BadCell]]:
    """Reads and checks every row before any image is opened.

    Args:
      path: manifest.csv with the columns CellId, structure_name, crop_raw, crop_seg, name_dict, and optionally FOVId
        (else each cell is a field of its own), scale_micron ([z, y, x]; else the files' pixel size), mask_label,
        mask_threshold and channel_threshold (see `Choices`).
      structures: the correct names; None: any name that isn't a likely misspelling of another (`spelling.misspelt`).
      labelled: whether every cell needs its structure, as name and as channel; if there is one, it is read anyway.
      axes: of all stacks, if the files' own are missing or wrong: see `ManifestCell`.
      partial: whether this is a public collection of which a part is enough: a row is `NotDownloaded` if both its files
        are missing, and `NotSelected` if its structure is a known one that isn't in `structures`.
      similar: as of `spelling.misspelt`.

    Returns:
      The cells, and a `BadCell` for each row that can't be used, with all its reasons; both in the manifest's order.

    Raises: ValueError: the file is missing or no table in UTF-8, a column is missing, there are no rows, or as
      `spelling.misspelt`.
    """
    path = _existing(path)
    rows = list(read_rows(path, labelled, axes))
    if not rows:
        raise ValueError(f"{path}: the manifest has no rows.")
    labels, lines = collections.Counter(row.label for row in rows if row.label), collections.defaultdict(list)
    for row in rows:
        lines[row.cell_id].append(row.line)
    lines.pop("", None)
    try:
        misspelt = spelling.misspelt(labels, structures, similar) if labelled or structures else {}
    except ValueError as error:
        raise ValueError(f"{path}: column structure_name: {error}") from error
    cells, bad_cells = [], []
    for row in rows:
        reasons = [*row.reasons]
        if len(found := lines.get(row.cell_id, ())) > 1:
            which = ", ".join(map(str, found[:_LINES_IN_MESSAGE])) + ", ..." * (len(found) > _LINES_IN_MESSAGE)
            reasons.append(f"occurs in {len(found)} rows (lines {which}); each cell needs an id of its own")
        if row.label in misspelt:
            reasons.append(misspelt[row.label])
        if not reasons:
            cells.append(row.cell)
            continue
        kind = BadCell
        if partial and structures and row.label in misspelt and row.label in KNOWN:
            kind, reasons = NotSelected, [misspelt[row.label]]
        elif partial and row.not_downloaded and len(reasons) == 1:
            kind = NotDownloaded
        bad_cells.append(kind(shorten(row.cell_id) or "(none)", f"{path}, line {row.line}", "; ".join(reasons)))
    return tuple(cells), bad_cells


def read_manifest(path, labelled: bool = True) -> tuple[ManifestCell, ...]:
    """Reads a manifest as `list_manifest` does, but refuses it if a row is bad.

    Raises: ValueError: as there, and if rows are bad; the message names each by its line, CellId and reason.
    """
    cells, bad_cells = list_manifest(path, labelled=labelled)
    if bad_cells:
        listed = [
            f"{bad.source.removeprefix(f'{path}, ')}, CellId {bad.cell_id}: {bad.reason}"
            for bad in bad_cells[:_ERRORS_IN_MESSAGE]
        ]
        listed += [f"... and {len(bad_cells) - len(listed)} more"] * (len(bad_cells) > len(listed))
        raise ValueError(f"{path}: {counted(len(bad_cells), 'row')} can't be used:\n  " + "\n  ".join(listed))
    return cells


def _existing(path):
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(
            f"{path}: there is no such file. Put manifest.csv into the folder given with --manual_dir; "
            f"{DATA_SET_README} describes its columns."
        )
    return path
