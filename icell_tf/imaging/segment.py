"""A classical segmentation of a field of view, for a start where there are no label images: nuclei, then cells.

Nuclei are what is brighter than Otsu's threshold in the DNA channel, divided at their waists. Cells are grown from the
nuclei by watershed until they meet in the membrane channel's ridges. Both work in the plane: a 3D stack is projected
first, and its labels hold for all planes, which suits a monolayer and nothing thicker. Cells without a membrane label,
and nuclei that overlap in the projection, are beyond it: use a trained segmenter there (Cellpose, StarDist, the Allen
Cell Segmenter). All lengths are in µm, so the pixel size doesn't matter while a nucleus has some ten pixels across.
"""

import numpy as np
from scipy import ndimage
from skimage import filters, measure, morphology, segmentation

NUCLEUS_DIAMETER = 12.0  # µm; hiPSC nuclei
_MIN_NUCLEUS_PIXELS = 6  # across
_SMALLEST_AREA, _SMALLEST_AT_EDGE = 0.1, 0.01  # of a typical nucleus; what is smaller is debris
_COARSE = 60  # pixels across a typical nucleus are enough to tell how many there are
_WALL = 0.5  # of the ridges' height above the rest: what lies behind such a wall is not of the same cell


def segment_nuclei(dna, scale, diameter: float = NUCLEUS_DIAMETER) -> np.ndarray:
    """Finds nuclei in the DNA channel.

    Args:
      dna: (Y, X), or (Z, Y, X), which is maximum-projected.
      scale: (y, x), µm per pixel.
      diameter: of a typical nucleus, µm; it sets how much is smoothed, divided and left out.

    Returns:
      (Y, X) int32 labels from 1; 0 is background.

    Raises:
      ValueError: a nucleus of this diameter has too few pixels, or none was found.
    """
    _check(scale, diameter)
    dna = np.asarray(dna)
    plane = (dna.max(axis=0) if dna.ndim == 3 else dna).astype(np.float32)
    smooth = _gaussian(plane, diameter / 30, scale)
    logarithm = np.log(np.maximum(smooth - np.percentile(smooth, 0.1), 1))  # bright nuclei don't hide dim ones
    if np.ptp(logarithm) == 0:
        raise ValueError("the nucleus channel is the same everywhere: no nuclei can be found in it.")
    foreground = _opened(logarithm > filters.threshold_otsu(logarithm), diameter / 8, scale)
    depth = _gaussian(ndimage.distance_transform_edt(foreground, scale), diameter / 30, scale)
    tops = _on_coarse_pixels(lambda depth: morphology.h_maxima(depth, diameter / 24), diameter, scale, depth)
    nuclei = segmentation.watershed(-depth, measure.label(tops), mask=foreground)
    nuclei = measure.label(_tightened(nuclei, plane, diameter, scale))  # a nucleus that fell apart is several
    nuclei = _without_debris(nuclei, diameter, scale)
    if not nuclei.any():
        raise ValueError(
            f"no nuclei of about {diameter:g} µm were found: check the nucleus channel (--channels), the pixel size "
            "(--pixel_size) and --nucleus_diameter."
        )
    return segmentation.relabel_sequential(nuclei)[0].astype(np.int32)


def segment_cells(membrane, nuclei, scale, diameter: float = NUCLEUS_DIAMETER) -> np.ndarray:
    """Grows cells from their nuclei up to the ridges of the membrane channel.

    What is walled off by membrane and has no nucleus, be it background or a cell whose nucleus lies in another plane,
    belongs to no cell.

    Args:
      membrane: (Y, X), or (Z, Y, X), which is averaged over z: a maximum would show the membrane above the cells.
      nuclei: (Y, X) or (Z, Y, X) labels.
      scale: (y, x), µm per pixel.
      diameter: of a typical nucleus, µm.

    Returns:
      (Y, X) int32: each cell has the label of its nucleus; 0 is background.

    Raises:
      ValueError: there are no nuclei, the shapes differ, or a nucleus of this diameter has too few pixels.
    """
    _check(scale, diameter)
    membrane, nuclei = np.asarray(membrane), np.asarray(nuclei)
    nuclei = (nuclei.max(axis=0) if nuclei.ndim == 3 else nuclei).astype(np.int32)
    plane = membrane.mean(axis=0) if membrane.ndim == 3 else membrane
    if plane.shape != nuclei.shape or not nuclei.any():
        raise ValueError(f"expected nuclei in a plane of {plane.shape}, found {nuclei.max()} in {nuclei.shape}.")
    ridges = _gaussian(plane.astype(np.float32), diameter / 40, scale)
    lowest, middle = np.percentile(ridges, (0.1, 50))
    # The logarithm, because faint ridges count beside bright ones.
    ridges = np.log(np.maximum(ridges - lowest, 0) + max(middle - lowest, 1e-6))
    empty = measure.label(_on_coarse_pixels(_walled_off, diameter, scale, ridges, nuclei))
    inner = np.where(_depth(nuclei, scale) > diameter / 12, nuclei, 0)  # nuclei that touch leave room for a membrane
    lost = np.setdiff1d(nuclei, inner)
    inner = np.where(np.isin(nuclei, lost), nuclei, inner)
    cells = segmentation.watershed(ridges, np.where(empty > 0, empty + nuclei.max(), inner))
    return np.where(cells > nuclei.max(), 0, cells).astype(np.int32)


def _check(scale, diameter):
    pixels = diameter / max(scale)
    if not pixels >= _MIN_NUCLEUS_PIXELS:
        raise ValueError(
            f"a nucleus of {diameter:g} µm has {pixels:.1f} pixels across at {max(scale):g} µm per pixel; at least "
            f"{_MIN_NUCLEUS_PIXELS} are needed to segment it. Check --pixel_size and --nucleus_diameter (µm)."
        )


def _gaussian(plane, sigma, scale):
    """Smooths with a sigma in µm."""
    return ndimage.gaussian_filter(plane, [sigma / s for s in scale])


def _opened(mask, radius, scale):
    """Fills holes, and opens with a disc of a radius in µm."""
    core = ndimage.distance_transform_edt(ndimage.binary_fill_holes(mask), scale) > radius
    return ndimage.distance_transform_edt(~core, scale) <= radius if core.any() else core


def _tightened(nuclei, plane, diameter, scale):
    """Draws each nucleus in to where it is half as bright as in its middle, above the background, and smooths it."""
    smooth = _gaussian(plane, diameter / 60, scale)
    background = np.median(smooth[nuclei == 0]) if (nuclei == 0).any() else smooth.min()
    middles = np.atleast_1d(ndimage.median(smooth, nuclei, np.arange(nuclei.max() + 1)))
    tight = (nuclei > 0) & (smooth > ((middles + background) / 2)[nuclei])
    return np.where(_opened(tight, diameter / 16, scale), nuclei, 0)


def _without_debris(nuclei, diameter, scale):
    """Takes out what is too small; at the picture's edge, where most of a nucleus may be cut off, only specks."""
    limits = np.full(nuclei.max() + 1, _SMALLEST_AREA)
    limits[np.concatenate([nuclei[0], nuclei[-1], nuclei[:, 0], nuclei[:, -1]])] = _SMALLEST_AT_EDGE
    areas = np.bincount(nuclei.ravel()) * np.prod(scale)
    return np.where((areas < limits * np.pi * diameter**2 / 4)[nuclei], 0, nuclei)


def _depth(labels, scale):
    """Distance of each labelled pixel from the edge of its label, µm; the picture's own edge is none."""
    edges = segmentation.find_boundaries(labels, mode="inner") | (labels == 0)
    return ndimage.distance_transform_edt(~edges, scale) if edges.any() else np.full(labels.shape, np.inf)


def _walled_off(ridges, nuclei):
    """Finds the bottoms of the basins without nucleus from which every way to a nucleus climbs over a wall."""
    height = _WALL * (np.percentile(ridges, 95) - np.median(ridges))
    if not height > 0:
        return np.zeros(nuclei.shape, bool)
    basins = measure.label(morphology.h_minima(np.where(nuclei > 0, ridges.min() - 1, ridges), height))
    return (basins > 0) & ~np.isin(basins, np.unique(basins[nuclei > 0]))


def _on_coarse_pixels(find, diameter, scale, *planes):
    """Calls find(*planes) on every n-th pixel, which is n² times as fast, and brings what it finds back to all."""
    steps = [max(1, int(diameter / _COARSE / s)) for s in scale]
    found = find(*(plane[:: steps[0], :: steps[1]] for plane in planes))
    rows, columns = (np.arange(size) // step for size, step in zip(planes[0].shape, steps, strict=True))
    return np.asarray(found)[np.ix_(rows, columns)]
