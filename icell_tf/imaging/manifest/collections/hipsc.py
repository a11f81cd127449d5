"""The Allen Institute's hiPSC Single-Cell Image Dataset (Viana et al. 2023): 216,062 cells, 25 tagged genes.

Its quilt package is aics/hipsc_single_cell_image_dataset: metadata.csv (manifest.csv if its own tools fetched it) with
a row for each cell, and the folders crop_raw and crop_seg with an OME-TIFF (ZCYX) for each cell, at 0.108333 µm on all
axes. Hardly anybody has all 7 TB of it, so a cell without both files is no error but `NotDownloaded`.
"""

import pathlib

from icell_tf.imaging.manifest.cells import BadCell, ExcludedCell, NotDownloaded
from icell_tf.imaging.manifest.manifest import list_manifest
from icell_tf.imaging.manifest.rows import ManifestCell
from icell_tf.imaging.manifest.spelling import SUSPECT
from icell_tf.structures import ALLEN_GENES, canonical_name

_STRUCTURES = {canonical_name(gene) for gene in ALLEN_GENES}
MANIFESTS = ("manifest.csv", "metadata.csv")


def manifest_path(manual_dir) -> pathlib.Path:
    """Returns the path of the table in a downloaded folder. Raises: ValueError: there is none."""
    found = [path for name in MANIFESTS if (path := pathlib.Path(manual_dir) / name).is_file()]
    if not found:
        raise ValueError(
            f"{manual_dir}: there is no {' and no '.join(MANIFESTS)}. Download metadata.csv of the quilt package "
            "aics/hipsc_single_cell_image_dataset (registry s3://allencell) there, and crop_raw and crop_seg, or "
            "part of them, beside it."
        )
    return found[0]


def list_cells(
    manual_dir, structures=None, axes: str | None = None, similar: str = SUSPECT
) -> tuple[tuple[ManifestCell, ...], list[BadCell]]:
    """Finds the cells whose crops have been downloaded.

    Args:
      manual_dir: the folder with metadata.csv (or manifest.csv), crop_raw and crop_seg.
      structures: the selected structures, by gene or by our name. None: all.
      axes: of the crops, if their metadata are wrong: ZCYX.
      similar: as of `spelling.misspelt`.

    Returns: the cells, and a `BadCell` for every other row: `NotDownloaded` if both its crops are missing,
      `NotSelected` if its structure isn't selected.

    Raises:
      ValueError: there is no table, a selected structure isn't in the collection, or no selected cell was downloaded.
    """
    path = manifest_path(manual_dir)
    unknown = [name for name in structures or () if canonical_name(name) not in _STRUCTURES]
    if unknown:
        raise ValueError(
            f"The config's structures name {', '.join(unknown)}, which the collection doesn't have. It has "
            f"{', '.join(ALLEN_GENES)}."
        )
    cells, problems = list_manifest(path, structures=structures, axes=axes, partial=True, similar=similar)
    if not cells and all(isinstance(problem, ExcludedCell) for problem in problems):
        absent = [problem for problem in problems if isinstance(problem, NotDownloaded)] or problems
        wanted = f" of the structures {', '.join(structures)}" if structures else ""
        raise ValueError(
            f"{path}: none of its cells{wanted} has its crops here. The paths in its columns crop_raw and crop_seg "
            f"start at the table's folder. CellId {absent[0].cell_id}: {absent[0].reason}"
        )
    return cells, problems
