"""Simulated cells: 3D stacks of membrane, nucleus and one of ten structures, with masks, from a seed.

The model is parametric, as those of Zhao & Murphy 2007 and Peng & Murphy 2011. The solids of the cell and its nucleus
depend on the seed alone, so that every structure can be drawn in the same cell.
"""

from dataclasses import dataclass, replace

import numpy as np

from icell_tf.simulate.microscope import MAX_VOXELS, PSF_SIGMA_Z, Grid, expose, make_grid, masks, render
from icell_tf.simulate.programs import PROGRAMS
from icell_tf.simulate.reference import membrane, nucleus
from icell_tf.simulate.shapes import Shape, sample_shape

__all__ = ["PROGRAMS", "SIMULATOR_VERSION", "SimulatedCell", "simulate_cell"]
__all__ += ["draw_structure", "expected_structure", "observe_structure", "signals_in_cell"]

SIMULATOR_VERSION = "1.0.0"


@dataclass(frozen=True, eq=False)
class SimulatedCell:
    """One cell as the microscope images it.

    Attributes:
      channels: (3, Z, Y, X) uint16 counts: membrane, nucleus, structure.
      signals: three arrays (Z, Y, X), 0 or more: the channels before the camera: blurred, without background and noise.
      cell_mask, nucleus_mask: (Z, Y, X) bool, the exact solids.
      scale: (z, y, x), µm a voxel.
      y: structure index.
      offsets: (3,) expected counts of voxels without fluorescence.
      shape, grid: the solids in µm, and the voxels of the stack.
    """

    channels: np.ndarray
    signals: tuple[np.ndarray, ...]
    cell_mask: np.ndarray
    nucleus_mask: np.ndarray
    scale: tuple[float, float, float]
    y: int
    offsets: np.ndarray
    shape: Shape
    grid: Grid


def simulate_cell(seed, y, pixel_size, depth=None, psf_sigma_z=PSF_SIGMA_Z):
    """Simulates a cell and its image in the microscope.

    Args:
      seed: integer, 0 or more: the cell's number.
      y: index of its structure in `PROGRAMS`.
      pixel_size: µm a pixel of the frame for which the stack is made. Voxels measure 0.9 of that in x and y.
      depth: of a frame in 3D, µm a pixel along z: voxels are no thicker than 0.9 of that.

      psf_sigma_z: of the point-spread function along z, µm: 0.55 are about those of a spinning disk.

    Returns: `SimulatedCell`, equal to the bit for equal arguments. Membrane, nucleus and masks don't depend on y.
    Raises: ValueError: an argument is out of its range.

    Example:
      >>> from icell_tf.simulate import simulate_cell
      >>> cell = simulate_cell(seed=0, y=8, pixel_size=1.2)
      >>> len(cell.channels), cell.channels.dtype
      (3, dtype('uint16'))
    """
    _check_structure(y)
    if seed < 0 or not pixel_size > 0 or not (depth is None or depth > 0):
        found = f"{seed}, {pixel_size} and {depth}"
        raise ValueError(f"simulate_cell expects seed >= 0, pixel_size > 0 µm and depth > 0 µm, but found {found}")
    if not psf_sigma_z >= 0:
        raise ValueError(f"simulate_cell expects psf_sigma_z >= 0 µm, but found {psf_sigma_z}")
    shape = sample_shape(seed)
    grid = replace(make_grid(shape, pixel_size, depth), psf_sigma_z=psf_sigma_z)
    cell_mask, nucleus_mask = masks(shape, grid)
    rng = np.random.default_rng([seed, 2])
    signals = [membrane(shape, grid, cell_mask, rng), nucleus(grid, nucleus_mask, rng)]
    exposures = [expose(signal, rng) for signal in signals]
    rng = np.random.default_rng([seed, 3, y])
    volume = _draw(shape, grid, y, 1, rng)[0]
    signals.append(volume / volume[cell_mask].max())
    exposures.append(expose(signals[-1], rng))
    channels, offsets = zip(*exposures, strict=True)
    return SimulatedCell(
        np.stack(channels), tuple(signals), cell_mask, nucleus_mask, grid.scale, y, np.array(offsets), shape, grid
    )


def signals_in_cell(cell, projected=True):
    """Shows a cell as a microscope without background and noise would.

    Args: cell: `SimulatedCell`. projected: whether to maximum-project it along z.
    Returns: (3, Y, X), or (3, Z, Y, X) if it is not projected, float32 in [0, 1], in the stack's pixels: membrane,
      nucleus and structure, with the same molecules as in its channels. Each is masked to the cell and divided by its
      maximum.
    """
    masked = (signal * cell.cell_mask for signal in cell.signals)
    images = np.stack([_projected(signal, projected) for signal in masked]).astype(np.float32)
    return images / _highest(images)


def expected_structure(cell, y, draws, seed=0, projected=True):
    """Mean localization of a structure in a cell: the mean of the draws of `draw_structure`, with its arguments.

    Returns: (Y, X) or (Z, Y, X) float32 in [0, 1], in the stack's pixels.
    Raises: ValueError: an argument is out of its range.
    """
    return sum(part.sum(0) for part in draw_structure(cell, y, draws, seed, projected)) / np.float32(draws)


def draw_structure(cell, y, draws, seed=0, projected=True):
    """Draws a structure in a cell many times.

    Args:
      cell: `SimulatedCell`.
      y: index of any structure, not only the cell's own.
      draws: number of draws, 1 or more.
      seed: integer, 0 or more. Draws of different seeds are independent.
      projected: whether to maximum-project the draws along z.

    Yields: (n, Y, X), or (n, Z, Y, X) if not projected, float32 in [0, 1], some of the draws, in the stack's pixels.
      Each is blurred, without noise, masked to the cell and divided by its maximum.

    Raises: ValueError: an argument is out of its range.
    """
    _check_structure(y)
    if draws < 1:
        raise ValueError(f"draw_structure expects draws >= 1, but found {draws}")
    shape, (planes, *window) = cell.cell_mask.shape, cell.grid.crop(cell.cell_mask)[1]
    if projected:
        shape = shape[1:]
    else:
        window = [planes, *window]
    rng = np.random.default_rng([cell.shape.seed, 4, y, seed])
    for volume, cell_mask in _draws_around(cell, y, draws, rng):
        drawn = _projected(np.multiply(volume, cell_mask, out=volume), projected)
        images = np.zeros((len(drawn), *shape), np.float32)
        images[:, *window] = drawn / _highest(drawn)
        yield images


def observe_structure(cell, y, count, seed=0):
    """Images a structure in a cell many times, each time with other molecules, brightness, background and noise.

    Args: cell: `SimulatedCell`. y: index of any structure. count: number of images. seed: integer, 0 or more.
    Yields: (Z, Y, X) uint16 counts, as the channels of a `SimulatedCell`.
    Raises: ValueError: y is out of its range.
    """
    _check_structure(y)
    _, window = cell.grid.crop(cell.cell_mask)
    rng = np.random.default_rng([cell.shape.seed, 5, y, seed])
    for volume, cell_mask in _draws_around(cell, y, count, rng):
        for drawn in volume:
            signal = np.zeros(cell.cell_mask.shape, np.float32)  # light beyond the cell's box is left out
            signal[window] = drawn / drawn[cell_mask].max()
            yield expose(signal, rng)[0]


def _draws_around(cell, y, draws, rng):
    """Yields blurred draws of a structure in the box around its cell, (n, Z, Y, X), and the cell's mask in that box."""
    grid, window = cell.grid.crop(cell.cell_mask)
    cell_mask = cell.cell_mask[window]
    chunk = max(1, min(16, MAX_VOXELS // cell_mask.size))
    for start in range(0, draws, chunk):
        yield _draw(cell.shape, grid, y, min(chunk, draws - start), rng), cell_mask


def _projected(volumes, projected):
    """Maximum-projects (..., Z, Y, X) along z, if asked to."""
    return volumes.max(axis=-3) if projected else volumes


def _highest(images):
    """The maximum of each of (n, ...), as an array that they can be divided by."""
    return images.max(axis=tuple(range(1, images.ndim)), keepdims=True)


def _check_structure(y):
    if not 0 <= y < len(PROGRAMS):
        raise ValueError(f"structure index {y} is not in 0 to {len(PROGRAMS) - 1}, the simulator's structures")


def _draw(shape, grid, y, draws, rng):
    """Blurred draws of a structure, of any brightness: (draws, Z, Y, X)."""
    return render(shape, grid, tuple(PROGRAMS.values())[y](shape, draws, rng), draws)
