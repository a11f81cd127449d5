"""Masks of a stack that holds one cell, cut out along its outline: 0 outside, as some public collections have it."""

import numpy as np
from scipy import ndimage
from skimage import filters

from icell_tf.imaging.fields.components import largest_component

_LEAST_SHARE = 0.9  # of what is not 0 is the cell; the rest are specks
_MOST_INSIDE = 0.9  # of a stack's voxels; where more are not 0, nothing was cut out


def crop_masks(channels, nucleus):
    """Finds a cut-out cell and its nucleus.

    Args:
      channels: [(Z, Y, X)], all channels of the stack, 0 outside the cell.
      nucleus: (Z, Y, X), the DNA channel; in it the nucleus, or a dividing cell's chromosomes, are the brighter part of
        the cell by Otsu's threshold.

    Returns:
      Cell and nucleus mask, (Z, Y, X) bool.

    Raises:
      ValueError: the stack is not 0 around one cell, or its nucleus channel is empty.
    """
    inside = np.any([channel != 0 for channel in channels], axis=0)
    if not inside.any() or inside.mean() > _MOST_INSIDE:
        raise ValueError(
            f"{inside.mean():.0%} of its voxels are not 0, so no cell is cut out in it: masks can only be told from a "
            "crop that is 0 outside its cell. Give its masks with --segmentation, or cut it with train/fields.py."
        )
    piece, share, _ = largest_component(inside)
    if share < _LEAST_SHARE:
        raise ValueError(f"only {share:.0%} of what is not 0 is one piece: are there several cells? One is expected.")
    cell = np.stack([ndimage.binary_fill_holes(plane) for plane in piece])
    if not all(np.isfinite(channel).all() for channel in channels):
        raise ValueError("the stack has NaN or infinite intensities.")
    if np.ptp(nucleus[cell]) == 0:
        raise ValueError("its nucleus channel is the same everywhere in the cell: check --channels.")
    # Averaged over the cell alone: otherwise the 0 outside would darken its rim.
    weight = ndimage.gaussian_filter(cell.astype(np.float32), 1)
    smooth = ndimage.gaussian_filter(np.where(cell, nucleus, 0).astype(np.float32), 1) / np.maximum(weight, 1e-3)
    return cell, cell & (smooth > filters.threshold_otsu(smooth[cell]))
