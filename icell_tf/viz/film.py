"""Pictures and films of cells that change step by step."""

import numpy as np
from PIL import Image

from icell_tf.viz import figures
from icell_tf.viz.panels import montage

FRAME_MILLISECONDS = 90


def panels(cells, together):
    """Returns cells as RGB panels, in one scale of brightness, so that cells along a walk can be compared.

    Args:
      cells: (R, C, H, W, 3) in [0, 1], R rows of a grid.
      together: whether all rows share the scale; rows of several structures need one each.

    Returns: (R, C, H, W, 3) uint8.
    """
    groups = [cells] if together else cells
    drawn = [figures.overlay(group.reshape(-1, *group.shape[-2:]), contrast="percentile") for group in groups]
    return np.stack(drawn).reshape(cells.shape)


def write_grid(grid, row_labels, path, **layout):
    """Writes a GIF that shows the columns of a grid one after the other.

    Args:
      grid: (R, C, h, w, 3) uint8, as of `panels`.
      row_labels: R texts.
      path: of the file.
      layout: the scale bar and the size of panels, by name, as `montage` takes them.
    """
    write_gif([montage([list(column)], row_labels, **layout) for column in np.moveaxis(grid, 1, 0)], path)


def write_gif(frames, path):
    """Writes pictures, uint8 (height, width, 3) of one size, as a GIF, forwards and backwards, in a loop."""
    frames = [Image.fromarray(frame).quantize(256, Image.Quantize.MAXCOVERAGE) for frame in frames]  # rare colours, too
    frames += frames[-2:0:-1]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)
