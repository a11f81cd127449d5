"""Cells -> files: every structure in each cell, as pictures, OME-TIFF and class probabilities."""

import contextlib
import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from icell_tf import structures
from icell_tf.files import atomic_write, prepare_output, refuse_existing, safe_names
from icell_tf.imaging.ome import ome_metadata
from icell_tf.inference.inputs import InputCell, find_structures
from icell_tf.inference.moments import Moments
from icell_tf.viz import figures

BATCH = 8  # cells
DEFAULT_OUTPUT = "integrated"
DRAWS, CLASSES = "_draws.ome.tif", "classes.csv"
SHOWN = 3  # draws in a picture
LARGEST_TIFF = 2**32 - 2**25  # bytes, as tifffile has it


@dataclass(frozen=True)
class Settings:
    """How cells become files.

    Attributes:
      samples: draws, which are written too, with their mean and standard deviation; 0 for none.
      seed: of the draws.
      original_frame: write the OME-TIFF in the input's pixels instead of the model's frame.
      contrast: of the pictures, see `figures.stretch`.
      overwrite: replace existing files.
    """

    samples: int = 0
    seed: int = 0
    original_frame: bool = False
    contrast: str = "percentile"
    overwrite: bool = False


@dataclass(frozen=True)
class Prediction:
    """Every structure in one cell.

    Attributes:
      cell: an `InputCell`.
      typical: (..., K).
      samples: number of draws.
      draws: the first of them, (..., K) each, which pictures show.
      mean, std: of all draws, (..., K); None without draws.
    """

    cell: InputCell
    typical: np.ndarray
    samples: int = 0
    draws: Sequence[np.ndarray] = ()
    mean: np.ndarray | None = None
    std: np.ndarray | None = None

    @property
    def statistics(self):
        """{label: (..., K)}; empty without draws."""
        return {f"mean of {self.samples}": self.mean, f"std of {self.samples}": self.std} if self.samples else {}


def integrate_cells(integrator, cells, output=DEFAULT_OUTPUT, settings=None):
    """Predicts every structure in each cell and writes what was found.

    For each cell: NAME_structures.png, the observed cell and the cell with each structure, typical and drawn;
    NAME_composite.png, all structures in one picture; NAME.ome.tif, the reference channels and the K typical structures
    (then the mean and the standard deviation of the draws, and the observed structure, if there are any);
    NAME_draws.ome.tif, a series a draw, if there are any. Pictures show volumes as their maximum along z. For the cells
    with a structure channel, a row each in classes.csv.

    Args:
      integrator: an `Integrator`.
      cells: non-empty list of `inputs.InputCell`.
      output: folder, created if it does not exist.
      settings: `Settings`.

    Returns: paths of the files, in the order they were written.

    Raises:
      ValueError: original_frame is asked of a prepared cell, whose original frame is not known.
      FileExistsError: a file exists, and overwrite is off; nothing was written.
    """
    settings, output = settings or Settings(), Path(output)
    for cell in cells if settings.original_frame else ():
        if cell.transform is None:
            raise ValueError(f"--original_frame: {cell.name} is a prepared cell; give its manifest.csv or its stack")
    paths, spec = _paths([cell.name for cell in cells], output, settings), integrator.spec
    with_structure = [cell for cell in cells if spec.has_structure(cell.image)]
    if with_structure:
        paths.append(output / CLASSES)
    prepare_output(output, paths, settings.overwrite)
    for batch in _batches(cells):
        x_r = np.stack([spec.reference(cell.image) for cell in batch]) / np.float32(255)
        typical = integrator.integrate(x_r)["structures"]
        draws, moments = _write_draws(integrator, batch, x_r, output, settings)
        for b, cell in enumerate(batch):
            mean, std = (moments.mean[b], moments.std[b]) if settings.samples else (None, None)
            predicted = Prediction(cell, typical[b], settings.samples, [draw[b] for draw in draws], mean, std)
            write_structures(output / f"{cell.name}_structures.png", predicted, integrator, settings)
            write_composite(output / f"{cell.name}_composite.png", predicted, integrator, settings)
            write_stack(output / f"{cell.name}.ome.tif", predicted, integrator, settings)
    if with_structure:
        _write_classes(integrator, with_structure, output / CLASSES)
    return paths


def check_output(names, output, settings):
    """Refuses the files of cells before a model is loaded. Args: names of some cells; the others as `integrate_cells`.

    Raises: FileExistsError: one of the files exists, and overwrite is off.
    """
    refuse_existing(_paths(names, Path(output), settings), settings.overwrite)


def _paths(names, output, settings):
    suffixes = ("_structures.png", "_composite.png", ".ome.tif", *[DRAWS] * bool(settings.samples))
    return [output / f"{name}{suffix}" for name in names for suffix in suffixes]


def sample_cells(integrator, names, count, output, seed=0, overwrite=False):
    """Draws new cells and writes, for each structure, NAME_samples.png and NAME_samples.ome.tif, a series a cell.

    Cell i is the same in every structure: the same cell, shown with another structure.

    Args:
      integrator: an `Integrator`.
      names: structures, in any spelling.
      count: cells a structure.
      output: folder, created if it does not exist.
      seed: integer.
      overwrite: replace existing files.

    Returns: paths of the files.

    Raises:
      ValueError: a name that the model does not know, or a count below 1.
      FileExistsError: a file exists, and overwrite is off; nothing was written.
    """
    indices = find_structures(integrator, names)
    if count < 1:
        raise ValueError(f"--n is {count}, but at least one cell must be drawn")
    spec, names = integrator.spec, [integrator.structures[k] for k in indices]
    paths = [Path(output, f"{file}_samples{suffix}") for file in safe_names(names) for suffix in (".png", ".ome.tif")]
    prepare_output(Path(output), paths, overwrite)
    for k, name, png, stack in zip(indices, names, paths[::2], paths[1::2], strict=True):
        x_rs = integrator.sample([k] * count, seed)["x_rs"]
        with atomic_write(png) as path:
            figures.to_png(figures.cell_grid(spec.plane(x_rs), labels=[name], contrast="percentile"), path)
        about = ome_metadata((*spec.reference_names, name), spec.pixel_size)
        with atomic_write(stack) as path, tifffile.TiffWriter(path, ome=True) as tiff:
            for i, cell in enumerate(x_rs):
                metadata = about | {"Name": f"{name} {seed + i}"}
                tiff.write(_planes(cell), photometric="minisblack", compression="zlib", metadata=metadata)
    return paths


def _write_draws(integrator, batch, x_r, output, settings):
    """Writes the draws in a batch of cells; returns the first ones, (B, ..., K) each, and the `Moments` of all."""
    first, moments = [], Moments()
    with contextlib.ExitStack() as files:
        writers = []
        for cell in batch if settings.samples else ():
            path = files.enter_context(atomic_write(output / f"{cell.name}{DRAWS}"))
            big = _is_big(cell, integrator, settings)
            writers.append(files.enter_context(tifffile.TiffWriter(path, ome=True, bigtiff=big)))
        for i, drawn in enumerate(integrator.draw(x_r, settings.samples, settings.seed)):
            moments.add(drawn)
            first += [drawn] * (i < SHOWN)
            for cell, writer, images in zip(batch, writers, drawn, strict=True):
                planes, about = _in_frame(integrator, cell, images, integrator.structures, settings)
                metadata = about | {"Name": f"{cell.name} draw {i + 1}"}
                writer.write(planes, photometric="minisblack", compression="zlib", metadata=metadata)
    return first, moments


def _is_big(cell, integrator, settings):
    """Whether the draws in a cell may need more than the 4 GB of a plain TIFF, before they are compressed."""
    shape = cell.transform.source_shape if settings.original_frame else integrator.spec.shape
    item = np.dtype(np.float32).itemsize
    return math.prod(shape) * item * len(integrator.structures) * settings.samples > LARGEST_TIFF


def _in_frame(integrator, cell, image, channels, settings):
    """The planes of an image (..., C) with these channels, and their metadata, as the settings ask for them."""
    if settings.original_frame:
        return cell.transform.restore(_planes(image)), ome_metadata(channels, cell.transform.source_scale)
    return _planes(image), ome_metadata(channels, integrator.spec.pixel_size, integrator.spec)


def write_structures(path, predicted, integrator, settings):
    """Writes the picture of a cell with each structure, typical and drawn. Args: as `write_stack`."""
    spec, image = integrator.spec, predicted.cell.image / np.float32(255)
    drawn = {f"draw {i + 1}": draw for i, draw in enumerate(predicted.draws)}
    images = {"typical": predicted.typical, **drawn, **predicted.statistics}
    images = {label: spec.plane(each) for label, each in images.items()}
    picture = figures.structures_in_cell(spec.plane(image), images, integrator.structures, settings.contrast)
    with atomic_write(path) as partial:
        figures.to_png(picture, partial)


def write_composite(path, predicted, integrator, settings):
    """Writes all structures of a cell in one picture. Args: as `write_stack`."""
    spec, names = integrator.spec, integrator.structures
    x_r = spec.plane(spec.reference(predicted.cell.image / np.float32(255)))
    shown = spec.plane(predicted.typical)
    with atomic_write(path) as partial:
        figures.to_png(figures.composite(x_r, shown, structures.colors(names), names, settings.contrast), partial)


def write_stack(path, predicted, integrator, settings):
    """Writes a cell's OME-TIFF. Args: path; a `Prediction`; integrator: gives spec and structures; `Settings`."""
    spec, names, image = integrator.spec, integrator.structures, predicted.cell.image / np.float32(255)
    channels = [*spec.reference_names, *names]
    channels += [f"{name} {label}" for label in predicted.statistics for name in names]
    images = [spec.reference(image), predicted.typical, *predicted.statistics.values()]
    if spec.has_structure(image):
        channels.append("observed structure")
        images.append(spec.structure(image)[..., None])
    planes, about = _in_frame(integrator, predicted.cell, np.concatenate(images, axis=-1), channels, settings)
    metadata = about | {"Name": predicted.cell.name}
    with atomic_write(path) as partial:
        tifffile.imwrite(partial, planes, ome=True, photometric="minisblack", compression="zlib", metadata=metadata)


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


def _planes(image):
    """(..., C) -> contiguous (C, ...) float32."""
    return np.ascontiguousarray(np.moveaxis(image, -1, 0), np.float32)
