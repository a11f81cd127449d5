"""How similar two images are, by the figures that other benchmarks of predicted structures report."""

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.metrics import structural_similarity

WINDOW = 7  # pixels, scikit-image's; smaller where an axis has fewer


def ssim(image, observed, mask):
    """Structural similarity index, mean over the pixels of a mask.

    Wang et al. 2004 (IEEE TIP 13:600), eq. 13, in a window of 7 pixels along each axis and for intensities from 0 to 1.

    Args: image, observed (*shape) in [0, 1]; mask (*shape) bool, not empty. Returns: a number, 1 for equal images.
    """
    shortest = min(image.shape)
    window = min(WINDOW, shortest - (shortest + 1) % 2)  # odd
    (found,) = ndimage.find_objects(mask.astype(np.uint8))
    box = tuple(slice(max(0, span.start - window + 1), span.stop + window - 1) for span in found)  # what a window sees
    pair = np.ascontiguousarray(image[box]), np.ascontiguousarray(observed[box])
    similarity = structural_similarity(*pair, win_size=window, data_range=1.0, full=True)[1]
    return float(similarity[mask[box]].mean())


def dice(image, observed, mask):
    """Dice coefficient 2 |A and B| / (|A| + |B|) of what is bright in each of two images, inside a mask.

    Bright is what is above an image's own Otsu threshold, of its pixels inside the mask: as one would segment either
    without knowing the other.

    Args: as of `ssim`. Returns: a number from 0 to 1; NaN if both images are constant inside the mask.
    """
    a, b = (values > threshold_otsu(values) for values in (image[mask], observed[mask]))
    return float(2 * (a & b).sum() / (a.sum() + b.sum())) if a.any() or b.any() else np.nan
