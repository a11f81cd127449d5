"""Scores of ensembles: several draws of an image, compared with the image that was observed.

All count the pixels of a mask alone. Outside the cell every image is 0, and with those pixels any ensemble would pass.
"""

import numpy as np
import scoringrules
from scipy import fft

from icell_tf.spec import spatial_axes


def crps(draws, observed, masks):
    """Continuous ranked probability score of each pixel: E|d - o| - E|d - d'| / 2, without bias by the number of draws.

    Gneiting & Raftery 2007 (JASA 102:359), eq. 21. It is proper: draws from the observed image's own distribution have
    the lowest expected score. One draw alone has its absolute error.

    Args:
      draws: N ensembles of images, (M, *shape) each.
      observed: (N, *shape).
      masks: (N, *shape) bool, not empty.

    Returns: (N,), means over the pixels of the mask, in the images' unit. Lower is better.
    """
    scores = []
    for ensemble, image, mask in zip(draws, observed, masks, strict=True):
        members, truth = ensemble[:, mask], image[mask]
        if len(members) == 1:
            scores.append(np.abs(members[0] - truth).mean())
        else:
            scores.append(scoringrules.crps_ensemble(truth, members, m_axis=0, estimator="pwm", backend="numpy").mean())
    return np.array(scores, np.float64)


def energy_score(draws, observed, masks):
    """Energy score of each whole image: as `crps`, with the Euclidean distance over the pixels of the mask.

    Gneiting & Raftery 2007, eq. 22. It sees whether the pixels of a draw go together, which `crps` does not.

    Args: as of `crps`. Returns: (N,). Lower is better.
    """
    scores = []
    for ensemble, image, mask in zip(draws, observed, masks, strict=True):
        members, truth = ensemble[:, mask].astype(np.float64), image[mask].astype(np.float64)
        score = np.linalg.norm(members - truth, axis=1).mean()
        if len(members) > 1:
            products = members @ members.T
            squares = np.diagonal(products)
            apart = np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 0))
            score -= apart.sum() / (2 * len(members) * (len(members) - 1))
        scores.append(score)
    return np.array(scores)


def ranks(ensemble, image, mask, rng):
    """Returns where the observed pixels lie in the distribution of the draws, as numbers in [0, 1].

    They are uniform where the draws have the distribution of the observed image: the share of pixels whose number
    differs from 1/2 by at most p / 2 is then p, the coverage of the central interval p.

    Args:
      ensemble: (M, *shape); image: (*shape); mask: (*shape) bool.
      rng: NumPy generator. It breaks ties, such as those of pixels that are 0 in all images.

    Returns: (pixels of the mask,).
    """
    members, truth = ensemble[:, mask], image[mask]
    below, equal = (members < truth).sum(axis=0), (members == truth).sum(axis=0)
    place = below + rng.integers(0, equal + 1)
    return (place + rng.random(len(truth))) / (len(members) + 1)


def averaged(images, size):
    """Returns images as means of patches, in volumes cubes, of `size` pixels a side, whole patches only.

    Args: images (N, *shape). Returns: (N, *(side // size)).
    """
    for axis in spatial_axes(images[..., None]):
        before, count = images.shape[:axis], images.shape[axis] // size
        whole = images[(*(slice(None) for _ in before), slice(count * size))]
        images = whole.reshape(*before, count, size, *images.shape[axis + 1 :]).mean(axis=axis + 1)
    return images


def radial_power(images, bands, pixel_size=None):
    """Returns the mean power of images in bands of spatial frequency, without that of their mean.

    Frequencies count in all directions alike, in cycles over the width of a pixel along x. Where pixels are larger
    along an axis, the highest frequency along it is lower.

    Args:
      images: (N, *shape).
      bands: [(from, to)] in cycles a pixel, at most 0.5.
      pixel_size: along each axis, in any unit; None: the same along all.

    Returns: (N, bands).
    """
    axes = spatial_axes(images[..., None])
    transformed = fft.rfftn(images - images.mean(axis=axes, keepdims=True), axes=axes, workers=-1)
    power = np.square(transformed.real) + np.square(transformed.imag)
    *shape, last = images.shape[1:]
    sizes = np.ones(len(axes)) if pixel_size is None else np.asarray(pixel_size, float)
    frequencies = [*map(fft.fftfreq, shape), fft.rfftfreq(last)]
    squares = np.meshgrid(
        *(np.square(f * sizes[-1] / size) for f, size in zip(frequencies, sizes, strict=True)), indexing="ij"
    )
    radius = np.sqrt(sum(squares))
    # Of each pair of a frequency and its opposite along x, which have the same power, the transform holds one.
    pairs = np.where((np.arange(radius.shape[-1]) == 0) | (2 * np.arange(radius.shape[-1]) == last), 1, 2)
    weights = np.stack([np.where((radius >= low) & (radius < high), pairs, 0).ravel() for low, high in bands], axis=1)
    return power.reshape(len(images), -1) @ (weights / weights.sum(axis=0)).astype(power.dtype)
