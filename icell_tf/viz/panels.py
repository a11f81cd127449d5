"""RGB panels of cells laid out in a grid, with labels and a scale bar, as RGB arrays.

Every picture is uint8 (rows, columns, 3).
"""

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

PANEL_PIXELS = 160  # a panel smaller than this is enlarged, so that a 64-pixel cell can be looked at
GAP = 2
FONT_SIZE = 14
BACKGROUND = (255, 255, 255)
INK = (0, 0, 0)
BAR_LENGTHS = (1000, 500, 200, 100, 50, 20, 10, 5, 2, 1)  # µm
BAR_SHARE = 0.45  # of the panel's width, at most
# This font comes with Matplotlib and has µ, α and β, which Pillow's own font lacks.
_FONT_FILE = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


def enlarge(rgb, pixels=PANEL_PIXELS):
    """Enlarges an RGB image by the smallest whole factor that makes its shorter side at least `pixels` long."""
    factor = -(-pixels // min(rgb.shape[:2]))
    if factor <= 1:
        return rgb
    size = (rgb.shape[1] * factor, rgb.shape[0] * factor)
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))


def montage(rows, column_labels=None, row_labels=None, pixel_size=None, bar_share=BAR_SHARE, panel_pixels=PANEL_PIXELS):
    """Lays RGB images out in a labelled grid.

    Args:
      rows: sequence of rows, each a sequence of uint8 (h, w, 3) images of one size, or of None for an empty place.
      column_labels: one text a column, above it; None for no labels.
      row_labels: one text a row, left of it; None for no labels.
      pixel_size: µm a pixel along the images' rows, for a scale bar of `bar_length` in the first; None for no bar.
      bar_share: of the panel's width, which the bar takes at most.
      panel_pixels: shorter side of each panel, at least.

    Returns: uint8 (height, width, 3).
    """
    rows = [[None if panel is None else np.asarray(panel) for panel in row] for row in rows]
    shapes = {panel.shape for row in rows for panel in row if panel is not None}
    if len(shapes) != 1:
        raise ValueError(f"a montage needs images of one shape, but found {sorted(shapes) or 'no image'}")
    places = [(i, j) for i, row in enumerate(rows) for j, panel in enumerate(row) if panel is not None]
    height, width, _ = enlarge(rows[places[0][0]][places[0][1]], panel_pixels).shape
    columns = max(len(row) for row in rows)
    top = FONT_SIZE + 8 if column_labels is not None else 0
    left = text_width(row_labels) + 8 if row_labels is not None else 0
    size = (left + columns * (width + GAP) + GAP, top + len(rows) * (height + GAP) + GAP)
    canvas = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for j, label in enumerate(column_labels or ()):
        x = left + GAP + j * (width + GAP) + width // 2
        draw.text((x, top // 2), str(label), INK, _font_for(label, width), anchor="mm")
    for i, row in enumerate(rows):
        y = top + GAP + i * (height + GAP)
        if row_labels is not None:
            draw.text((4, y + height // 2), str(row_labels[i]), INK, font(FONT_SIZE), anchor="lm")
        for j, panel in enumerate(row):
            if panel is not None:
                shown = enlarge(panel, panel_pixels)
                if pixel_size and (i, j) == places[0]:
                    shown = with_scale_bar(panel, pixel_size, bar_share, panel_pixels)
                canvas.paste(Image.fromarray(shown), (left + GAP + j * (width + GAP), y))
    return np.asarray(canvas)


def bar_length(extent, share=BAR_SHARE):
    """Returns the length of a scale bar in µm, a round number, for a panel so many µm wide: at most a share of it."""
    return next((length for length in BAR_LENGTHS if length <= share * extent), BAR_LENGTHS[-1])


def with_scale_bar(rgb, pixel_size, share=BAR_SHARE, pixels=PANEL_PIXELS):
    """Returns an image enlarged, with a white bar and its length in its lower right corner.

    Args: uint8 (h, w, 3); µm a pixel along its rows; share of its width, which the bar takes at most; pixels: shorter
      side of the result, at least.
    """
    length = bar_length(rgb.shape[1] * pixel_size, share)
    picture = Image.fromarray(enlarge(rgb, pixels))
    extent = round(length / pixel_size * picture.width / rgb.shape[1])
    margin, thickness = picture.width // 25, max(2, picture.height // 50)
    right, bottom = picture.width - margin, picture.height - margin
    draw = ImageDraw.Draw(picture)
    draw.rectangle((right - extent, bottom - thickness, right - 1, bottom - 1), BACKGROUND)
    label = f"{length} µm"
    place = (right - extent // 2, bottom - thickness - 2)
    draw.text(place, label, BACKGROUND, _font_for(label, extent), anchor="mb", stroke_width=1, stroke_fill=INK)
    return np.asarray(picture)


@cache
def font(size):
    """Returns the font of all labels, in a size in pixels."""
    return ImageFont.truetype(str(_FONT_FILE), size)


def text_width(labels, size=FONT_SIZE):
    """Returns the width in pixels of the widest of some texts in letters of a size; 0 of none."""
    return max((int(font(size).getlength(str(label))) + 1 for label in labels), default=0)


def _font_for(label, width):
    """The largest font, up to FONT_SIZE, in which the label fits the width."""
    needed = font(FONT_SIZE).getlength(str(label))
    return font(max(6, int(FONT_SIZE * min(1, width / max(needed, 1)))))
