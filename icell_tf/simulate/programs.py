"""Structure programs: actin, microtubules and myosin; organelles and the nucleus; junctions between cells.

A program draws a structure in a cell many times at once: (Shape, draws, generator) -> list of Strands. Numbers, places
and brightness are random in each draw. Their distribution depends on the cell's shape alone.
"""

import numpy as np

from icell_tf.simulate.microscope import Strands
from icell_tf.simulate.walks import F32, choose, inside, lognormal, normal, smooth, uniform, walk

PI, TWO_PI = F32(np.pi), 2 * np.pi


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


def fibrillarin(cell, draws, rng, most=4, points=60):
    """One to four nucleoli: uneven blobs deep inside the nucleus, mostly near its ends."""
    n = (draws, most)
    count = 1 + (uniform(rng, (draws, most - 1)) < 0.6).sum(1, keepdims=True)
    angle = choose(rng, cell.angle_by_nucleus, n) + normal(rng, n, 0.25)
    centre = cell.place(angle, uniform(rng, n, -0.6, 0.6), uniform(rng, n, -0.75, -0.3))[..., None]
    blob = centre + uniform(rng, (*n, 1), 0.35, 0.7) * normal(rng, (3, *n, points))
    angle, sin, rho = cell.locate(blob)
    blob = cell.place(angle, sin, np.minimum(rho, F32(-0.12)))
    weight = (np.arange(most) < count) * lognormal(rng, n, 0.3)
    return [Strands(blob.reshape(3, draws, -1, 1), np.repeat(weight, points, axis=1)[..., None])]


def lamin_b1(cell, draws, rng, points=1100, folds=2):
    """A patchy shell inside the nuclear surface, and folds across the nucleus."""
    angle, sin = uniform(rng, (draws, points), 0, TWO_PI), uniform(rng, (draws, points), -1, 1)
    shell = cell.place(angle, sin, F32(-0.04))
    patch = np.take_along_axis(smooth(rng, (draws,), 65, 3), (angle * F32(64 / TWO_PI)).astype(np.int32), axis=1)
    n = (draws, folds, 1)
    a, b = uniform(rng, n, 0, TWO_PI), uniform(rng, n, 1.2, 2.8)
    t = np.linspace(0, 1, 9, dtype=F32)
    height = uniform(rng, n, -0.3, 0.3) + 0 * t
    start, end = cell.place(a, height[..., :1], F32(-0.05)), cell.place(a + b, height[..., :1], F32(-0.05))
    fold = start + (end - start) * t
    angle, sin, rho = cell.locate(fold)
    fold = cell.place(angle, sin, np.minimum(rho, F32(-0.05)))
    present = (uniform(rng, n) < 0.4) * F32(4)
    return [Strands(shell[..., None], np.exp(0.25 * patch)[..., None]), Strands(fold, present)]


def sec61_beta(cell, draws, rng, tubules=170, envelope=450):
    """The nuclear envelope, and a mesh of short tubules around it, sparser towards the rim."""
    angle, sin = uniform(rng, (draws, envelope), 0, TWO_PI), uniform(rng, (draws, envelope), -1, 1)
    shell = cell.place(angle, sin, F32(0.03))
    angle, sin, rho = cell.locate(inside(rng, cell, (draws, tubules)))
    some = np.arange(tubules) % 3 > 0  # two thirds where the cytoplasm is wide
    angle[:, some] = choose(rng, cell.angle_by_extent, angle[:, some].shape)
    start = cell.place(angle, sin, np.maximum(rho, 0) * uniform(rng, rho.shape, 0.2, 1.0))
    mesh = walk(rng, cell, start, steps=3, step=0.9, persistence=0.3, low=0.03, high=0.93)
    return [Strands(shell[..., None], F32(0.30)), Strands(mesh, lognormal(rng, (draws, tubules, 1), 0.15))]


def tom20(cell, draws, rng, tubules=22):
    """Mitochondria: bent tubules of a few micrometres, mostly near the nucleus where the cytoplasm is wide."""
    angle, sin, rho = cell.locate(inside(rng, cell, (draws, tubules), spread=0.25))
    start = cell.place(angle, 0.6 * sin, np.maximum(rho, 0) * F32(0.8))
    paths = walk(rng, cell, start, steps=7, step=0.8, persistence=0.9, low=0.12, high=0.90, flatness=0.3)
    return [Strands(paths, lognormal(rng, (draws, tubules, 1), 0.3))]


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


_PROGRAMS = (alpha_actinin, alpha_tubulin, beta_actin, desmoplakin, fibrillarin)
_PROGRAMS += (lamin_b1, myosin_iib, sec61_beta, tom20, zo1)
PROGRAMS = {program.__name__.replace("_", "-"): program for program in _PROGRAMS}  # in the order of icell_tf.structures
