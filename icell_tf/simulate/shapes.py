"""Random solids of one cell: a domed cell and its nucleus, both star-shaped about the nucleus's centre.

As in Zhao & Murphy 2007 and Peng & Murphy 2011, a cell's surface is given by its distance from the nucleus in every
direction. Lengths are in micrometres. In the cell frame, the origin is under the nucleus's centre, x is along the
cell's major axis, and z is 0 on the substrate.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

ANGLES = 1024  # azimuths of the outlines
RAY_ANGLES, RAY_HEIGHTS = 256, 64  # directions of the radius tables; heights are uniform in sin(elevation)
MAX_REACH = 18.4  # of the outline from the nucleus's centre: half of a 38.4 µm frame, less a margin
MIN_SKEWNESS = 0.10
MIN_AXIS_RATIO = 1.15
MAX_NUCLEUS_SHARE = 0.90  # of the distance from the nucleus's centre to the cell's surface
TRIES = 10  # of nuclei in one outline
TWO_PI = np.float32(2 * np.pi)
GAUSS_NODES, GAUSS_WEIGHTS = (np.polynomial.legendre.leggauss(3) + np.array([[1.0], [0.0]])) / 2  # on [0, 1]
GAUSS_WEIGHTS = GAUSS_WEIGHTS * GAUSS_NODES  # of the area element along a radius


@dataclass(frozen=True, eq=False)
class Shape:
    """The solids of one cell and its pose in the stack; lengths in µm.

    Attributes:
      seed: the cell's number.
      cell_radius, nucleus_radius: (1024,) distance of the outlines from the nucleus's centre, by azimuth.
      height: of the dome above the nucleus's centre.
      edge: in (0, 1). The dome ends at a wall of height * sqrt(1 - edge^2).
      nucleus_z, nucleus_height: centre and half height of the nucleus.
      pose: (2, 2) rotation and flip, from the cell frame to the stack's (x, y).
    """

    seed: int
    cell_radius: np.ndarray
    nucleus_radius: np.ndarray
    height: float
    edge: float
    nucleus_z: float
    nucleus_height: float
    pose: np.ndarray

    @cached_property
    def rays(self):
        """Distances from the nucleus's centre to (nucleus, cell) surface, by azimuth and sin(elevation), flattened."""
        step = ANGLES // RAY_ANGLES
        sin = ((np.arange(RAY_HEIGHTS, dtype=np.float32) + 0.5) * (2 / RAY_HEIGHTS) - 1)[None, :]
        cos2 = 1 - sin**2
        r2, n2 = self.cell_radius[::step, None] ** 2, self.nucleus_radius[::step, None] ** 2
        nucleus = 1 / np.sqrt(cos2 / n2 + sin**2 / self.nucleus_height**2)
        # dome: (edge u)^2 + (z / height)^2 = 1, a quadratic in the distance along the ray
        a = self.edge**2 * cos2 / r2 + sin**2 / self.height**2
        b = self.nucleus_z * sin / self.height**2
        c = (self.nucleus_z / self.height) ** 2 - 1
        dome = (np.sqrt(b**2 - a * c) - b) / a
        wall = np.sqrt(r2 / cos2)
        floor = np.where(sin < 0, self.nucleus_z / np.maximum(-sin, 1e-6), np.inf)
        cell = np.minimum(np.minimum(dome, wall), floor)
        return nucleus.ravel(), cell.ravel()

    @cached_property
    def angle_by_area(self):
        """Table of azimuths, uniform in the area of the outline."""
        return _quantiles(self.cell_radius**2)

    @cached_property
    def angle_by_arc(self):
        """Table of azimuths, uniform in the length of the outline."""
        slope = np.roll(self.cell_radius, -1) - np.roll(self.cell_radius, 1)
        return _quantiles(np.hypot(self.cell_radius, slope * (ANGLES / (4 * np.pi))))

    @cached_property
    def angle_by_extent(self):
        """Table of azimuths, denser where the cytoplasm beside the nucleus is wide."""
        return _quantiles((self.cell_radius - self.nucleus_radius) ** 5)

    @cached_property
    def angle_by_nucleus(self):
        """Table of azimuths, denser at the ends of the nucleus."""
        return _quantiles(self.nucleus_radius**5)

    @property
    def wall_height(self):
        """Height of the lateral wall, where the apical junctions are."""
        return self.height * float(np.sqrt(1 - self.edge**2))

    def radius(self, angle):
        """Outline radius of the cell at azimuths of any shape."""
        return self.cell_radius[_bin(angle, ANGLES)]

    def top(self, u):
        """Height of the dome at the fraction u of the outline radius."""
        return self.height * np.sqrt(np.maximum(1 - (self.edge * u) ** 2, 0))

    def cylinder(self, angle, u, z):
        """Point (3, ...) at an azimuth, a fraction u of the outline radius and a height z."""
        r = self.radius(angle) * u
        x, y = r * np.cos(angle), r * np.sin(angle)
        return np.stack(np.broadcast_arrays(x, y, np.float32(z)))

    def place(self, angle, sin, rho):
        """Point (3, ...) in a direction at depth rho: -1 is the nucleus's centre, 0 its surface, 1 the cell's."""
        nucleus, cell = self._ray(angle, sin)
        r = nucleus * (1 + np.minimum(rho, 0)) + (cell - nucleus) * np.maximum(rho, 0)
        s = r * np.sqrt(1 - sin * sin)
        return np.stack((s * np.cos(angle), s * np.sin(angle), self.nucleus_z + r * sin))

    def locate(self, points):
        """Inverse of `place`: (angle, sin, rho) of points (3, ...)."""
        x, y, z = points
        z = z - np.float32(self.nucleus_z)
        r = np.sqrt(x * x + y * y + z * z) + np.float32(1e-6)
        angle, sin = np.arctan2(y, x), z / r
        nucleus, cell = self._ray(angle, sin)
        rho = np.where(r < nucleus, r / nucleus - 1, (r - nucleus) / (cell - nucleus))
        return angle, sin, rho

    def confine(self, points, low, high):
        """Moves points along their rays from the nucleus's centre to low <= rho <= high; 0 <= low < high <= 1."""
        x, y, z = points
        z0 = np.float32(self.nucleus_z)
        z = z - z0
        r = np.sqrt(x * x + y * y + z * z) + np.float32(1e-6)
        nucleus, cell = self._ray(np.arctan2(y, x), z / r)
        width = cell - nucleus
        factor = np.clip(r, nucleus + low * width, nucleus + high * width) / r
        return np.stack((x * factor, y * factor, z0 + z * factor))

    def heights(self, x, y):
        """Heights of the cell's top and the nucleus's bottom and top at x, y of the cell frame. NaN outside."""
        angle = np.arctan2(y, x)
        index = _bin(angle, ANGLES)
        r = np.hypot(x, y)
        u, v = r / self.cell_radius[index], r / self.nucleus_radius[index]
        top = np.where(u <= 1, self.top(u), np.nan)
        half = np.where(v <= 1, self.nucleus_height * np.sqrt(np.maximum(1 - v * v, 0)), np.nan)
        return top, self.nucleus_z - half, self.nucleus_z + half

    def _ray(self, angle, sin):
        index = _bin(angle, RAY_ANGLES) * RAY_HEIGHTS
        index += np.minimum(((sin + 1) * (RAY_HEIGHTS / 2)).astype(np.int32), RAY_HEIGHTS - 1)
        nucleus, cell = self.rays
        return nucleus[index], cell[index]


def sample_shape(seed):
    """Draws the solids of a cell. Args: integer, 0 or more. Returns: `Shape`, which depends on the seed alone.

    A cell that is nearly round or symmetric is drawn again, because it has no clear pose. So is a nucleus that does not
    fit.
    """
    rng = np.random.default_rng([seed, 0])
    while True:
        outline, r0 = _sample_outline(rng)
        for _ in range(TRIES):
            shape = _sample_solids(rng, seed, outline, r0)
            if shape is not None:
                return shape


def _sample_solids(rng, seed, outline, r0):
    """Returns a `Shape` with a random nucleus at a random place in an outline, or None if it doesn't fit."""
    low, high = outline.min(0), outline.max(0)
    outline = outline - low - (high - low) * (0.15 + 0.7 * rng.beta(0.5, 0.5, 2))  # seldom in the middle
    distance = np.hypot(*outline.T)
    if distance.max() > MAX_REACH or distance.min() < 0.4 * r0**0.75:  # too little for the smallest nucleus
        return None
    cell_radius = _polar(outline)
    if cell_radius is None:
        return None
    nucleus_radius = _sample_nucleus(rng, r0)
    if (nucleus_radius > MAX_NUCLEUS_SHARE * cell_radius).any():
        return None
    height = float(np.clip(8.5 * np.exp(0.15 * rng.standard_normal()), 6.0, 12.0))
    nucleus_height = height * float(rng.uniform(0.30, 0.38))
    shape = Shape(
        seed=seed,
        cell_radius=cell_radius.astype(np.float32),
        nucleus_radius=nucleus_radius.astype(np.float32),
        height=height,
        edge=float(rng.uniform(0.75, 0.95)),
        nucleus_z=nucleus_height + float(rng.uniform(0.5, 1.2)),
        nucleus_height=nucleus_height,
        pose=_sample_pose(rng),
    )
    nucleus, cell = shape.rays
    return shape if (nucleus < MAX_NUCLEUS_SHARE * cell).all() else None


def _sample_outline(rng):
    """Outline (128, 2) of a cell in its principal frame, and its equivalent radius: a bent, tapered, rough ellipse."""
    t = np.arange(128) * (2 * np.pi / 128)
    k = np.arange(2, 8)[:, None]
    while True:
        r0 = 9.3 * np.exp(0.25 * max(rng.standard_normal(), -1.6))
        root = np.sqrt(1.15 + 1.9 * rng.beta(1.3, 2))
        taper, bend = rng.uniform(0.2, 0.55, 2) * rng.choice([-1.0, 1.0], 2)
        phase = rng.uniform(0, 2 * np.pi, (6, 1))
        radius = 1 + (0.16 / k * rng.standard_normal((6, 1)) * np.cos(k * t + phase)).sum(0)
        x, y = np.cos(t) * radius, np.sin(t) * radius
        y = y * (1 + taper * x) + bend * (x * x - 0.25)
        outline, ratio, skewness = _principal(np.stack((r0 * root * x, r0 / root * y), -1))
        if ratio >= MIN_AXIS_RATIO and np.abs(skewness).min() >= MIN_SKEWNESS:
            return outline, r0


def _sample_nucleus(rng, r0):
    """Outline radius (1024,) of a nucleus in a cell of equivalent radius r0: a rough ellipse along the cell's axis."""
    t = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    radius = 0.9 * r0**0.75 * rng.uniform(0.68, 1.28)
    root = np.sqrt(rng.uniform(1.05, 2.0))
    s = t - np.deg2rad(40) * rng.standard_normal()
    k = np.arange(2, 5)[:, None]
    rough = (0.07 / k * rng.standard_normal((3, 1)) * np.cos(k * t + rng.uniform(0, 2 * np.pi, (3, 1)))).sum(0)
    return radius * (1 + rough) / np.sqrt((np.cos(s) / root) ** 2 + (np.sin(s) * root) ** 2)


def _sample_pose(rng):
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]]) @ np.diag([1.0, rng.choice([-1.0, 1.0])])


def _principal(outline):
    """Returns the outline in its principal axes about its centroid; their ratio; the area's skewness along them."""
    following = np.roll(outline, -1, axis=0)
    area = outline[:, 0] * following[:, 1] - outline[:, 1] * following[:, 0]
    points = ((outline + following) / 2 * GAUSS_NODES[:, None, None]).reshape(-1, 2)
    weights = (area * GAUSS_WEIGHTS[:, None]).ravel() / (area.sum() * GAUSS_WEIGHTS.sum())
    centroid = weights @ points
    points = points - centroid
    variances, axes = np.linalg.eigh((points * weights[:, None]).T @ points)
    axes = axes[:, ::-1]
    skewness = weights @ (points @ axes) ** 3 / variances[::-1] ** 1.5
    return (outline - centroid) @ axes, np.sqrt(variances[1] / variances[0]), skewness


def _polar(outline):
    """Returns the radius (1024,) by azimuth about the origin, or None if the outline is not star-shaped about it."""
    angle = np.unwrap(np.arctan2(outline[:, 1], outline[:, 0]))
    if angle[-1] < angle[0]:
        angle, outline = -np.unwrap(-angle[::-1]), outline[::-1]
    if (np.diff(angle) <= 0).any() or abs(angle[-1] - angle[0] - 2 * np.pi) > 0.5:
        return None
    grid = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    return np.interp(grid, angle, np.hypot(*outline.T), period=2 * np.pi)


def _quantiles(density):
    """Inverse cumulative distribution (1024,) of an azimuth with a given density."""
    cumulative = np.concatenate(([0.0], np.cumsum(density)))
    levels = (np.arange(ANGLES) + 0.5) / ANGLES * cumulative[-1]
    grid = np.arange(ANGLES + 1) * (2 * np.pi / ANGLES)
    return np.interp(levels, cumulative, grid).astype(np.float32)


def _bin(angle, count):
    return (angle * (count / TWO_PI) + (64 * count + 0.5)).astype(np.int32) & (count - 1)
