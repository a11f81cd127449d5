"""Reads truth.csv, a table beside manifest.csv that lists several structures of the same cells.

Both tables have the same columns. A model is shown the one structure that manifest.csv gives a cell; truth.csv says
which channels of the same file show the others.
"""

import dataclasses
import pathlib

from icell_tf.imaging.manifest.cells import BadCell
from icell_tf.imaging.manifest.rows import ManifestCell, read_rows, shorten
from icell_tf.imaging.read.channels import REFERENCE_ROLES, STRUCTURE_ROLE
from icell_tf.structures import canonical_name, in_table_order, spelling_key

TRUTH_FILE = "truth.csv"


def cell_name(cell_id: str, structure: str) -> str:
    """Returns which cell a row is of: its CellId without "-STRUCTURE" at the end, the row's own structure.

    The structure may have another spelling there, as in "a_7-endoplasmic_reticulum" or "a_7-TOMM20". A CellId that
    doesn't end so is the cell's name as it is.
    """
    for place, letter in enumerate(cell_id):
        ending = spelling_key(canonical_name(cell_id[place + 1 :]))
        if place and letter == "-" and ending == spelling_key(structure):
            return cell_id[:place]
    return cell_id


def add_truth(path, cells, axes: str | None = None) -> tuple[list[ManifestCell], list[BadCell]]:
    """Adds to the cells of a manifest which channels show their other structures.

    A row of truth.csv is of the cell with the same `cell_name`. It must agree with the cell's row in manifest.csv in
    all but its structure and the channel of that: one pose, one frame and one set of masks then hold for all of them.

    Args:
      path: truth.csv.
      cells: the manifest's `ManifestCell`s.
      axes: as of `list_manifest`.

    Returns:
      The cells, in order, with `ManifestCell.truth`: {structure: channel of raw, or None where it isn't known}, with
      all structures of the manifest in the table's order. The structure that a cell shows is always known. And a
      `BadCell` for each row of truth.csv that can't be used, and for each cell that has a second row in manifest.csv.

    Raises: ValueError: there is no truth.csv, or it can't be read as a table.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(
            f"{path}: there is no such file. Put {TRUTH_FILE} beside manifest.csv, with a row for each structure that "
            'is known of a cell, or leave "truth" out of --config.'
        )
    structures = in_table_order(cell.structure for cell in cells)
    shown, bad_cells = _by_name(cells)
    known = {name: dict.fromkeys(structures) | {cell.structure: _channel(cell)} for name, cell in shown.items()}
    lines = {}
    for row in read_rows(path, True, axes):
        reasons = [*row.reasons]
        if row.cell:
            name, structure = cell_name(row.cell_id, row.cell.structure), row.cell.structure
            first = lines.setdefault((name, structure), row.line)
            if first != row.line:
                reasons = [f"line {first} gives the structure {structure} of the cell {name}, too: remove one"]
            else:
                reasons = _mismatches(name, row.cell, shown, structures)
        if reasons:
            bad_cells.append(BadCell(shorten(row.cell_id) or "(none)", f"{path}, line {row.line}", "; ".join(reasons)))
        else:
            known[name][structure] = _channel(row.cell)
    return [dataclasses.replace(cell, truth=known[name]) for name, cell in shown.items()], bad_cells


def _by_name(cells):
    """Returns {name: cell}, and a `BadCell` for each further row of the same cell."""
    shown, bad_cells = {}, []
    for cell in cells:
        first = shown.setdefault(cell_name(cell.cell_id, cell.structure), cell)
        if first is not cell:
            reason = (
                f"manifest.csv has this cell twice, also as CellId {first.cell_id}; with {TRUTH_FILE} it has one row"
            )
            bad_cells.append(BadCell(cell.cell_id, cell.source, f"{reason}: remove the other"))
    return shown, bad_cells


def _channel(cell):
    return cell.roles[STRUCTURE_ROLE]


def _mismatches(name, cell, shown, structures):
    """Says why a row of truth.csv, as a cell of that name, can't be of one in manifest.csv; a list, empty if it can."""
    if name not in shown:
        what = f"manifest.csv has no usable row of the cell {name}, a CellId of {name} or {name}-STRUCTURE"
        return [f"{what}: add one, or remove this row"]
    if cell.structure not in structures:
        what = f"manifest.csv has no cell that shows the structure {cell.structure}, only {', '.join(structures)}"
        return [f"{what}: no model could learn it. Correct the name, or remove this row"]
    if differences := _differences(shown[name], cell):
        return [f"differs from the row of CellId {shown[name].cell_id} in manifest.csv: {differences}"]
    return []


def _differences(cell, other):
    """Says in what a row of truth.csv differs from its cell's in manifest.csv, but for the structure; "" if nowhere."""
    columns = {
        "crop_raw": lambda each: each.raw,
        "crop_seg": lambda each: each.segmentation,
        "FOVId": lambda each: each.fov_id if each.fov_id != each.cell_id else "not given",
        "scale_micron": lambda each: each.scale,
        "number of channels in name_dict": lambda each: len(each.raw_channels),
        "masks": lambda each: (each.segmentation_channels, each.mask_roles, each.choices),
        **{f"{role} channel": lambda each, role=role: each.roles[role] for role in REFERENCE_ROLES},
    }
    if cell.structure == other.structure:
        columns[f"{STRUCTURE_ROLE} channel"] = _channel
    found = {name: (of(other), of(cell)) for name, of in columns.items()}
    different = [f"{name} is {here}, there {there}" for name, (here, there) in found.items() if here != there]
    return "; ".join(different)
