"""Connected components of a mask."""

import numpy as np
from scipy import ndimage

MAX_STRAY = 0.05  # share of a cell outside its largest component; if it is more, the cell is in pieces


def largest_component(mask, corners: bool = False) -> tuple[np.ndarray, float, int]:
    """Finds the largest connected component of a mask.

    Args:
      mask: bool, of any number of dimensions.
      corners: whether elements that touch only at an edge or a corner are connected, too.

    Returns: the component, as a mask; its share of the mask; and the number of components, 0 in an empty mask.
    """
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(mask.ndim, mask.ndim if corners else 1))
    if count < 2:
        return mask, 1.0, count
    sizes = np.bincount(labels.ravel())[1:]
    return labels == np.argmax(sizes) + 1, float(sizes.max() / sizes.sum()), count
