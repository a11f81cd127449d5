"""Correlations of images, and the masks and mean images they need, as NumPy functions of arrays."""

import numpy as np
from scipy import ndimage


def pearson(a, b, mask=None):
    """Pearson correlation over the pixels of each image.

    Args:
      a, b: (N, H, W, K).
      mask: (N, H, W) bool, the pixels that count; None for all.

    Returns: (N, K) in [-1, 1]; 0 where an image is constant, because it then says nothing about where.
    """
    weight = np.ones(a.shape[:3], np.float64) if mask is None else mask.astype(np.float64)
    weight = weight[..., None] / np.maximum(weight.sum(axis=(1, 2)), 1)[:, None, None, None]

    def centred(x):
        return x - (x * weight).sum(axis=(1, 2), keepdims=True)

    a, b = centred(np.asarray(a, np.float64)), centred(np.asarray(b, np.float64))
    covariance = (a * b * weight).sum(axis=(1, 2))
    variances = (a * a * weight).sum(axis=(1, 2)) * (b * b * weight).sum(axis=(1, 2))
    return np.where(variances > 1e-20, covariance / np.sqrt(np.maximum(variances, 1e-20)), 0.0)


def class_means(images, y, structures):
    """Returns the mean image of each structure, (H, W, K), from images (N, H, W); zeros for one that does not occur."""
    images, y = np.asarray(images), np.asarray(y)
    empty = np.zeros(images.shape[1:], np.float32)
    means = [images[y == k].mean(axis=0) if np.any(y == k) else empty for k in range(structures)]
    return np.stack(means, axis=-1).astype(np.float32)


def cell_mask(x_rs):
    """Returns where the cell is, (N, H, W) bool: preprocessing zeroes everything outside it, and little inside.

    Args: x_rs (N, H, W, C). Gaps of up to two pixels, where the noise fell below the background, are closed.
    """
    inside = np.asarray(x_rs).max(axis=-1) > 0
    across = np.ones((1, 3, 3), bool)
    return inside | ndimage.binary_closing(inside, across, iterations=2)  # the closing eats into what touches the edge


def pearson_of_pairs(a, b):
    """Pearson correlation over the frame of every image of one list with every image of another.

    Args: a (N, H, W), b (M, H, W). Returns: (N, M) in [-1, 1]; 0 where an image is constant.
    """

    def standardized(images):
        flat = np.reshape(images, (len(images), -1)).astype(np.float32)
        flat = flat - flat.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-6)

    return standardized(a) @ standardized(b).T
