"""The cells of each kind of build, listed before any picture is read."""

import hashlib
import os

from icell_tf import structures
from icell_tf.imaging import prepare
from icell_tf.imaging.manifest import manifest
from icell_tf.imaging.manifest.collections import hipsc, paper_2d


def simulated_cells(config):
    """The `SimulatedId`s of a config, without expected localizations."""
    return [
        prepare.SimulatedId(structure.name, number, config.seed)
        for structure in structures.STRUCTURES
        for number in range(config.cells_per_structure or structure.total)
    ]


def list_cells(config, manual_dir):
    """Lists a user's cells.

    Args:
      config: an `IntegratedCellConfig` of any kind but "simulated".
      manual_dir: the folder with their files.

    Returns:
      Their `CellSource`s; a `BadCell` for each that can't be used; and what tells these cells from others, for
      metadata.json.

    Raises: ValueError: there is no list of cells, or none that can be read.
    """
    names = config.structures or None
    if config.kind == "stacks":
        path = manual_dir / "manifest.csv"
        cells, problems = manifest.list_manifest(path, structures=names, axes=config.axes or None)
        return cells, problems, {"manifest_sha256": manifest.manifest_digest(path)}
    if config.kind == "hipsc_single_cell":
        cells, problems = hipsc.list_cells(manual_dir, structures=names, axes=config.axes or None)
        digest = manifest.manifest_digest(hipsc.manifest_path(manual_dir))
        return cells, problems, {"manifest_sha256": digest, "cells_found": len(cells)}
    cells, problems = paper_2d.list_cells(manual_dir, structures=names)
    return cells, problems, {"pictures_sha256": _digest(cells)}


def _digest(cells):
    """SHA-256 of the pictures' ids and sizes."""
    lines = (f"{cell.cell_id} {cell.size or os.path.getsize(cell.path)}\n" for cell in cells)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
