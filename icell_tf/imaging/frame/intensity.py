"""Intensities of a channel: its background, and what it shows within the cell (paper, section 3.1).

Stacks may be memory maps far larger than a processor's cache, so all functions read them plane by plane.
"""

import math
from typing import NamedTuple

import numpy as np

_BINCOUNT_RANGE = 1 << 20  # integer stacks of a wider range are counted by sorting
_SAMPLE = 1 << 19  # number of voxels of a larger stack that are counted first, roughly
_MAX_CANDIDATES = 12  # for more values a count of all values is faster


class Intensities(NamedTuple):
    """How often each intensity occurs in a channel: values, ascending, and their counts outside and inside the cell."""

    values: np.ndarray
    outside: np.ndarray
    inside: np.ndarray


def background_intensity(channel, cell_mask, sample: int = _SAMPLE):
    """Returns the background: the lower value of a segmentation, else the most frequent intensity outside the cell.

    Of a stack of at least twice `sample` voxels, only about `sample` voxels are counted first. Then the candidates,
    whose counts are within three standard deviations of the highest, are counted in the whole stack. All intensities
    of the whole stack are counted if the sample can't decide: if the channel may be a segmentation or was masked, or if
    there are too many candidates.

    Args: channel: (Z, Y, X) numbers. cell_mask: (Z, Y, X) bool. sample: number of voxels.
    """
    step = max(1, channel.size // sample)
    counts = count_intensities(channel, cell_mask, step)
    if step > 1:
        highest = counts.outside.max()
        candidates = counts.values[counts.outside >= highest - 3 * math.sqrt(2 * highest)]
        if _has_outside(counts) and _is_continuous(counts.outside, counts.values):
            return most_populous_intensity(counts)
        if _has_outside(counts) and len(counts.values) > 2 and len(candidates) <= _MAX_CANDIDATES:
            return candidates[np.argmax(_count_outside(channel, cell_mask, candidates))]
        counts = count_intensities(channel, cell_mask)
    return counts.values[0] if is_segmentation(counts) else most_populous_intensity(counts)


def count_intensities(channel, cell_mask, step: int = 1) -> Intensities:
    """Counts the voxels of each intensity.

    Args:
      channel, cell_mask: see `background_intensity`.
      step: only every step-th row of a plane counts; the first one differs between planes.
    """
    if channel.dtype.kind in "bui":
        lowest, highest = _range(channel)
        if highest - lowest < _BINCOUNT_RANGE:
            total = np.zeros(2 * (highest - lowest + 1), np.intp)  # outside, inside; for each intensity
            for values, inside in _parts(channel, cell_mask, step):
                index = 2 * (values.astype(np.intp) - lowest) + inside
                total += np.bincount(index.ravel(), minlength=len(total))
            present = np.flatnonzero(total[::2] + total[1::2])
            return Intensities(present + lowest, total[2 * present], total[2 * present + 1])
    values, inside = (np.concatenate(parts, axis=None) for parts in zip(*_parts(channel, cell_mask, step), strict=True))
    values, index = np.unique(values, return_inverse=True)
    total = np.bincount(2 * index.ravel() + inside, minlength=2 * len(values))
    return Intensities(values, total[::2], total[1::2])


def _range(channel):
    if channel.dtype.itemsize <= 2 and channel.dtype.kind != "b":
        limits = np.iinfo(channel.dtype)
        return int(limits.min), int(limits.max)
    return int(channel.min()), int(channel.max())


def _parts(channel, cell_mask, step):
    """Yields every step-th row of a plane, of both; about `_SAMPLE` voxels of several planes at a time."""
    together = max(1, _SAMPLE * step // channel[0].size)
    for start in range(0, len(channel), together):
        planes = range(start, min(start + together, len(channel)))
        yield tuple(np.concatenate([stack[z, z % step :: step] for z in planes]) for stack in (channel, cell_mask))


def _count_outside(channel, cell_mask, values):
    """Counts the voxels outside the cell that have each of a few values."""
    values = values.astype(channel.dtype)  # so that the comparison makes no wider copy of the plane
    counts = np.zeros(len(values), np.intp)
    for plane, inside in zip(channel, cell_mask, strict=True):
        counts += [np.count_nonzero((plane == value) > inside) for value in values]
    return counts


def is_segmentation(counts: Intensities) -> bool:
    """Whether a channel is a mask, and thus has no background: it has two values, or is 0 outside with soft edges.

    Resampling gives a mask soft edges, and thus more values; its most frequent nonzero value is still its highest.
    """
    if len(counts.values) == 2:
        return True
    inside = np.where(counts.values != 0, counts.inside, 0)
    return not _has_outside(counts) and bool(inside.any()) and np.argmax(inside) == len(inside) - 1


def most_populous_intensity(counts: Intensities):
    """Returns the most frequent intensity outside the cell or, if all is 0 there, the most frequent nonzero one inside.

    A crop that was masked before is 0 outside, which says nothing about its background. Floats that hardly ever occur
    twice are counted in bins.
    """
    frequencies = counts.outside if _has_outside(counts) else np.where(counts.values != 0, counts.inside, 0)
    if _is_continuous(frequencies, counts.values):
        return _middle_of_fullest_bin(np.repeat(counts.values, frequencies))
    return counts.values[np.argmax(frequencies)] if frequencies.any() else 0


def _is_continuous(frequencies, values):
    return values.dtype.kind == "f" and 2 * np.count_nonzero(frequencies) > frequencies.sum()


def _middle_of_fullest_bin(values):
    """Args: values: ascending. A bin is a twelfth of the interquartile range, which bright neighbours don't change."""
    low, high = (float(values[round(share * (len(values) - 1))]) for share in (0.25, 0.75))
    width = (high - low) / 12
    if width == 0:
        return values[len(values) // 2]
    bins, frequencies = np.unique(np.floor((values.astype(np.float64) - low) / width), return_counts=True)
    return low + (bins[np.argmax(frequencies)] + 0.5) * width


def _has_outside(counts):
    return bool(np.any(counts.outside[counts.values != 0]))


def project_cell(channel, cell_mask, name: str = "") -> np.ndarray:
    """Maximum-projects a cell along z; columns outside it have the lowest possible value.

    Args: channel, cell_mask: see `background_intensity`. name: of the channel, for errors.
    Returns: (Y, X) of the channel's own type.
    Raises: ValueError: the channel has NaN or infinite intensities, inside the cell or outside.
    """
    planes = _masked_planes(channel, cell_mask, name)
    projection = next(planes).copy()
    for plane in planes:
        np.maximum(projection, plane, out=projection)
    return projection


def mask_cell(channel, cell_mask, name: str = "") -> np.ndarray:
    """Gives the voxels outside a cell the lowest possible value. Returns: (Z, Y, X). Otherwise as `project_cell`."""
    masked = np.empty_like(channel)
    for z, plane in enumerate(_masked_planes(channel, cell_mask, name)):
        masked[z] = plane
    return masked


def _masked_planes(channel, cell_mask, name):
    """Yields the planes with the lowest possible value outside the cell, all of them in the same array."""
    unsigned, floating = channel.dtype.kind in "bu", channel.dtype.kind == "f"
    lowest = -np.inf if floating else _range(channel)[0]
    masked = np.empty(channel.shape[1:], channel.dtype)
    for z, (plane, inside) in enumerate(zip(channel, cell_mask, strict=True)):
        if floating and not (np.isfinite(plane.min()) and np.isfinite(plane.max())):
            raise ValueError(f"the {name} channel has NaN or infinite intensities, the first ones in plane {z}.")
        if unsigned:
            np.multiply(plane, inside, out=masked)
        else:
            masked.fill(lowest)
            np.copyto(masked, plane, where=inside)
        yield masked
