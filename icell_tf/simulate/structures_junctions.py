"""Structure programs of cell-cell junctions: desmosomes and tight junctions.

A program is a function (Shape, draws, generator) -> list of Strands; see structures_cytoskeleton.py.
"""

import numpy as np

from icell_tf.simulate.microscope import Strands
from icell_tf.simulate.walks import F32, choose, lognormal, normal, smooth, uniform


def desmoplakin(cell, draws, rng, puncta=34, points=4):
    """Bright puncta on the lateral wall."""
    n = (draws, puncta)
    angle = choose(rng, cell.angle_by_arc, n)
    z = uniform(rng, n, 0.1, 0.95) * F32(cell.wall_height)
    spot = cell.cylinder(angle, F32(0.965), z)[..., None] + normal(rng, (3, *n, points), 0.12)
    weights = np.repeat(lognormal(rng, n, 0.45), points, axis=1)[..., None]
    return [Strands(spot.reshape(3, draws, -1, 1), weights)]


def zo1(cell, draws, rng, vertices=129):
    """A thin unbroken belt around the cell where the lateral wall meets the dome."""
    angle = np.linspace(0, 2 * np.pi, vertices, dtype=F32)
    u = np.minimum(F32(0.97) + smooth(rng, (draws,), vertices, 12, 0.5) * F32(0.012), F32(0.99))
    z = F32(0.92 * cell.wall_height) + smooth(rng, (draws,), vertices, 6) * F32(0.2)
    belt = cell.cylinder(angle, u, z)
    weight = np.exp(0.2 * smooth(rng, (draws,), vertices, 8, 0.5))[:, None, :-1]
    return [Strands(belt[:, :, None], weight)]
