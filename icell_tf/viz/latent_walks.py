"""Walks through latent space: codes along dimensions or between two cells, and the pictures and films of them."""

import numpy as np
from PIL import Image

from icell_tf.viz import figures
from icell_tf.viz.panels import montage

PARALLEL = 1e-3  # radians between two codes, or from their being opposite, below which no arc is defined
FRAME_MILLISECONDS = 90


def along(center, dimension, values):
    """Returns the codes of a walk along one dimension, (n, Z): `center` (Z,) with that dimension at n values."""
    codes = np.tile(np.asarray(center, np.float32), (len(values), 1))
    codes[:, dimension] = values
    return codes


def slerp(start, end, shares):
    """Interpolates along the great circle between two codes (Shoemake 1985; for latent codes, White 2016).

    Draws of N(0, I) in Z dimensions lie near the sphere of radius sqrt(Z). The straight line between two of them runs
    inside it, past codes that the decoder has hardly seen; the great circle stays as far out as its ends. There is no
    such circle between codes that point the same way or opposite ways, or if one of them is 0. Then the straight line
    is taken.

    Args:
      start, end: (Z,).
      shares: (n,) of the way, 0 to 1.

    Returns: (n, Z) float32, `start` at 0 and `end` at 1.
    """
    start, end, t = np.asarray(start, float), np.asarray(end, float), np.asarray(shares, float)[:, None]
    lengths = np.linalg.norm(start) * np.linalg.norm(end)
    angle = np.arccos(np.clip(start @ end / lengths, -1, 1)) if lengths > 0 else 0.0
    if min(angle, np.pi - angle) < PARALLEL:
        return linear(start, end, shares)
    codes = (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)
    return codes.astype(np.float32)


def linear(start, end, shares):
    """Interpolates along the straight line between two codes; see `slerp`."""
    t = np.asarray(shares, float)[:, None]
    return ((1 - t) * np.asarray(start, float) + t * np.asarray(end, float)).astype(np.float32)


PATHS = {"slerp": slerp, "linear": linear}


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


def film(grid, row_labels, path):
    """Writes a GIF that shows the columns of a grid one after the other, forwards and backwards, in a loop.

    Args:
      grid: (R, C, h, w, 3) uint8, as of `panels`.
      row_labels: R texts.
      path: of the file.
    """
    frames = [Image.fromarray(montage([list(column)], row_labels)) for column in np.moveaxis(grid, 1, 0)]
    frames += frames[-2:0:-1]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)
