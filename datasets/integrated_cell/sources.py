"""The cells of each kind of build, listed before any picture is read."""

import collections
import csv
import dataclasses

from icell_tf import structures
from icell_tf.imaging import manifest as manifests
from icell_tf.imaging import prepare
from icell_tf.imaging.cells import BadCell


def simulated_cells(config):
    """The `SimulatedId`s of a config, without expected localizations."""
    return [
        prepare.SimulatedId(structure.name, number, config.seed)
        for structure in structures.STRUCTURES
        for number in range(config.cells_per_structure or structure.total)
    ]


def list_cells(config, manual_dir):
    """Lists a user's cells. Returns: their `CellSource`s, and a `BadCell` for each that can't be used."""
    listed = manifest_rows(manual_dir / "manifest.csv")
    cells = [dataclasses.replace(c, axes=config.axes) for c in listed[0]] if config.axes else listed[0]
    return cells, listed[1]


def fingerprint(config, manual_dir):
    """What tells one collection of a user's files from another, for metadata.json."""
    return {"manifest_sha256": manifests.manifest_digest(manual_dir / "manifest.csv")}


def manifest_rows(path):
    # Provisional, until the manifest module lists bad rows itself.
    path = manifests._existing(path)
    cells, problems = [], []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        for row in reader:
            try:
                cells.append(manifests._parse_row(row, path.parent, manifests.REQUIRED, True))
            except ValueError as error:
                problems.append(BadCell(row.get("CellId") or "(none)", f"{path}, line {reader.line_num}", str(error)))
    counts = collections.Counter(cell.cell_id for cell in cells)
    for cell in cells:
        if counts[cell.cell_id] > 1:
            problems.append(BadCell(cell.cell_id, cell.source, f"the CellId occurs in {counts[cell.cell_id]} rows"))
    return [cell for cell in cells if counts[cell.cell_id] == 1], problems
