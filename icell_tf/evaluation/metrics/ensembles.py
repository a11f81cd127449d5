"""Scores of ensembles: several draws of an image, compared with the image that was observed.

All count the pixels of a mask alone. Outside the cell every image is 0, and with those pixels any ensemble would pass.
"""

import numpy as np
import scoringrules

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
    """Returns images as means of patches of `size` pixels a side; pixels beyond the last whole patch are left out.

    Args: images (N, *shape). Returns: (N, *(side // size)).
    """
    for axis in spatial_axes(images[..., None]):
        count = images.shape[axis] // size
        images = np.take(images, range(count * size), axis)
        images = images.reshape(*images.shape[:axis], count, size, *images.shape[axis + 1 :]).mean(axis=axis + 1)
    return images


def radial_power(images, bands):
    """Returns the mean power of images in bands of spatial frequency, without that of their mean.

    Args:
      images: (N, *shape).
      bands: [(from, to)] in cycles a pixel, at most 0.5.

    Returns: (N, bands).
    """
    axes = spatial_axes(images[..., None])
    mean = images.mean(axis=axes, keepdims=True)
    power = np.square(np.abs(np.fft.fftn(images - mean, axes=axes)))
    frequencies = np.meshgrid(*(np.fft.fftfreq(images.shape[axis]) for axis in axes), indexing="ij")
    radius = np.sqrt(sum(np.square(frequency) for frequency in frequencies))
    return np.stack([power[:, (radius >= low) & (radius < high)].mean(axis=1) for low, high in bands], axis=1)
