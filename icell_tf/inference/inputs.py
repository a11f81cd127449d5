"""A user's inputs -> cells in a model's frame: prepared data sets, manifests, and stacks with their segmentation.

All of them are read and preprocessed before anything else happens, so that a bad one is found before any work is done.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from icell_tf.data.prepared import PreparedCells
from icell_tf.files import on_disk, safe_names, stem
from icell_tf.imaging.frame.frame import Frame, Transform
from icell_tf.imaging.manifest.cells import BadCell, grouped
from icell_tf.imaging.manifest.manifest import list_manifest, read_manifest
from icell_tf.imaging.one_stack import AUTO, StackReading, prepare_stack, require_stacks
from icell_tf.imaging.prepare import load_and_preprocess
from icell_tf.imaging.read import is_stack_folder
from icell_tf.imaging.read.units import resolve_scale
from icell_tf.messages import counted, show
from icell_tf.runs import shipped
from icell_tf.runs.run import Run
from icell_tf.structures import canonical_name


@dataclass(frozen=True)
class InputCell:
    """One cell, ready for the model.

    Attributes:
      name: unique among the cells of one call, and safe in a file name.
      source: the input it comes from.
      image: (..., R or C) uint8: the reference channels and, if it is known, the structure.
      structure: the structure's name, or None where the input doesn't say.
      transform: from the input's pixels into the frame; None for a prepared cell.
      files: that it was read from: its manifest, its stack, its masks; none of a prepared cell.
    """

    name: str
    source: str
    image: np.ndarray
    structure: str | None = None
    transform: Transform | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading(StackReading):
    """How inputs are read.

    Attributes: those of `StackReading`, and
      split: of a prepared data set.
      limit: of cells from a prepared data set or a manifest, each.
      on_bad_cell: of a manifest: "fail", an error that names every cell that can't be used, or "skip", go on without.
    """

    split: str = "test"
    limit: int | None = None
    on_bad_cell: str = "fail"


def read_inputs(paths, integrator, reading=None):
    """Reads cells and brings them into the model's frame.

    Args:
      paths: prepared data sets' folders, manifests (.csv), stacks, and folders of models that ship, which have cells.
      integrator: gives the description of the cells.
      reading: `Reading`.

    Returns: list of `InputCell`.
    Raises: ValueError, FileNotFoundError: an input is missing or can't be used; the message names it, and the flag.
    """
    reading, paths = reading or Reading(), [Path(on_disk(path)) for path in paths]
    stacks = [path for path in paths if is_stack(path)]
    auto = reading.segmentation == (AUTO,)
    segmentation = (None,) * len(stacks) if auto else tuple(map(on_disk, reading.segmentation))
    for path in [*paths, *(Path(masks) for masks in segmentation if masks)]:
        if not path.exists():
            raise FileNotFoundError(f"{path}: there is no such file or folder")
    for path in paths:
        if path.is_dir() and path not in stacks and not shipped.is_shipped(path):
            _require_prepared(path)
    if len(segmentation) != len(stacks):
        raise ValueError(
            f"--segmentation names {counted(len(segmentation), 'file')} for {counted(len(stacks), 'stack')}: give one "
            "file of cell and nucleus masks for each stack, in their order, separated by commas; or the stack itself; "
            f"or {AUTO!r}, if every stack is 0 outside its cell"
        )
    segmentations, cells = iter(segmentation), []
    for path in paths:
        if shipped.is_shipped(path):
            cells += _from_shipped(path, integrator, reading)
            continue
        if path.is_dir() and path not in stacks:
            cells += _from_prepared(path, integrator, reading)
            continue
        if path.suffix.lower() == ".csv":
            cells += _from_manifest(path, integrator.spec, reading)
        else:
            cells.append(_from_stack(path, next(segmentations), integrator.spec, reading))
    return [replace(cell, name=name) for cell, name in zip(cells, safe_names(c.name for c in cells), strict=True)]


def known_names(paths, reading):
    """Returns the names that `read_inputs` gives cells, as far as they are known before any cell is prepared.

    These are those of stacks, manifests and models that ship, before the first prepared data set. Raises: ValueError: a
    manifest's, or a damaged model's.
    """
    names = []
    for path in (Path(on_disk(path)) for path in paths):
        if shipped.is_shipped(path):
            names += _shipped_cells(path, reading)["cell_id"]
            continue
        if not path.exists() or path.is_dir() and not is_stack(path):
            break
        if path.suffix.lower() == ".csv":
            names += [row.cell_id for row in _rows(path, reading)[0]]
        else:
            names.append(stem(path))
    return safe_names(names)


def is_stack(path):
    """Whether an input is a stack: a file or a folder that is no manifest, and no prepared data set."""
    if path.is_dir():
        return not (path / "dataset_info.json").exists() and is_stack_folder(path)
    return path.suffix.lower() != ".csv"


def find_structures(integrator, names):
    """Returns the indices of structures in the model, each once, from their names in any spelling, such as TOMM20.

    Raises: ValueError: no name is given, or one that the model does not have.
    """
    known = integrator.structures
    found = [name if name in known else canonical_name(name) for name in names]
    unknown = [name for name in found if name not in known]
    if unknown or not found:
        missing = ", ".join(unknown) or "structure given"
        raise ValueError(f"--structures: no {missing}; the model has {', '.join(known)}")
    return [known.index(name) for name in dict.fromkeys(found)]


def _require_prepared(path):
    """Raises: ValueError: a folder that is no stack is no prepared data set either."""
    if not (path / "dataset_info.json").is_file():
        below = [str(info.parent) for info in sorted(path.glob("**/dataset_info.json"))[:4]]
        hint = f"; below it: {', '.join(below)}" if below else ""
        raise ValueError(
            f"{path}: the folder is no prepared data set, it has no dataset_info.json{hint}; and no stack: it is no "
            "OME-Zarr, and it holds no numbered planes"
        )


def _from_prepared(path, integrator, reading):
    prepared, cells = PreparedCells(path), []
    check_prepared(prepared.spec, integrator.spec, path, "prepare them so, or give their manifest.csv")
    for batch in prepared.examples(reading.split, batch_size=64):
        for cell_id, image, y in zip(batch["cell_id"], batch["image"], batch["structure"], strict=True):
            cells.append(InputCell(cell_id.decode(), str(path), image, prepared.spec.structures[y]))
        if reading.limit is not None and len(cells) >= reading.limit:
            break
    return cells[: reading.limit]


def _from_stack(path, segmentation, spec, reading):
    cell = prepare_stack(path, segmentation, spec, reading)
    files = str(path), *([str(segmentation)] if segmentation else [])
    return InputCell(stem(path), str(path), cell.image, None, cell.transform, files)


def _from_shipped(path, integrator, reading):
    """The cells that lie beside a model, which may be another one than the integrator's."""
    spec, cells = Run.load(path).spec, _shipped_cells(path, reading)
    check_prepared(spec, integrator.spec, path, "give cells that are prepared so")
    each = zip(cells["cell_id"], cells["image"], cells["structure"], strict=True)
    return [InputCell(cell_id, str(path), image, spec.structures[y]) for cell_id, image, y in each]


def _shipped_cells(path, reading):
    """What `shipped.read_cells` returns, of as many cells as are asked for: without a limit one of each structure."""
    cells = shipped.read_cells(shipped.resolve(path))
    count = reading.limit or len(set(cells["structure"]))
    return {name: values[:count] for name, values in cells.items()} | {"cell_id": cells["cell_id"][:count].tolist()}


def check_prepared(found, expected, where, remedy="prepare them so"):
    """Compares the specs of a prepared data set and of a model; their structures don't matter.

    Raises: ValueError: anything else differs; it names where the cells are from and ends with the remedy.
    """
    sizes = len(found.pixel_size) == len(expected.pixel_size) and np.allclose(
        found.pixel_size, expected.pixel_size, 1e-3, 0
    )
    ignored = ("structures", "pixel_size") if sizes else ("structures",)
    if differences := expected.differences(found, ignored, words="are {} in the model, {} here"):
        raise ValueError(
            f"{where}: its cells have {found}, but the model takes {expected} ({'; '.join(differences)}): {remedy}"
        )


def _rows(path, reading):
    """Returns the rows of a manifest, as many as are asked for, and a `BadCell` for each that is set aside.

    Raises: ValueError: as `read_manifest`; with on_bad_cell "skip" a bad row is no reason.
    """
    if reading.on_bad_cell == "skip":
        rows, bad = list_manifest(path, labelled=False)
        return rows[: reading.limit], bad
    return read_manifest(path, labelled=False)[: reading.limit], []


def _from_manifest(path, spec, reading):
    require_stacks(spec, path)
    frame = Frame(spec.shape, spec.pixel_size)
    (rows, bad), cells, guesses = _rows(path, reading), [], set()
    for row in rows:
        scale, differs = reading.pixel_size or row.scale, ""
        if row.scale and reading.pixel_size:
            scale, differs = resolve_scale(row.source, row.scale, reading.pixel_size, "scale_micron")
        choices = reading.choices.over(row.choices)
        row = replace(row, scale=scale, axes=reading.axes or row.axes, choices=choices)
        try:
            loaded, cell = load_and_preprocess(row, frame, spec.preparation)
        except BadCell as error:
            bad.append(error)
            continue
        for guess in filter(None, (differs, *loaded.guesses, *cell.guesses)):
            if guess not in guesses:
                show(f"{row.source}: {guess}")
                guesses.add(guess)
        files = str(path), row.raw, row.segmentation
        cells.append(InputCell(row.cell_id, str(path), cell.image, row.structure or None, cell.transform, files))
    if bad and (reading.on_bad_cell == "fail" or not cells):
        advice = "" if reading.on_bad_cell == "skip" else "; --on_bad_cell=skip goes on without them"
        raise ValueError("\n  ".join([f"{path}: {counted(len(bad), 'cell')} can't be used{advice}:", *grouped(bad)]))
    for error in bad:
        show(f"set aside: {error}")
    return cells
