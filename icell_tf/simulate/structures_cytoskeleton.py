"""Structure programs of the cytoskeleton: actin bundles, microtubules, cortical and stress-fibre actin, myosin arcs.

A program draws a structure in a cell many times at once: (Shape, draws, generator) -> list of Strands. Numbers, places
and brightness are random in each draw. Their distribution depends on the cell's shape alone.
"""

import numpy as np

from icell_tf.simulate.microscope import Strands
from icell_tf.simulate.walks import F32, choose, inside, lognormal, normal, smooth, uniform

PI = F32(np.pi)


def alpha_actinin(cell, draws, rng, bundles=6, period=2.2):
    """Thick dashed bundles that fan out from the cell's far tip, with an adhesion at both ends."""
    n = (draws, bundles)
    tip = F32(np.argmax(cell.cell_radius) * (2 * np.pi / cell.cell_radius.size))
    near = tip + normal(rng, n, 0.30)
    far = tip + PI + uniform(rng, n, -1.5, 1.5)
    z = uniform(rng, n, 0.3, 1.2)
    start, end = cell.cylinder(near, F32(0.93), z), cell.cylinder(far, F32(0.93), z)
    length = np.sqrt(((end - start) ** 2).sum(0))
    along = (end - start) / length
    dashes = int(2 * cell.cell_radius.max() / period)
    centre = (np.arange(dashes, dtype=F32) + uniform(rng, (*n, 1))) * F32(period)  # µm from the start
    side = np.array([-0.35, 0, 0.35], F32)
    weight = lognormal(rng, (*n, 1), 0.3) * lognormal(rng, centre.shape, 0.25) * (centre < length[..., None] - 0.6)
    across = np.stack((-along[1], along[0], np.zeros_like(length)))[..., None, None]
    middle = (start[..., None] + along[..., None] * centre)[..., None] + across * side
    half = F32(0.3 * period) * along[..., None, None]
    vertices = np.stack((middle - half, middle + half), axis=-1).reshape(3, draws, -1, 2)
    weights = np.broadcast_to(weight[..., None], middle.shape[1:]).reshape(draws, -1, 1)
    adhesions = np.concatenate((start, end), axis=-1)[..., None]
    return [Strands(vertices, weights), Strands(adhesions, 1.2 * lognormal(rng, (draws, 2 * bundles, 1), 0.4))]


def alpha_tubulin(cell, draws, rng, filaments=48, vertices=11):
    """Microtubules from a centrosome beside the nucleus, where the cytoplasm is wide, around the nucleus to the rim."""
    n = (draws, 1)
    angle = choose(rng, cell.angle_by_extent, n) + normal(rng, n, 0.25)
    centrosome = cell.place(angle, normal(rng, n, 0.12), uniform(rng, n, 0.12, 0.3))[..., None]
    target = inside(rng, cell, (draws, filaments), power=0.25, spread=0.9)[..., None]
    t = np.linspace(0, 1, vertices, dtype=F32)
    bend = np.sin(PI * t) * normal(rng, (3, draws, filaments, 1), 0.7) * np.array([1, 1, 0.3], F32)[:, None, None, None]
    clearance = uniform(rng, (draws, filaments, 1), 0.05, 0.45)  # their least distance from the nucleus, as a depth
    path = cell.confine(centrosome + (target - centrosome) * t + bend, clearance, F32(0.96))
    steps = np.sqrt((np.diff(path, axis=-1) ** 2).sum(0))
    span = np.sqrt(((target - centrosome) ** 2).sum(0))
    present = steps.max(-1, keepdims=True) < 3.5 / (vertices - 1) * span  # without those through the nucleus's middle
    fade = 0.12 + 0.88 * np.minimum(t[:-1] * 2.5, 1)  # they overlap at the centrosome
    return [Strands(path, fade * present * lognormal(rng, (draws, filaments, 1), 0.3))]


def beta_actin(cell, draws, rng, fibres=11, cortex=900):
    """The cortex along the lateral wall, and long parallel stress fibres under the cell along its major axis."""
    angle = choose(rng, cell.angle_by_arc, (draws, cortex))
    wall = cell.cylinder(angle, F32(0.965), uniform(rng, angle.shape, 0.1, cell.wall_height))
    patches = smooth(rng, (draws,), 65, 4)[:, :-1]
    patch = np.take_along_axis(patches, (angle * F32(64 / (2 * np.pi))).astype(np.int32) & 63, axis=1)
    n = (draws, fibres)
    tilt = normal(rng, (draws, 1), 0.10)
    right = uniform(rng, n, -1.3, 1.3)
    left = PI - right + normal(rng, n, 0.15)
    z = uniform(rng, n, 0.2, 0.6)
    ends = np.stack((cell.cylinder(right + tilt, F32(0.93), z), cell.cylinder(left + tilt, F32(0.93), z)), axis=-1)
    return [
        Strands(wall[..., None], (0.16 * np.exp(0.35 * patch))[..., None]),
        Strands(ends, lognormal(rng, (*n, 1), 0.4)),
    ]


def myosin_iib(cell, draws, rng, arcs=10, vertices=12):
    """Beaded bundles in arcs along the rim, inside it, mostly where the cytoplasm is wide."""
    n = (draws, arcs)
    middle = choose(rng, cell.angle_by_extent, n) + normal(rng, n, 0.25)
    t = np.linspace(-1, 1, vertices, dtype=F32)
    angle = middle[..., None] + uniform(rng, (*n, 1), 0.25, 0.65) * t
    u = uniform(rng, (*n, 1), 0.60, 0.92) - 0.06 * t**2
    z = uniform(rng, (*n, 1), 0.3, 1.6)
    beads = lognormal(rng, (*n, vertices - 1), 0.7) * lognormal(rng, (*n, 1), 0.3)
    wide = np.concatenate((cell.cylinder(angle, u, z), cell.cylinder(angle, u - 0.04, z)), axis=2)
    return [Strands(wide, np.concatenate((beads, beads), axis=1))]
