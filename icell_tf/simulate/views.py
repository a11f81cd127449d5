"""One simulated cell in several stacks: at other angles, mirrored, shifted, in other voxels.

`simulate_cell` draws the dye molecules for one stack; in another stack of the same cell they differ. Here every
molecule has a fixed place in the cell, and only the view changes. So tests can compare views after preprocessing.
"""

import dataclasses

import numpy as np

from icell_tf.simulate import PROGRAMS, SimulatedCell
from icell_tf.simulate.microscope import CAMERA_OFFSET, GAIN, PHOTONS, Strands, capture, fit_grid, masks, render
from icell_tf.simulate.reference import membrane
from icell_tf.simulate.walks import lognormal, normal, uniform

SCALE = (0.3, 0.13, 0.13)  # µm; the point-spread function is 0.4 µm wide at half its height
BACKGROUND = 5.0  # photons
NOISELESS = 10000  # counts of the brightest voxel, above the offset
MEMBRANE_DENSITY = 50.0  # dye molecules a µm²
CHROMATIN = 900, 25  # clumps, and molecules in each


def simulate_view(shape, y, scale=SCALE, angle=0.0, mirrored=False, shift=(0.0, 0.0, 0.0), exposure=None):
    """Makes a stack of a cell.

    Args:
      shape: its `Shape`. Its seed and y determine the place of every molecule.
      y: index of its structure in `PROGRAMS`.
      scale: (z, y, x), µm a voxel.
      angle: of the stage, in radians, added to the pose of the shape.
      mirrored: whether the stack shows the cell's mirror image.
      shift: of the cell in the stack, (x, y, z), in voxels, 0 or more.
      exposure: seed of the camera's noise. None: no noise, and enough light to make rounding negligible.

    Returns: `SimulatedCell`.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    pose = np.array([[cos, -sin], [sin, cos]]) @ shape.pose @ np.diag([1.0, -1.0 if mirrored else 1.0])
    shape = dataclasses.replace(shape, pose=pose)
    grid = fit_grid(shape, tuple(scale), np.asarray(shift, float))
    cell_mask, nucleus_mask = masks(shape, grid)
    rng = np.random.default_rng([shape.seed, 6])
    signals = [membrane(shape, grid, cell_mask, rng, MEMBRANE_DENSITY)]
    program = tuple(PROGRAMS.values())[y]
    for strands in (chromatin(shape, rng), program(shape, 1, np.random.default_rng([shape.seed, 7, y]))):
        volume = render(shape, grid, strands, 1)[0]
        signals.append(volume / volume[cell_mask].max())
    if exposure is None:
        channels = [np.rint(CAMERA_OFFSET + NOISELESS * signal).astype(np.uint16) for signal in signals]
    else:
        rng = np.random.default_rng([shape.seed, 8, y, exposure])
        channels = [capture(signal, PHOTONS, BACKGROUND, rng) for signal in signals]
    offsets = np.full(3, CAMERA_OFFSET + (0 if exposure is None else GAIN * BACKGROUND))
    return SimulatedCell(
        np.stack(channels), tuple(signals), cell_mask, nucleus_mask, grid.scale, y, offsets, shape, grid
    )


def chromatin(cell, rng):
    """DNA in clumps that fill the nucleus unevenly, as `Strands`."""
    clumps, molecules = CHROMATIN
    n = (1, clumps, molecules)
    depth = uniform(rng, (1, clumps)) ** np.float32(1 / 3) - 1  # uniform in the volume: -1 the centre, 0 the surface
    middle = cell.place(uniform(rng, depth.shape, 0, 2 * np.pi), uniform(rng, depth.shape, -1, 1), depth * 0.98)
    points = cell.confine(middle[..., None] + normal(rng, (3, *n), 0.5), -1, 0)
    weights = np.repeat(lognormal(rng, (1, clumps), 0.5), molecules, axis=1)
    return [Strands(points.reshape(3, 1, -1, 1), weights[..., None])]
