"""Intensities of a channel: its background, its projection, and its range within the cell (paper, section 3.1)."""

from typing import NamedTuple

import numpy as np

_BINCOUNT_RANGE = 1 << 20  # integer stacks of a wider range are counted by sorting


class Intensities(NamedTuple):
    """How often each intensity occurs in a channel: values, ascending, and their counts outside and inside the cell."""

    values: np.ndarray
    outside: np.ndarray
    inside: np.ndarray


def count_intensities(channel, cell_mask) -> Intensities:
    """Counts the voxels of each intensity. Args: (Z, Y, X) numbers, and (Z, Y, X) bool."""
    if channel.dtype.kind in "bui" and int(channel.max()) - int(channel.min()) < _BINCOUNT_RANGE:
        lowest = int(channel.min()) if channel.dtype.kind == "i" else 0
        index = channel.astype(np.intp) - lowest
        total = np.bincount(index.ravel())
        inside = np.bincount(index[cell_mask], minlength=len(total))
        present = np.flatnonzero(total)
        return Intensities(present + lowest, (total - inside)[present], inside[present])
    values, index = np.unique(channel, return_inverse=True)
    index = index.reshape(channel.shape)
    inside = np.bincount(index[cell_mask], minlength=len(values))
    return Intensities(values, np.bincount(index.ravel(), minlength=len(values)) - inside, inside)


def is_segmentation(counts: Intensities) -> bool:
    """Whether a channel is a mask, and thus has no background: it has two values, or is 0 outside and soft-edged.

    The soft edges of a resampled mask give it more values; then its commonest nonzero one is still its highest.
    """
    if len(counts.values) == 2:
        return True
    inside = np.where(counts.values != 0, counts.inside, 0)
    return not _has_outside(counts) and bool(inside.any()) and np.argmax(inside) == len(inside) - 1


def most_populous_intensity(counts: Intensities):
    """The background: the commonest intensity outside the cell; where that is all 0, the commonest nonzero one inside.

    A crop that was masked before has zeros outside, which say nothing about its background.
    """
    if _has_outside(counts):
        return counts.values[np.argmax(counts.outside)]
    inside = np.where(counts.values != 0, counts.inside, 0)
    return counts.values[np.argmax(inside)] if inside.any() else 0


def _has_outside(counts):
    return bool(np.any(counts.outside[counts.values != 0]))


def mask_to_cell(channel, cell_mask, background) -> np.ndarray:
    """Sets the voxels outside the cell to the background. Returns: (Z, Y, X)."""
    return np.where(cell_mask, channel, np.asarray(background, channel.dtype))


def project(channel) -> np.ndarray:
    """Maximum-projects (Z, Y, X) along z. Returns: (Y, X)."""
    return channel.max(axis=0)


def subtract_background(plane, background) -> np.ndarray:
    """Subtracts the background and sets negatives to 0. Returns: float64 of the same shape."""
    return np.maximum(plane.astype(np.float64) - float(background), 0)


def rescale(plane, highest, channel: str = "") -> np.ndarray:
    """Divides by the highest intensity, to [0, 1]; an empty channel is an error."""
    if highest <= 0:
        raise ValueError(
            f"the {channel} channel is empty: within the cell mask no voxel is above the background. Check the order "
            "of the channels and that the masks belong to this stack."
        )
    return np.minimum(plane / highest, 1)
