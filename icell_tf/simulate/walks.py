"""Random points and walks in a cell, for many draws at once. Points are (3, draws, strands[, n]) in the cell frame."""

import numpy as np

F32 = np.float32


def uniform(rng, shape, low=0.0, high=1.0):
    """Uniform float32 numbers."""
    return rng.random(shape, dtype=F32) * F32(high - low) + F32(low)


def normal(rng, shape, sigma=1.0):
    """Normal float32 numbers."""
    return rng.standard_normal(shape, dtype=F32) * F32(sigma)


def lognormal(rng, shape, sigma):
    """Positive float32 numbers with median 1."""
    return np.exp(normal(rng, shape, sigma))


def choose(rng, table, shape):
    """Random entries of a table, all equally likely."""
    return table[rng.integers(len(table), size=shape, dtype=np.int32)]


def inside(rng, cell, shape, power=0.5, spread=None):
    """Points in the cell: uniform in volume for power 0.5, nearer to its middle for more, to its sides for less.

    With a spread, their directions are those in which the cytoplasm is wide, plus normal noise of so many radians.
    """
    u = uniform(rng, shape) ** F32(power)
    if spread is None:
        angle = choose(rng, cell.angle_by_area, shape)
    else:
        angle = choose(rng, cell.angle_by_extent, shape) + normal(rng, shape, spread)
    return cell.cylinder(angle, u, uniform(rng, shape) * cell.top(u))


def walk(rng, cell, start, steps, step, persistence, low, high, flatness=0.5):
    """Persistent random walks within a range of depths in the cytoplasm: 0 is the nucleus, 1 the cell's surface.

    Args:
      start: (3, draws, strands), µm.
      steps: number of steps of each walk.
      step: length of a step, µm.
      persistence: correlation between the directions of successive steps, in [0, 1].
      low, high: bounds of the depth.
      flatness: ratio of vertical steps to horizontal ones.

    Returns: (3, draws, strands, steps + 1).
    """
    noise = normal(rng, (steps, *start.shape))
    noise[:, 2] *= F32(flatness)
    fresh = F32(np.sqrt(1 - persistence**2))
    position = cell.confine(start, low, high)
    direction, path = noise[0], [position]
    for kick in noise:
        direction = F32(persistence) * direction + fresh * kick
        length = np.sqrt((direction * direction).sum(0)) + F32(1e-6)
        position = cell.confine(position + direction * (F32(step) / length), low, high)
        path.append(position)
    return np.stack(path, axis=-1)


def smooth(rng, shape, n, harmonics, decay=1.0):
    """Random periodic curves with unit variance: (*shape, n). The last point equals the first."""
    k = np.arange(1, harmonics + 1, dtype=F32)
    phase = np.outer(k, np.linspace(0, 2 * np.pi, n)).astype(F32)
    amplitude = k**-decay
    amplitude = (amplitude / np.sqrt((amplitude**2).sum())).astype(F32)
    cos, sin = normal(rng, (2, *shape, harmonics)) * amplitude
    return cos @ np.cos(phase) + sin @ np.sin(phase)
