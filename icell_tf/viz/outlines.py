"""A field of view with the outlines of its cells and nuclei, to check the segmentation by eye."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import morphology, segmentation

from icell_tf.viz import figures

KEPT, SET_ASIDE, NUCLEI = (60, 255, 60), (255, 90, 30), (255, 255, 255)
LEGEND = {"cell, kept": KEPT, "cell, set aside": SET_ASIDE, "nucleus": NUCLEI}
LONGEST_SIDE = 2048  # px; a larger field is drawn on every n-th pixel
SMALL_SIDE = 640  # px; of a field that is smaller each pixel is drawn n times, up to this side
_DARKER = 0.6  # of full brightness, so that outlines show


def field_with_outlines(planes, cell_labels, nucleus_labels, kept):
    """Draws membrane magenta, nucleus cyan, structure yellow, and over them the outlines of cells with their labels.

    Args:
      planes: 2 or 3 projected channels (Y, X), in any intensities; each is shown from its 1st to its 99.8th percentile.
      cell_labels, nucleus_labels: (Y, X) or (Z, Y, X) whole numbers, 0 for background; 3D ones are seen from above.
      kept: labels of the cells that can be used, green; the others are orange, and nuclei white.

    Returns: uint8 (rows, columns, 3), with a legend to the right of the field.
    """
    planes = [_resized(np.asarray(plane)) for plane in planes]
    cells, nuclei = (
        _resized(labels.max(axis=0) if labels.ndim == 3 else labels) for labels in (cell_labels, nucleus_labels)
    )
    image = figures.overlay(_DARKER * np.stack([_displayed(plane) for plane in planes], axis=-1))
    usable = np.isin(cells, list(kept))
    thickness = morphology.disk(max(1, max(cells.shape) // 1024))
    edges = segmentation.find_boundaries(cells, mode="inner")
    for chosen, color in ((~usable, SET_ASIDE), (usable, KEPT)):
        image[morphology.dilation(edges & chosen, thickness)] = color
    image[segmentation.find_boundaries(nuclei, mode="inner")] = NUCLEI
    colors = [(name, np.array(color) / 255) for name, color in LEGEND.items()]
    size = max(figures.FONT_SIZE, max(cells.shape) // 80)
    return figures.with_legend(_numbered(image, cells, set(kept)), colors, size)


def _resized(plane):
    """A plane (Y, X) in the picture's pixels, none of them a mixture: fewer of a large field, more of a small one."""
    side = max(plane.shape)
    step, times = -(-side // LONGEST_SIDE), max(1, SMALL_SIDE // side)
    return plane[::step, ::step].repeat(times, axis=0).repeat(times, axis=1)


def _displayed(plane):
    """A channel in [0, 1] between its 1st and its 99.8th percentile."""
    low, high = np.percentile(plane, (1, 99.8))
    return np.clip((plane.astype(np.float32) - low) / ((high - low) or 1), 0, 1)


def _numbered(image, cells, kept):
    """Writes each cell's label at its middle."""
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(max(12, max(cells.shape) // 50))
    rows, columns = np.nonzero(cells)
    labels, index, counts = np.unique(cells[rows, columns], return_inverse=True, return_counts=True)
    middles = (np.bincount(index, places) / counts for places in (rows, columns))
    for label, y, x in zip(labels.tolist(), *middles, strict=True):
        color = KEPT if label in kept else SET_ASIDE
        draw.text((x, y), str(label), color, font, anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0))
    return np.asarray(canvas)
