"""The cover of a published model: one cell as the model sees it, and all structures that it finds in it."""

import numpy as np
from PIL import Image, ImageDraw

from icell_tf.viz.figures import COMPOSITE_PIXELS, around_cell, composite, overlay
from icell_tf.viz.panels import BACKGROUND, INK, enlarge, font, with_scale_bar

TITLES = ("membrane and nucleus", "every structure, predicted")
TITLE_SIZE, GAP = 22, 8
LARGEST = 1280, 640  # bioimage.io wants files below 500 kB


def draw_cover(x_r, structures, colors, names, pixel_size):
    """Draws a cover: left membrane and nucleus with a scale bar, right every structure in its colour, with a legend.

    Args:
      x_r, structures, colors, names: as of `figures.composite`.
      pixel_size: µm a pixel along the images' rows.

    Returns: uint8 (height, width, 3), on black, twice as wide as high, 1280 px wide at most.
    """
    small = overlay(x_r, contrast="percentile")[around_cell(x_r)]
    large = enlarge(small, COMPOSITE_PIXELS)
    cell = with_scale_bar(large, pixel_size * len(small) / len(large))
    pictures = cell, composite(x_r, structures, colors, names)
    widths, top = [picture.shape[1] for picture in pictures], 2 * TITLE_SIZE
    width, height = sum(widths) + GAP, max(map(len, pictures)) + top
    width, height = max(width, 2 * height), max(-(-width // 2), height)
    canvas = Image.new("RGB", (2 * height, height), INK)
    draw = ImageDraw.Draw(canvas)
    x, y = (canvas.width - sum(widths) - GAP) // 2, (height - max(map(len, pictures)) + top) // 2
    for title, picture in zip(TITLES, pictures, strict=True):
        canvas.paste(Image.fromarray(picture), (x, y))
        draw.text((x + len(large) // 2, y - TITLE_SIZE), title, BACKGROUND, font(TITLE_SIZE), anchor="mm")
        x += picture.shape[1] + GAP
    canvas.thumbnail(LARGEST)
    return np.asarray(canvas)
