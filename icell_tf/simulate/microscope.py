"""The microscope: strands of fluorophores in a voxel grid, blurred by the point-spread function, with noise.

Lengths are in micrometres. Volumes are float32 arrays (draws, Z, Y, X).
"""

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

PSF_SIGMA_Z, PSF_SIGMA_XY = 0.55, 0.17  # about those of a spinning disk with a 1.25 NA water objective
VOXEL_BLUR = 0.5  # in voxels, added in quadrature, because a pixel integrates over its area
MARGIN = 1.6  # around the cell, in x and y
CAMERA_OFFSET, GAIN, READ_NOISE = 100.0, 1.5, 3.0  # counts, counts a photon, counts
PHOTONS = 180.0  # of the brightest voxel, typically
MAX_VOXELS = 1 << 20  # in the volumes that are rasterized at once


class Strands(NamedTuple):
    """Polylines in the cell frame; a strand of one vertex is a point.

    Attributes:
      vertices: (3, draws, strands, n).
      weights: fluorophores a segment, or a point, broadcast to (draws, strands, max(n - 1, 1)).
    """

    vertices: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxels of a stack: shape (Z, Y, X), scale (z, y, x) in µm a voxel, origin (x, y, z) of voxel 0 in µm.

    `psf_sigma_z`, µm, is the microscope's blur along z with which the stack is made.
    """

    shape: tuple
    scale: tuple
    origin: np.ndarray
    psf_sigma_z: float = PSF_SIGMA_Z

    def crop(self, mask):
        """Returns the part of the grid around a mask (Z, Y, X), as a Grid, and its slices along z, y and x."""
        window = []
        for axis in range(3):
            present = np.flatnonzero(mask.any(tuple(i for i in range(3) if i != axis)))
            window.append(slice(int(present[0]), int(present[-1]) + 1))
        start = np.array([w.start * s for w, s in zip(window, self.scale, strict=True)])
        origin = self.origin + start[::-1]
        return dataclasses.replace(self, shape=mask[tuple(window)].shape, origin=origin), tuple(window)

    def voxels(self, shape, points):
        """Returns points (3, ...) of the cell frame as voxel coordinates (x, y, z), each (...,)."""
        (a, b), (c, d) = shape.pose.tolist()
        x, y, z = points
        dz, dy, dx = self.scale
        ox, oy, oz = self.origin.tolist()
        return x * (a / dx) + y * (b / dx) - ox / dx, x * (c / dy) + y * (d / dy) - oy / dy, z * (1 / dz) - oz / dz


def make_grid(shape, pixel_size, depth=None):
    """Returns the smallest stack around a cell in its pose, for a frame of a pixel size.

    In x and y, voxels are a little finer than the frame's pixels, but at least the microscope's 0.108 µm. They are 1.5
    times as thick, or a little finer than the frame's depth. The cell is shifted by a random fraction of a voxel.

    Args: `Shape`; pixel_size and depth, None for a frame in 2D, in µm. Returns: `Grid`.
    """
    xy = max(0.9 * pixel_size, 0.108)
    z = 1.5 * xy if depth is None else min(1.5 * xy, max(0.9 * depth, 0.108))
    return fit_grid(shape, (z, xy, xy), np.random.default_rng([shape.seed, 1]).uniform(size=3))


def fit_grid(shape, scale, shift):
    """Smallest stack around a cell: `Grid`. Args: `Shape`; (z, y, x) in µm; shift of the cell, (x, y, z) in voxels."""
    angle = np.arange(shape.cell_radius.size) * (2 * np.pi / shape.cell_radius.size)
    x, y = shape.pose @ (shape.cell_radius * np.stack((np.cos(angle), np.sin(angle))))
    low = np.array([x.min() - MARGIN, y.min() - MARGIN, -scale[0]])
    high = np.array([x.max() + MARGIN, y.max() + MARGIN, shape.height + scale[0]])
    step = np.array(scale[::-1])
    origin = low - shift * step
    count = np.ceil((high - origin) / step).astype(int) + 1
    return Grid(shape=tuple(count[::-1].tolist()), scale=scale, origin=origin)


def masks(shape, grid):
    """Returns the solids of cell and nucleus: two bool arrays (Z, Y, X)."""
    nz, ny, nx = grid.shape
    dz, dy, dx = grid.scale
    plane = np.stack(np.meshgrid(np.arange(nx) * dx + grid.origin[0], np.arange(ny) * dy + grid.origin[1]))
    x, y = np.einsum("ij,jyx->iyx", shape.pose.T, plane)
    top, bottom, roof = shape.heights(x, y)
    z = (np.arange(nz) * dz + grid.origin[2])[:, None, None]
    return (z >= 0) & (z <= top), (z >= bottom) & (z <= roof)


def rasterize(shape, grid, strands, draws):
    """Counts fluorophores in voxels. Args: strands, a list of `Strands`. Returns: (draws, Z, Y, X) float32."""
    nz, ny, nx = grid.shape
    size = nz * ny * nx
    spacing = 0.65 * grid.scale[2]
    indices, weights = [], []
    for vertices, weight in strands:
        coordinates = grid.voxels(shape, vertices)
        if vertices.shape[-1] > 1:
            coordinates, weight = _subdivide(coordinates, weight, grid.scale, spacing)
        x, y, z = (np.clip(c + 0.5, 0, n - 1).astype(np.int32) for c, n in zip(coordinates, (nx, ny, nz), strict=True))
        index = (z * ny + y) * nx + x
        index += (np.arange(draws, dtype=np.int32) * size).reshape(draws, *(1,) * (index.ndim - 1))
        indices.append(index.ravel())
        weights.append(np.broadcast_to(weight, index.shape).ravel())
    volume = np.bincount(np.concatenate(indices), np.concatenate(weights), draws * size)
    return volume.astype(np.float32).reshape(draws, nz, ny, nx)


def _subdivide(coordinates, weight, scale, spacing):
    """Points along the segments, equally many on each; and weights: each segment's by its length in micrometres."""
    starts = [c[..., :-1] for c in coordinates]
    steps = [c[..., 1:] - c[..., :-1] for c in coordinates]
    length = np.sqrt(sum((d * s) ** 2 for d, s in zip(steps, scale[::-1], strict=True)))
    count = max(1, int(np.ceil(length.mean() / spacing)))
    t = ((np.arange(count) + 0.5) / count).astype(np.float32)
    points = [c[..., None] + d[..., None] * t for c, d in zip(starts, steps, strict=True)]
    return points, (weight * length / count)[..., None]


def render(shape, grid, strands, draws):
    """Returns strands as the microscope sees them, blurred, of any brightness. Args: as of `rasterize`."""
    return blur(rasterize(shape, grid, strands, draws), grid.scale, grid.psf_sigma_z)


def blur(volume, scale, sigma_z=PSF_SIGMA_Z):
    """Blurs (draws, Z, Y, X) by the point-spread function, an anisotropic Gaussian.

    Args: scale (z, y, x) in µm; its standard deviation along z in µm.
    """
    n, nz, ny, nx = volume.shape
    gz = _kernel(nz, sigma_z / scale[0])
    gy = _kernel(ny, PSF_SIGMA_XY / scale[1])
    gx = _kernel(nx, PSF_SIGMA_XY / scale[2])
    volume = np.matmul(gz, volume.reshape(n, nz, ny * nx)).reshape(n * nz, ny, nx)
    return np.matmul(gy, volume.reshape(-1, nx).dot(gx).reshape(-1, ny, nx)).reshape(n, nz, ny, nx)


@lru_cache(maxsize=256)
def _kernel(size, sigma):
    """Blurring matrix (size, size), sigma in voxels. It is cut off, because denormal numbers are slow."""
    variance = sigma**2 + VOXEL_BLUR**2
    reach = int(np.ceil(4 * np.sqrt(variance)))
    profile = np.exp(-0.5 * np.arange(-reach, reach + 1) ** 2 / variance)
    profile = np.concatenate((np.zeros(size), profile / profile.sum(), np.zeros(size)))
    index = np.arange(size)
    return profile[index[:, None] - index + size + reach].astype(np.float32)


def expose(signal, rng):
    """Takes a channel with the camera.

    Brightness and background are random for each channel and independent of what is in it.

    Args: signal, (Z, Y, X) in [0, 1]. Returns: counts uint16 (Z, Y, X), and the expected counts without a signal.
    """
    photons, background = PHOTONS * np.exp(0.35 * rng.standard_normal()), rng.uniform(2, 8)
    return capture(signal, photons, background, rng), CAMERA_OFFSET + GAIN * background


def capture(signal, photons, background, rng):
    """Counts uint16 (Z, Y, X) of a signal in [0, 1]. Args: photons where the signal is 1, and of the background."""
    counts = rng.poisson(photons * signal + background) * GAIN
    counts += CAMERA_OFFSET + READ_NOISE * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)
