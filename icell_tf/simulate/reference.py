"""The reference channels of a simulated cell: membrane and nucleus, without noise."""

import numpy as np

from icell_tf.simulate.microscope import Strands, blur, render
from icell_tf.simulate.walks import F32, choose, lognormal, uniform

POINTS_PER_PIXEL = 2.0  # dye molecules on a voxel's face
CYTOPLASM = 0.08  # dye in the cytoplasm beside the brightest membrane


def membrane(cell, grid, cell_mask, rng, density=None):
    """The cell's surface (wall, dome and floor), uneven, over a faint cytoplasm: (Z, Y, X) in [0, 1].

    `density` is in dye molecules a µm². By default every voxel's face has some.
    """
    density = density or POINTS_PER_PIXEL / grid.scale[2] ** 2
    radius = cell.cell_radius
    sheet = (1, int(np.pi * (radius**2).mean() * density))
    angle = choose(rng, cell.angle_by_arc, (1, int(2 * np.pi * radius.mean() * cell.wall_height * density)))
    wall = cell.cylinder(angle, F32(0.985), uniform(rng, angle.shape, 0, cell.wall_height))
    u = np.sqrt(uniform(rng, sheet)) * F32(0.985)
    dome = cell.cylinder(choose(rng, cell.angle_by_area, sheet), u, cell.top(u))
    floor = cell.cylinder(choose(rng, cell.angle_by_area, sheet), np.sqrt(uniform(rng, sheet)), F32(0.1))
    points = np.concatenate((wall, dome, floor), axis=-1)[..., None]
    surface = render(cell, grid, [Strands(points, lognormal(rng, points.shape[1:], 0.5))], 1)[0]
    volume = surface / surface.max() + CYTOPLASM * cell_mask
    return volume / volume.max()


def nucleus(grid, nucleus_mask, rng):
    """The solid of the nucleus with a chromatin texture on two scales: (Z, Y, X) in [0, 1]."""
    fine = blur(rng.standard_normal((1, *grid.shape), dtype=np.float32), grid.scale)
    dz, dy, dx = grid.scale
    coarse = blur(fine, (dz, dy / 4, dx / 4))
    texture = np.exp(0.2 * fine / fine.std() + 0.2 * coarse / coarse.std())
    volume = blur(texture * nucleus_mask, grid.scale, grid.psf_sigma_z)[0]
    return volume / volume.max()
