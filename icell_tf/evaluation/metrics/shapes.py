"""Outlines and shapes of cells in planes, of noisy real ones and of smooth generated ones alike."""

import math

import numpy as np
from scipy import ndimage
from skimage import filters, measure

from icell_tf.spec import MEMBRANE, NUCLEUS

SMOOTHING = 64  # an image is smoothed by a 64th of its longest side before the threshold: one pixel of 64
SHAPES = {
    "cell_area": "area of the cell, in µm²",
    "nucleus_area": "area of the nucleus, in µm²",
    "cell_eccentricity": "eccentricity of the cell, 0 for a circle",
    "nucleus_to_cell": "area of the nucleus over that of the cell",
    "fragments": "part of the cell's area that isn't connected with it",
}


def measure_shapes(planes, spec):
    """Measures the cell and the nucleus in each plane; of volumes, in their maximum along z.

    Areas count pixels of the spec's size. The eccentricity is that in pixels.

    Args:
      planes: (N, Y, X, C) uint8, of `CellSpec.plane`.
      spec: their `CellSpec`.

    Returns: {name in SHAPES: (N,)}, NaN where no cell or no nucleus can be seen.
    """
    channels = [spec.channel(planes, name) for name in (MEMBRANE, NUCLEUS)]
    if any(channel is None for channel in channels):
        return {name: np.full(len(planes), np.nan) for name in SHAPES}
    area = math.prod(spec.plane_pixel_size)
    rows = [_measure(*outlined, area) for outlined in zip(*channels, strict=True)]
    return {name: np.array([row[name] for row in rows]) for name in SHAPES}


def outline(channel):
    """Finds what a channel shows: smoothed, above Otsu's threshold, holes filled.

    A threshold of zero would not do: real images are zero outside the cell and noisy inside, generated ones are
    neither. On simulated cells this mask and that of pixels above zero overlap by 0.97 (median of the intersection over
    the union), and the area in a cell's reconstruction is 1.01 times that in the cell.

    Args: (Y, X) or (Z, Y, X), uint8. Returns: the same shape, bool.
    """
    smooth = ndimage.gaussian_filter(channel.astype(np.float32), max(channel.shape) / SMOOTHING)
    if smooth.max() == smooth.min():
        return np.zeros(channel.shape, bool)
    return ndimage.binary_fill_holes(smooth > filters.threshold_otsu(smooth))


def _measure(membrane, nucleus, pixel_area):
    (cell, fragments), (nucleus, _) = (_largest(outline(channel)) for channel in (membrane, nucleus))
    if cell is None or nucleus is None:
        return dict.fromkeys(SHAPES, math.nan)
    return {
        "cell_area": cell.area * pixel_area,
        "nucleus_area": nucleus.area * pixel_area,
        "cell_eccentricity": cell.eccentricity,
        "nucleus_to_cell": nucleus.area / cell.area,
        "fragments": fragments,
    }


def _largest(mask):
    """Returns the largest connected region of a mask, or None, and the part of the mask that lies outside it."""
    regions = measure.regionprops(measure.label(mask))
    if not regions:
        return None, 0.0
    largest = max(regions, key=lambda region: region.area)
    return largest, 1 - largest.area / sum(region.area for region in regions)
