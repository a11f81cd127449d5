"""Pictures and films of cells that change step by step."""

import numpy as np
from PIL import Image

from icell_tf.viz import figures
from icell_tf.viz.panels import montage

FRAME_MILLISECONDS = 90


def panels(cells, window, together):
    """Returns cells as RGB panels, in one scale of brightness, so that cells along a walk can be compared.

    Args:
      cells: (R, C, H, W, 3) in [0, 1], R rows of a grid.
      window: slices of rows and columns to cut out.
      together: whether all rows share the scale; rows of several structures need one each.

    Returns: (R, C, h, w, 3) uint8.
    """
    cut = cells[(slice(None), slice(None), *window)]
    groups = [cut] if together else cut
    drawn = [figures.overlay(group.reshape(-1, *group.shape[-2:]), contrast="percentile") for group in groups]
    return np.stack(drawn).reshape(cut.shape)


def write_gif(grid, row_labels, path):
    """Writes a GIF that shows the columns of a grid one after the other, forwards and backwards, in a loop.

    Args:
      grid: (R, C, h, w, 3) uint8, as of `panels`.
      row_labels: R texts.
      path: of the file.
    """
    frames = [Image.fromarray(montage([list(column)], row_labels)) for column in np.moveaxis(grid, 1, 0)]
    frames += frames[-2:0:-1]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)
