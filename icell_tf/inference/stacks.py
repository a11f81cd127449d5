"""Predictions -> stacks with named channels, OME-TIFF or OME-Zarr, for Fiji, napari and other programs."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icell_tf import structures
from icell_tf.files import atomic_folder, atomic_write
from icell_tf.imaging.ome import OmeTiff
from icell_tf.imaging.ome_zarr import OmeZarr
from icell_tf.inference.inputs import InputCell
from icell_tf.inference.moments import Moments
from icell_tf.messages import enough_memory
from icell_tf.viz.figures import CHANNEL_COLORS

TIFF, ZARR = "ome-tiff", "ome-zarr"
ENDINGS = {TIFF: ".ome.tif", ZARR: ".ome.zarr"}
DRAWS = "_draws"
SHOWN = 3  # draws in a picture


@dataclass(frozen=True)
class Settings:
    """How cells become files.

    Attributes:
      samples: draws, which are written too, with their mean and standard deviation; 0 for none.
      seed: of the draws.
      original_frame: write stacks in the input's pixels instead of the model's frame.
      contrast: of the pictures, see `figures.stretch`.
      overwrite: replace existing files.
      format: of stacks, a key of ENDINGS.
    """

    samples: int = 0
    seed: int = 0
    original_frame: bool = False
    contrast: str = "percentile"
    overwrite: bool = False
    format: str = TIFF

    @property
    def ending(self):
        """Of the names of stacks."""
        return ENDINGS[self.format]


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


@contextlib.contextmanager
def open_stack(path, settings, several=False, size=0):
    """Yields an `OmeTiff` or an `OmeZarr`, as the settings' format has it. It appears at `path` once it is complete.

    Args: path; `Settings`; several: whether it gets several images; size: bytes of all of them.
    """
    if settings.format == ZARR:
        with atomic_folder(path) as partial, OmeZarr(partial, several) as stack:
            yield stack
    else:
        with atomic_write(path) as partial, OmeTiff(partial, size) as stack:
            yield stack


def write_stack(path, predicted, integrator, settings):
    """Writes a cell's stack. Args: path; a `Prediction`; integrator: gives spec and structures; `Settings`."""
    spec, names, image = integrator.spec, integrator.structures, predicted.cell.image / np.float32(255)
    colors = structures.colors(names)
    channels = [*spec.reference_names, *names]
    channels += [f"{name} {label}" for label in predicted.statistics for name in names]
    images = [spec.reference(image), predicted.typical, *predicted.statistics.values()]
    shown = [*_reference_colors(spec), *colors * (1 + len(predicted.statistics))]
    if spec.has_structure(image):
        channels.append("observed structure")
        images.append(spec.structure(image)[..., None])
        shown.append(CHANNEL_COLORS[-1])
    planes, about = _in_frame(integrator, predicted.cell, np.concatenate(images, axis=-1), settings)
    with open_stack(path, settings, size=planes.nbytes) as stack:
        stack.add(planes, channels, name=predicted.cell.name, colors=shown, **about)


def write_draws(integrator, batch, x_r, output, settings):
    """Writes the draws in a batch of cells, NAME_draws, an image a draw.

    Args: integrator; `InputCell`s; their x_r; output: folder; `Settings`.
    Returns: the first draws, (B, ..., K) each, and the `Moments` of all.
    """
    first, moments, names = [], Moments(), integrator.structures
    colors = structures.colors(names)
    with contextlib.ExitStack() as files:
        stacks = []
        for cell in batch if settings.samples else ():
            path, size = output / f"{cell.name}{DRAWS}{settings.ending}", _size_of_draws(cell, integrator, settings)
            stacks.append(files.enter_context(open_stack(path, settings, several=True, size=size)))
        for i, drawn in enumerate(integrator.draw(x_r, settings.samples, settings.seed)):
            moments.add(drawn)
            first += [drawn] * (i < SHOWN)
            for cell, stack, images in zip(batch, stacks, drawn, strict=True):
                planes, about = _in_frame(integrator, cell, images, settings)
                stack.add(planes, names, name=f"{cell.name} draw {i + 1}", colors=colors, **about)
    return first, moments


def write_sampled(path, x_rs, name, names, spec, settings):
    """Writes new cells with a structure, an image a cell.

    Args: path; x_rs (B, ..., C); name of the structure; names of the images, B; the `CellSpec`; `Settings`.
    """
    channels, colors = (*spec.reference_names, name), [*_reference_colors(spec), *structures.colors([name])]
    with open_stack(path, settings, several=True, size=x_rs.nbytes) as stack:
        for cell, title in zip(x_rs, names, strict=True):
            stack.add(_planes(cell), channels, spec.pixel_size, title, colors=colors)


def _reference_colors(spec):
    """Of membrane and nucleus as pictures have them; the third is the structure's, of further reference channels."""
    return [CHANNEL_COLORS[min(i, len(CHANNEL_COLORS) - 1)] for i, _ in enumerate(spec.reference_names)]


def _size_of_draws(cell, integrator, settings):
    """The bytes of all draws in a cell."""
    shape = cell.transform.source_shape if settings.original_frame else integrator.spec.shape
    item = np.dtype(np.float32).itemsize
    return math.prod(shape) * item * len(integrator.structures) * settings.samples


def _in_frame(integrator, cell, image, settings):
    """The planes of an image (..., C) as the settings ask for them, and their scale and spec.

    Raises: ValueError: the memory isn't large enough for them.
    """
    if settings.original_frame:
        advice = "crop the input to the cell, or leave --original_frame out"
        with enough_memory(f"{cell.source}: --original_frame: the stack of {cell.name} in the input's pixels", advice):
            return cell.transform.restore(_planes(image)), {"scale": cell.transform.source_scale}
    return _planes(image), {"scale": integrator.spec.pixel_size, "spec": integrator.spec}


def _planes(image):
    """(..., C) -> contiguous (C, ...) float32."""
    return np.ascontiguousarray(np.moveaxis(image, -1, 0), np.float32)
