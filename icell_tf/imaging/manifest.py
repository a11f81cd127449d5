"""Reads a user's manifest.csv, in the columns of the Allen Institute's manifests: one row a cell."""

import ast
import collections
import csv
import dataclasses
import hashlib
import math
import os
import pathlib

from icell_tf import structures
from icell_tf.imaging.cells import LoadedCell
from icell_tf.imaging.read import read_stack

REQUIRED = ("CellId", "structure_name", "crop_raw", "crop_seg", "name_dict")
_SHOWN_ERRORS = 20
_SHOWN_LENGTH = 200

# The names a role's channel goes by, the best first. A filled mask is preferred to one that may be a shell.
RAW_NAMES = {
    "membrane": ("membrane", "cell_membrane", "cell"),
    "nucleus": ("dna", "dna_dye", "nucleus", "hoechst", "dapi"),
    "structure": ("structure", "struct", "gfp", "egfp"),
}
SEGMENTATION_NAMES = {
    "cell": (
        "membrane_segmentation_fill",
        "membrane_segmentation",
        "cell_segmentation",
        "cell_seg",
        "membrane_seg",
        "cell",
        "membrane",
    ),
    "nucleus": (
        "dna_segmentation_fill",
        "dna_segmentation",
        "nucleus_segmentation",
        "dna_seg",
        "nucleus_seg",
        "nuc_seg",
        "nucleus",
        "dna",
    ),
}


@dataclasses.dataclass(frozen=True)
class ManifestCell:
    """One row: a cell, where its files lie and which of their channels plays which role.

    Attributes:
      cell_id, structure, fov_id: as text; the structure by our name, empty in an unlabelled cell.
      raw, segmentation: paths of the stack and of the masks, which may be one file.
      raw_channels, segmentation_channels: all channels of each file, in its order.
      roles: membrane, nucleus[, structure] -> channel of raw; cell_mask, nucleus_mask -> channel of segmentation.
      scale: (z, y, x) in µm, or None where the file's own metadata is to be used.
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

    @property
    def source(self) -> str:
        """The file that errors name."""
        return self.raw

    def load(self) -> LoadedCell:
        """Reads the channels that have a role, and the masks. Raises: ValueError: with the reason."""
        raw = read_stack(self.raw, channels=self.raw_channels, scale=self.scale)
        masks = read_stack(self.segmentation, channels=self.segmentation_channels, scale=raw.scale[1:])
        return LoadedCell(
            channels=[raw.channel(self.roles[role]) for role in RAW_NAMES if role in self.roles],
            cell_mask=masks.channel(self.roles["cell_mask"]),
            nucleus_mask=masks.channel(self.roles["nucleus_mask"]),
            scale=raw.scale,
        )


def manifest_digest(path) -> str:
    """SHA-256 of the manifest's bytes."""
    return hashlib.sha256(_existing(path).read_bytes()).hexdigest()


def read_manifest(path, labelled: bool = True) -> tuple[ManifestCell, ...]:
    """Reads and checks every row before any image is opened.

    Args:
      path: manifest.csv with the columns CellId, structure_name, crop_raw, crop_seg, name_dict, and optionally FOVId
        (else each cell is a field of its own) and scale_micron ([z, y, x]; else the files' pixel size).
      labelled: whether every cell needs its structure, as name and as channel; where there is one, it is read anyhow.

    Raises:
      ValueError: it is no CSV in UTF-8, a column is missing, or rows are bad; each is named by its line, CellId and
        reason.
    """
    path = _existing(path)
    try:
        cells, errors = _read_rows(path, labelled)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: can't be read: {error}. A manifest is a table saved as CSV in UTF-8.") from error
    counts = collections.Counter(cell.cell_id for cell in cells)
    errors += [
        f"CellId {cell_id}: occurs in {n} rows; each cell needs an id of its own"
        for cell_id, n in counts.items()
        if n > 1
    ]
    if errors:
        shown = errors[:_SHOWN_ERRORS] + [f"... and {len(errors) - _SHOWN_ERRORS} more"] * (len(errors) > _SHOWN_ERRORS)
        raise ValueError(f"{path}: {len(errors)} rows can't be used:\n  " + "\n  ".join(shown))
    if not cells:
        raise ValueError(f"{path}: the manifest has no rows.")
    return tuple(cells)


def _read_rows(path, labelled):
    """The cells, and a line for each row that can't be used."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        required = [column for column in REQUIRED if labelled or column != "structure_name"]
        missing = [column for column in required if column not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(
                f"{path}: the columns {', '.join(missing)} are missing; found {', '.join(reader.fieldnames or ())}. "
                f"A manifest needs {', '.join(required)}, and may have FOVId and scale_micron."
            )
        cells, errors = [], []
        for row in reader:
            try:
                cells.append(_parse_row(row, path.parent, required, labelled))
            except ValueError as error:
                errors.append(f"line {reader.line_num}, CellId {_shown(row.get('CellId') or '(none)')}: {error}")
    return cells, errors


def _shown(text):
    """A value as an error shows it, cut where it is long."""
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "..."


def structure_names(cells) -> tuple[str, ...]:
    """The manifest's own structures: those of Table S8 in its order, then the others alphabetically."""
    return structures.in_table_order(cell.structure for cell in cells)


def _existing(path):
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(
            f"{path}: there is no such file. Put manifest.csv into the folder given with --manual_dir; "
            "datasets/integrated_cell/README.md describes its columns."
        )
    return path


def _parse_row(row, root, required, labelled):
    for column in required:
        if not (row[column] or "").strip():
            raise ValueError(f"the column {column} is empty")
    if not (row.get("structure_name") or "").strip().isprintable():  # TFDS keeps the names one a line
        raise ValueError(f"structure_name is {_shown(row['structure_name'])!r}, expected printable text on one line")
    cell_id = row["CellId"].strip()
    raw_channels, segmentation_channels = _parse_name_dict(row["name_dict"])
    roles = {}
    for role, names in RAW_NAMES.items():
        if labelled or role != "structure" or _named(raw_channels, names) is not None:
            roles[role] = _find(raw_channels, names, role, "crop_raw")
    for role, names in SEGMENTATION_NAMES.items():
        roles[f"{role}_mask"] = _find(segmentation_channels, names, f"{role} mask", "crop_seg")
    return ManifestCell(
        cell_id=cell_id,
        structure=structures.canonical_name(row.get("structure_name") or ""),
        fov_id=(row.get("FOVId") or "").strip() or cell_id,
        raw=_resolve(row["crop_raw"].strip(), root, "crop_raw"),
        segmentation=_resolve(row["crop_seg"].strip(), root, "crop_seg"),
        raw_channels=raw_channels,
        segmentation_channels=segmentation_channels,
        roles=roles,
        scale=_parse_scale(row.get("scale_micron")),
    )


def _parse_name_dict(text):
    """The channel names of crop_raw and crop_seg from a Python literal; nothing is ever evaluated."""
    expected = "expected {'crop_raw': [channel names], 'crop_seg': [channel names]}"
    try:
        names = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"name_dict {_shown(text)!r} is not a Python literal; {expected}") from error
    if not isinstance(names, dict) or not {"crop_raw", "crop_seg"} <= set(names):
        raise ValueError(f"name_dict is {_shown(text)!r}; {expected}")
    for key in ("crop_raw", "crop_seg"):
        if not isinstance(names[key], list | tuple) or not all(isinstance(name, str) for name in names[key]):
            raise ValueError(f"name_dict has {names[key]!r} as {key}; {expected}")
    return tuple(names["crop_raw"]), tuple(names["crop_seg"])


def _named(channels, names):
    """The channel with the best of the names, or None."""
    lower = [channel.strip().lower() for channel in channels]
    return next((channels[lower.index(name)] for name in names if name in lower), None)


def _find(channels, names, role, column):
    found = _named(channels, names)
    if found is None:
        raise ValueError(
            f"name_dict names no channel of {column} for the {role}: found {', '.join(channels)}, expected one of "
            f"{', '.join(names)}"
        )
    return found


def _resolve(text, root, column):
    """A path of the manifest: absolute, or within the manifest's own folder."""
    if os.path.isabs(text):
        path = os.path.normpath(text)
    else:
        relative = os.path.normpath(text)
        if relative.split(os.sep)[0] == os.pardir:
            raise ValueError(f"{column} {text} leaves the manifest's folder; move the file there or give its full path")
        path = os.path.join(root, relative)
    if not os.path.isfile(path):
        raise ValueError(f"{column} {text}: there is no such file ({path})")
    return path


def _parse_scale(text):
    if not (text or "").strip():
        return None
    try:
        scale = tuple(float(value) for value in ast.literal_eval(text.strip()))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"scale_micron is {_shown(text)!r}, expected [z, y, x] in µm") from error
    if len(scale) != 3 or not all(math.isfinite(value) and value > 0 for value in scale):
        raise ValueError(f"scale_micron is {text!r}, expected three positive numbers [z, y, x] in µm")
    return scale
