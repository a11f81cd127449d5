"""Correlations of images of any rank, and the masks they need, as NumPy functions of arrays."""

import numpy as np
from scipy import ndimage

from icell_tf.spec import spatial_axes

RIM = 2  # pixels: in MCF-7 cells at 64 px, 10.4, 0.5 and 0.1% of the pixels within 1, 2 and 3 of it are blurred


def pearson(a, b, mask=None):
    """Pearson correlation over the pixels of each image.

    Args:
      a, b: (N, *shape, K).
      mask: (N, *shape) bool, the pixels that count; None for all.

    Returns: (N, K) in [-1, 1]; 0 where an image is constant, because it then says nothing about where.
    """
    r = np.zeros((len(a), a.shape[-1]))
    for i, of_cell in enumerate(r):
        inside = None if mask is None else mask[i]
        if inside is None or inside.any():
            of_cell[:] = _pearson(*(_centred(images[i], inside) for images in (a, b)))
    return r


def _pearson(a, b):
    """Correlations of the rows of (K, pixels), whose means are 0."""
    covariance, *variances = (np.einsum("kp,kp->k", *pair) / a.shape[-1] for pair in ((a, b), (a, a), (b, b)))
    product = np.prod(variances, axis=0)
    return np.where(product > 1e-20, covariance / np.sqrt(np.maximum(product, 1e-20)), 0.0)


def _centred(image, inside):
    """The pixels inside of an image (*shape, K), minus their mean: (K, pixels), which are added up fast and exactly."""
    channels = np.moveaxis(image, -1, 0)
    pixels = channels.reshape(len(channels), -1) if inside is None else channels[:, inside]
    pixels = pixels.astype(np.float64)
    pixels -= pixels.mean(axis=1, keepdims=True)
    return pixels


def cell_mask(x):
    """Returns where the cell is, (N, *shape) bool: preprocessing zeroes everything outside it, and little inside.

    Args: x (N, *shape, C). Gaps of up to two pixels, where the noise fell below the background, are closed.
    """
    inside = np.asarray(x).max(axis=-1) > 0
    across = np.ones((1, *(3 for _ in spatial_axes(x))), bool)
    return inside | ndimage.binary_closing(inside, across, iterations=2)  # the closing eats into what touches the edge


def interior(x_r):
    """Returns where the cell is, (N, *shape) bool, without its rim of `RIM` pixels.

    Beyond the mask's edge all channels are 0 and resampling blurs this edge, so that in the rim any two structures of
    one outline look alike. Args: x_r (N, *shape, C), the reference channels.
    """
    neighbours = ndimage.generate_binary_structure(len(spatial_axes(x_r)), connectivity=1)[None]
    return ndimage.binary_erosion(cell_mask(x_r), neighbours, iterations=RIM)


def pearson_of_pairs(a, b):
    """Pearson correlation over the frame of every image of one list with every image of another.

    Args: a (N, *shape), b (M, *shape). Returns: (N, M) in [-1, 1]; 0 where an image is constant.
    """

    def standardized(images):
        flat = np.reshape(images, (len(images), -1)).astype(np.float32)
        flat = flat - flat.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-6)

    return standardized(a) @ standardized(b).T
