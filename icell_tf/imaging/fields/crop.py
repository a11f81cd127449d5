"""Masks of a stack of one cell that is 0 outside the cell's outline, as in some public collections."""

import numpy as np
from scipy import ndimage
from skimage import filters

from icell_tf.imaging.components import largest_component

_MIN_CELL_SHARE = 0.9  # of the voxels that are not 0; the others are specks
_MAX_INSIDE = 0.9  # share of a stack's voxels that are not 0; if it is higher, no cell was cut out


def crop_masks(channels, nucleus):
    """Finds a cut-out cell and its nucleus.

    Args:
      channels: [(Z, Y, X)], all channels of the stack, 0 or NaN outside the cell.
      nucleus: (Z, Y, X), the DNA channel; the nucleus, or a dividing cell's chromosomes, is the part of the cell above
        Otsu's threshold.

    Returns: cell and nucleus mask, (Z, Y, X) bool.

    Raises:
      ValueError: the stack is not 0 around one cell, has NaN or infinite intensities in it, or its nucleus channel is
        empty.
    """
    inside = np.any([(channel != 0) & (channel == channel) for channel in channels], axis=0)  # NaN equals nothing
    if not inside.any() or inside.mean() > _MAX_INSIDE:
        raise ValueError(
            f"{inside.mean():.0%} of its voxels are not 0, so no cell is cut out in it: only a crop that is 0 outside "
            "its cell shows the masks. Give its masks with --segmentation, or cut it with `icell fields`."
        )
    component, share, _ = largest_component(inside)
    if share < _MIN_CELL_SHARE:
        raise ValueError(
            f"only {share:.0%} of the voxels that are not 0 are connected: are there several cells? One is expected."
        )
    cell = np.stack([ndimage.binary_fill_holes(plane) for plane in component])
    if not all(np.isfinite(channel[cell]).all() for channel in channels):
        raise ValueError("the stack has NaN or infinite intensities within the cell.")
    nucleus = np.where(cell, nucleus, 0).astype(np.float64)
    nucleus[cell] -= nucleus[cell].min()
    if not nucleus.any():
        raise ValueError("its nucleus channel is the same everywhere in the cell: check --channels.")
    # The average is over the cell alone: otherwise the 0 outside would darken its rim.
    weight = ndimage.gaussian_filter(cell.astype(np.float32), 1)
    smooth = ndimage.gaussian_filter(nucleus.astype(np.float32), 1) / np.maximum(weight, 1e-3)
    return cell, cell & (smooth > filters.threshold_otsu(smooth[cell]))
