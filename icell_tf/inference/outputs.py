"""Cells -> files: every structure in each cell, as pictures, stacks and class probabilities; and new cells."""

import collections
import csv
import os
from pathlib import Path

import numpy as np

from icell_tf.files import atomic_write, prepare_output, refuse_existing, safe_names
from icell_tf.imaging.ome_zarr import require_zarr
from icell_tf.inference import pictures, stacks
from icell_tf.inference.inputs import find_structures
from icell_tf.inference.stacks import Prediction, Settings

BATCH = 8  # cells
DEFAULT_OUTPUT = "integrated"
CLASSES = "classes.csv"
PICTURES = {"_structures.png": pictures.write_structures, "_composite.png": pictures.write_composite}
OF_VOLUMES = {"_slices.png": pictures.write_slices, "_z.gif": pictures.write_film}  # and these


def integrate_cells(integrator, cells, output=DEFAULT_OUTPUT, settings=None):
    """Predicts every structure in each cell and writes what was found.

    For each cell: NAME_structures.png, the observed cell and the cell with each structure, typical and drawn;
    NAME_composite.png, all structures in one picture; NAME.ome.tif, the reference channels and the K typical structures
    (then the mean and the standard deviation of the draws, and the observed structure, if there are any);
    NAME_draws.ome.tif, a series a draw, if there are any. Pictures show volumes by their maximum along each axis; of
    these also NAME_slices.png, the planes through the middle, and NAME_z.gif, a film through z. For the cells with a
    structure channel, a row each in classes.csv.

    Args:
      integrator: an `Integrator`.
      cells: non-empty list of `inputs.InputCell`.
      output: folder, created if it does not exist.
      settings: `Settings`.

    Returns: paths of the files, in the order they were written.

    Raises:
      ValueError: original_frame is asked of a prepared cell, whose original frame is not known; or a file would be
        written in place of an input, whatever overwrite says, or for two cells; or the memory isn't large
        enough for the original frame.
      FileExistsError: a file exists, and overwrite is off; nothing was written.
      ImportError: what writes the format is missing.
    """
    settings, output = settings or Settings(), Path(output)
    check_format(settings)
    for cell in cells if settings.original_frame else ():
        if cell.transform is None:
            raise ValueError(f"--original_frame: {cell.name} is a prepared cell; give its manifest.csv or its stack")
    spec, names = integrator.spec, [cell.name for cell in cells]
    drawings = PICTURES | (OF_VOLUMES if "Z" in spec.axes else {})
    paths = _paths(names, output, settings, drawings)
    with_structure = [cell for cell in cells if spec.has_structure(cell.image)]
    if with_structure:
        paths.append(output / CLASSES)
    _refuse_inputs(cells, paths)
    prepare_output(output, paths, settings.overwrite)
    for batch in _batches(cells):
        x_r = np.stack([spec.reference(cell.image) for cell in batch]) / np.float32(255)
        typical = integrator.integrate(x_r)["structures"]
        draws, moments = stacks.write_draws(integrator, batch, x_r, output, settings)
        for b, cell in enumerate(batch):
            mean, std = (moments.mean[b], moments.std[b]) if settings.samples else (None, None)
            predicted = Prediction(cell, typical[b], settings.samples, [draw[b] for draw in draws], mean, std)
            for ending, write in drawings.items():
                write(output / f"{cell.name}{ending}", predicted, integrator, settings)
            stacks.write_stack(output / f"{cell.name}{settings.ending}", predicted, integrator, settings)
    if with_structure:
        _write_classes(integrator, with_structure, output / CLASSES)
    return paths


def check_output(names, output, settings):
    """Refuses the files of cells before a model is loaded. Args: names of some cells; the others as `integrate_cells`.

    Raises: FileExistsError: one of the files exists, and overwrite is off. ValueError: two cells would be written to
      one. ImportError: what writes the format is missing.
    """
    check_format(settings)
    refuse_existing(_paths(names, Path(output), settings, PICTURES), settings.overwrite)


def _refuse_inputs(cells, paths):
    """Raises: ValueError: one of the files to write is one that a cell was read from."""
    read = {os.path.realpath(file) for cell in cells for file in cell.files}
    lost = [path for path in paths if os.path.realpath(path) in read]
    if lost:
        raise ValueError(f"--output: {lost[0]} is an input, and no input is ever replaced: give another --output")


def check_format(settings):
    """Raises: ImportError: what writes the stacks' format is missing."""
    if settings.format == stacks.ZARR:
        require_zarr()


def _paths(names, output, settings, drawings):
    """Returns the files of cells. Raises: ValueError: two cells would be written to one."""
    drawn = [f"{stacks.DRAWS}{settings.ending}"] * bool(settings.samples)
    paths = [output / f"{name}{suffix}" for name in names for suffix in (*drawings, settings.ending, *drawn)]
    count = collections.Counter(path.name.lower() for path in paths)  # on some disks upper and lower case are one
    if twice := [path for path in paths if count[path.name.lower()] > 1]:
        raise ValueError(
            f"{twice[0]} would be written twice, for the draws of one cell and for another cell that is called so: "
            "rename one, predict them in two calls with an --output each, or leave --samples out"
        )
    return paths


def sample_cells(integrator, names, count, output, seed=0, overwrite=False, format=stacks.TIFF):
    """Draws new cells and writes, for each structure, NAME_samples.png and NAME_samples.ome.tif, a series a cell.

    Cell i is the same in every structure: the same cell, shown with another structure. Of volumes there is also
    NAME_samples_z.gif, a film through z.

    Args:
      integrator: an `Integrator`.
      names: structures, in any spelling.
      count: cells a structure.
      output: folder, created if it does not exist.
      seed: integer.
      overwrite: replace existing files.
      format: of the stacks, a key of `stacks.ENDINGS`.

    Returns: paths of the files.

    Raises:
      ValueError: a name that the model does not know, or a count below 1.
      FileExistsError: a file exists, and overwrite is off; nothing was written.
      ImportError: what writes the format is missing.
    """
    settings, output = Settings(seed=seed, overwrite=overwrite, format=format), Path(output)
    check_format(settings)
    indices = find_structures(integrator, names)
    if count < 1:
        raise ValueError(f"--n is {count}, but at least one cell must be drawn")
    spec, names = integrator.spec, [integrator.structures[k] for k in indices]
    drawings = {".png": pictures.write_samples}
    drawings |= {"_z.gif": pictures.write_samples_film} if "Z" in spec.axes else {}
    stems = [f"{file}_samples" for file in safe_names(names)]
    paths = [output / f"{stem}{ending}" for stem in stems for ending in (*drawings, settings.ending)]
    prepare_output(output, paths, overwrite)
    for k, name, stem in zip(indices, names, stems, strict=True):
        x_rs = integrator.sample([k] * count, seed)["x_rs"]
        for ending, write in drawings.items():
            write(output / f"{stem}{ending}", x_rs, name, spec)
        titles = [f"{name} {seed + i}" for i in range(count)]
        stacks.write_sampled(output / f"{stem}{settings.ending}", x_rs, name, titles, spec, settings)
    return paths


def _write_classes(integrator, cells, path):
    with atomic_write(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        judged = ("unknown", "distance") if integrator.known else ()
        columns = "cell", "input", "labelled_structure", "predicted_structure", *judged, *integrator.structures
        writer.writerow(columns)
        for batch in _batches(cells):
            x_rs = np.stack([cell.image for cell in batch]) / np.float32(255)
            found = integrator.classify(x_rs)
            for i, cell in enumerate(batch):
                probabilities = found["probabilities"][i]
                predicted = integrator.structures[probabilities.argmax()]
                row = [cell.name, cell.source, cell.structure or "", predicted]
                if judged:
                    row += [bool(found["unknown"][i]), f"{found['distance'][i]:.6f}"]
                writer.writerow(row + [f"{probability:.6f}" for probability in probabilities])


def _batches(cells):
    return (cells[i : i + BATCH] for i in range(0, len(cells), BATCH))
