"""A classical segmentation of a field of view, as a start without label images: nuclei, then cells.

Nuclei are the regions above Otsu's threshold in the DNA channel, divided at their waists. Cells grow from the nuclei by
watershed up to the ridges of the membrane channel. Both work in the plane: a 3D stack is projected first, and its
labels hold for all planes, which suits a monolayer and nothing thicker. It fails for cells without a membrane label and
for nuclei that overlap in the projection: use a trained segmenter there (Cellpose, StarDist, the Allen Cell Segmenter).
All lengths are in µm, so the pixel size doesn't matter as long as a nucleus has some ten pixels across; and intensities
count relative to their range, so their unit and offset don't matter either.
"""

import numpy as np
from scipy import ndimage
from skimage import filters, measure, morphology, segmentation

from icell_tf.imaging.frame.no_data import filled_plane

NUCLEUS_DIAMETER = 12.0  # µm; hiPSC nuclei
_MIN_NUCLEUS_PIXELS = 6  # across
_SMALLEST_AREA, _SMALLEST_AT_EDGE = 0.1, 0.01  # of a typical nucleus; smaller regions are debris
_COARSE = 60  # pixels across a typical nucleus, enough to count nuclei
_FLOOR = 1 / 1000  # of the range of intensities; darker pixels count as equally dark
_NUCLEAR_SHARE = 0.03  # of the area between membranes: nuclei fill at least this share if it belongs to cells


def segment_nuclei(dna, scale, diameter: float = NUCLEUS_DIAMETER, no_data=None) -> np.ndarray:
    """Finds nuclei in the DNA channel.

    Args:
      dna: (Y, X), or (Z, Y, X), which is maximum-projected.
      scale: (y, x), µm per pixel.
      diameter: of a typical nucleus, µm; smoothing, division and the limit for debris depend on it.
      no_data: (Z, Y, X) bool, as `find_no_data` returns it, or None: pixels that are neither nucleus nor background.

    Returns: (Y, X) int32 labels from 1; 0 is background.
    Raises: ValueError: a nucleus of this diameter has too few pixels, or none was found.
    """
    _check(scale, diameter)
    plane, known = filled_plane(_stack(dna), no_data, np.max)
    smooth = _gaussian(plane, diameter / 30, scale)
    darkest, brightest = _percentiles(smooth[known], 0.1, 99.9)
    if not brightest > darkest:
        raise ValueError("the nucleus channel is the same everywhere: no nuclei can be found in it.")
    # The logarithm, so that bright nuclei don't hide dim ones.
    logarithm = np.log(np.maximum(smooth - darkest, _FLOOR * (brightest - darkest)))
    foreground = _opened((logarithm > filters.threshold_otsu(logarithm[known])) & known, diameter / 8, scale)
    depth = _gaussian(ndimage.distance_transform_edt(foreground, scale), diameter / 30, scale)
    tops = _on_coarse_pixels(_tops, [depth], diameter, scale)
    nuclei = segmentation.watershed(-depth, measure.label(tops), mask=foreground)
    nuclei = measure.label(_tightened(nuclei, plane, known, diameter, scale))  # a nucleus may have become several
    nuclei = _without_debris(nuclei, diameter, scale)
    if not nuclei.any():
        raise ValueError(
            f"no nuclei of about {diameter:g} µm were found: check the nucleus channel (--channels), the pixel size "
            "(--pixel_size) and --nucleus_diameter."
        )
    return segmentation.relabel_sequential(nuclei)[0].astype(np.int32)


def segment_cells(membrane, nuclei, scale, diameter: float = NUCLEUS_DIAMETER, no_data=None) -> np.ndarray:
    """Grows cells from their nuclei up to the ridges of the membrane channel.

    A region between the ridges belongs to no cell if it is as large as a nucleus and nuclei fill less than 3% of it: it
    is the ground between isolated cells, or a cell whose nucleus lies in another plane.

    Args:
      membrane: (Y, X), or (Z, Y, X), which is averaged over z: a maximum would show the membrane above the cells.
      nuclei: (Y, X) or (Z, Y, X) labels.
      scale: (y, x), µm per pixel.
      diameter: of a typical nucleus, µm.
      no_data: (Z, Y, X) bool, as `find_no_data` returns it, or None: pixels that belong to no cell.

    Returns: (Y, X) int32: each cell has the label of its nucleus; 0 is background.
    Raises: ValueError: there are no nuclei, the shapes differ, or a nucleus of this diameter has too few pixels.
    """
    _check(scale, diameter)
    nuclei = np.asarray(nuclei)
    nuclei = (nuclei.max(axis=0) if nuclei.ndim == 3 else nuclei).astype(np.int32)
    plane, known = filled_plane(_stack(membrane), no_data, np.mean)
    if plane.shape != nuclei.shape or not nuclei.any():
        raise ValueError(f"expected nuclei in a plane of {plane.shape}, found {nuclei.max()} in {nuclei.shape}.")
    ridges = _gaussian(plane, diameter / 40, scale)
    lowest, middle, high = _percentiles(ridges[known], 0.1, 50, 99)
    if not high > lowest:
        raise ValueError("the membrane channel is the same everywhere: no cells can be found in it.")
    # The logarithm, so that faint ridges count beside bright ones.
    ridges = np.log(np.maximum(ridges - lowest, 0) + max(middle - lowest, 0.1 * (high - lowest)))
    empty = _on_coarse_pixels(_without_nuclei, [ridges, nuclei, known], diameter, scale) | ~known
    inner = np.where(_depth(nuclei, scale) > diameter / 12, nuclei, 0)  # nuclei that touch leave room for a membrane
    lost = np.setdiff1d(nuclei, inner)
    inner = np.where(np.isin(nuclei, lost), nuclei, inner)
    return segmentation.watershed(ridges, inner, mask=~empty).astype(np.int32)


def _check(scale, diameter):
    pixels = diameter / max(scale)
    if not pixels >= _MIN_NUCLEUS_PIXELS:
        raise ValueError(
            f"a nucleus of {diameter:g} µm has {pixels:.1f} pixels across at {max(scale):g} µm per pixel; at least "
            f"{_MIN_NUCLEUS_PIXELS} are needed to segment it. Check --pixel_size and --nucleus_diameter (µm)."
        )


def _percentiles(values, *percents):
    """Returns percentiles, ascending; in place of the last the maximum if nearly all pixels are equally dark."""
    *lower, high = np.percentile(values, percents)
    return (*lower, high if high > lower[0] else values.max())


def _stack(channel):
    """Returns a plane, or planes, as planes."""
    channel = np.asarray(channel)
    return channel if channel.ndim == 3 else channel[None]


def _gaussian(plane, sigma, scale):
    """Smooths with a sigma in µm."""
    return ndimage.gaussian_filter(plane, [sigma / s for s in scale])


def _opened(mask, radius, scale):
    """Fills holes, and opens with a disc of a radius in µm."""
    core = ndimage.distance_transform_edt(ndimage.binary_fill_holes(mask), scale) > radius
    return ndimage.distance_transform_edt(~core, scale) <= radius if core.any() else core


def _tightened(nuclei, plane, known, diameter, scale):
    """Shrinks each nucleus to the part above half the brightness of its middle over the background, and smooths it."""
    smooth = _gaussian(plane, diameter / 60, scale)
    ground = (nuclei == 0) & known
    background = np.median(smooth[ground]) if ground.any() else smooth.min()
    middles = np.atleast_1d(ndimage.median(smooth, nuclei, np.arange(nuclei.max() + 1)))
    tight = (nuclei > 0) & (smooth > ((middles + background) / 2)[nuclei])
    return np.where(_opened(tight, diameter / 16, scale), nuclei, 0)


def _without_debris(nuclei, diameter, scale):
    """Removes what is too small; at the picture's edge, which may cut off most of a nucleus, removes only specks."""
    limits = np.full(nuclei.max() + 1, _SMALLEST_AREA)
    limits[np.concatenate([nuclei[0], nuclei[-1], nuclei[:, 0], nuclei[:, -1]])] = _SMALLEST_AT_EDGE
    areas = np.bincount(nuclei.ravel()) * np.prod(scale)
    return np.where((areas < limits * np.pi * diameter**2 / 4)[nuclei], 0, nuclei)


def _depth(labels, scale):
    """Returns each labelled pixel's distance from the edge of its label, µm; the picture's own edge doesn't count."""
    edges = segmentation.find_boundaries(labels, mode="inner") | (labels == 0)
    return ndimage.distance_transform_edt(~edges, scale) if edges.any() else np.full(labels.shape, np.inf)


def _without_nuclei(ridges, nuclei, known, diameter, scale):
    """Finds what belongs to no cell: regions between the ridges as large as a nucleus, with few nuclei in them."""
    dark = ridges < filters.threshold_otsu(ridges[known])
    regions = measure.label((dark & known) | (nuclei > 0), connectivity=1)
    areas = np.bincount(regions.ravel())
    shares = np.bincount(regions.ravel(), nuclei.ravel() > 0) / np.maximum(areas, 1)
    empty = (areas * np.prod(scale) > np.pi * diameter**2 / 4) & (shares < _NUCLEAR_SHARE)
    empty[0] = False
    return empty[regions] & (nuclei == 0)


def _on_coarse_pixels(find, planes, diameter, scale):
    """Calls find(*planes, diameter, scale) on every n-th pixel, n² times as fast; enlarges its (Y, X) to all pixels."""
    steps = [max(1, int(diameter / _COARSE / s)) for s in scale]
    coarse = tuple(s * step for s, step in zip(scale, steps, strict=True))
    found = find(*(plane[:: steps[0], :: steps[1]] for plane in planes), diameter, coarse)
    rows, columns = (np.arange(size) // step for size, step in zip(planes[0].shape, steps, strict=True))
    return np.asarray(found)[np.ix_(rows, columns)]


def _tops(depth, diameter, scale):
    """Marks the deepest points of nuclei; two points are two nuclei if the waist between them is narrow enough."""
    return morphology.h_maxima(depth, diameter / 24)
