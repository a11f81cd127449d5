"""The cells of each kind of build: listed before any picture is read, and divided into splits."""

import collections
import dataclasses
import hashlib
import os

from icell_tf import structures
from icell_tf.imaging import prepare
from icell_tf.imaging.manifest import manifest, splits
from icell_tf.imaging.manifest.collections import hipsc, paper_2d
from icell_tf.imaging.manifest.truth import TRUTH_FILE, add_truth
from icell_tf.messages import counted, show

OBSERVED_CELLS = 10  # of each structure, in the test split: each has many images


def list_cells(config, manual_dir):
    """Lists the cells of a build.

    Args: config: an `IntegratedCellConfig`. manual_dir: the folder with a user's files; not used for simulated cells.
    Returns: a list of `CellSource`s or `SimulatedId`s; a `BadCell` for each cell that can't be used; and a dict that
      identifies the user's files, for metadata.json.

    Raises: ValueError: there is no list of cells, or it can't be read.
    """
    if config.simulated:
        return _simulated_cells(config), [], {}
    names, similar, axes = config.structures or None, config.similar_names, config.axes or None
    if config.kind == "paper_2d":
        cells, bad_cells = paper_2d.list_cells(manual_dir, structures=names, similar=similar)
        return cells, bad_cells, {"pictures_sha256": _digest(cells)}
    if config.kind == "hipsc_single_cell":
        cells, bad_cells = hipsc.list_cells(manual_dir, structures=names, axes=axes, similar=similar)
        path, counted = hipsc.manifest_path(manual_dir), {"cells_found": len(cells)}
    else:
        path, counted = manual_dir / "manifest.csv", {}
        cells, bad_cells = manifest.list_manifest(path, structures=names, axes=axes, similar=similar)
        truth = path.with_name(TRUTH_FILE)
        if config.truth:
            cells, unusable = add_truth(truth, cells, axes)
            bad_cells, counted = bad_cells + unusable, {"truth_sha256": manifest.manifest_digest(truth)}
        elif truth.is_file():
            show(f'Warning: {truth} is not used: give "truth": true in --config if it lists the same cells.')
    cells = [dataclasses.replace(cell, choices=config.choices.over(cell.choices)) for cell in cells]
    return cells, bad_cells, {"manifest_sha256": manifest.manifest_digest(path)} | counted


def _simulated_cells(config):
    """The `SimulatedId`s of a config; those of the test split have expected localizations, some also observations."""
    cells = [
        prepare.SimulatedId(structure.name, number, config.seed)
        for structure in structures.STRUCTURES
        for number in range(config.cells_per_structure or structure.total)
    ]
    met = collections.Counter()
    for index in divide(config, cells, range(len(cells)))["test"]:
        met[cells[index].structure] += 1
        observed = met[cells[index].structure] <= OBSERVED_CELLS
        truths = {"expected_draws": config.expected_draws, "observations": config.observations if observed else 0}
        cells[index] = dataclasses.replace(cells[index], **truths)
    return cells


def _digest(cells):
    """SHA-256 of the pictures' ids and sizes."""
    lines = (f"{cell.cell_id} {cell.size or os.path.getsize(cell.path)}\n" for cell in cells)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def divide(config, cells, indices):
    """Divides the cells of these indices into splits, by field of view: {split: [indices]}.

    Each structure is divided by itself. Where several structures of a cell are known, all are divided together, so that
    no field is in two splits.
    """
    groups = collections.defaultdict(list)
    for index in indices:
        groups["all structures" if config.truth else cells[index].structure].append(index)
    divided = {split: [] for split in splits.SPLITS}
    for name, members in groups.items():
        fields = [cells[index].fov_id for index in members]
        assigned = splits.split_fields(fields, config.validation_fraction, config.test_fraction, name)
        for index, field in zip(members, fields, strict=True):
            divided[assigned[field]].append(index)
        if len(assigned) < 3:
            where = ", ".join(sorted(set(assigned.values())))
            show(
                f"Warning: structure {name} has cells in {counted(len(assigned), 'field')} of view. Train, validation "
                f"and test need three. Its cells are in {where} only."
            )
    return divided
