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


def background_intensity(channel, cell_mask, sample: int = _SAMPLE, no_data=None):
    """Returns the background: the lower value of a segmentation, else the most frequent intensity outside the cell.

    Of a stack of at least twice `sample` voxels, only about `sample` voxels are counted first. Then the candidates,
    whose counts are within three standard deviations of the highest, are counted in the whole stack. All intensities
    of the whole stack are counted if the sample can't decide: if the channel may be a segmentation or was masked, or if
    there are too many candidates.

    Args:
      channel: (Z, Y, X) numbers.
      cell_mask: (Z, Y, X) bool.
      sample: number of voxels.
      no_data: (Z, Y, X) bool, voxels that don't count, as `find_no_data` returns them; None: all count.
    """
    step = max(1, channel.size // sample)
    counts = count_intensities(channel, cell_mask, step, no_data)
    if step > 1:
        highest = counts.outside.max(initial=0)
        candidates = counts.values[counts.outside >= highest - 3 * math.sqrt(2 * highest)]
        if _has_outside(counts) and _is_continuous(counts.outside):
            return most_populous_intensity(counts)
        if _has_outside(counts) and len(counts.values) > 2 and len(candidates) <= _MAX_CANDIDATES:
            ignored = cell_mask if no_data is None else cell_mask | no_data
            return candidates[np.argmax(_count_outside(channel, ignored, candidates))]
        counts = count_intensities(channel, cell_mask, 1, no_data)
    return counts.values[0] if is_segmentation(counts) else most_populous_intensity(counts)


def count_intensities(channel, cell_mask, step: int = 1, no_data=None) -> Intensities:
    """Counts the voxels of each intensity.

    Args:
      channel, cell_mask, no_data: see `background_intensity`.
      step: only every step-th row of a plane counts; the first one differs between planes.
    """
    stacks = (channel, cell_mask) if no_data is None else (channel, cell_mask, no_data)
    if channel.dtype.kind in "bui":
        lowest, highest = _range(channel)
        if highest - lowest < _BINCOUNT_RANGE:
            total = np.zeros(2 * (highest - lowest + 1), np.intp)  # outside, inside; for each intensity
            for values, inside in _parts(stacks, step):
                index = 2 * (values.astype(np.intp) - lowest) + inside
                total += np.bincount(index.ravel(), minlength=len(total))
            present = np.flatnonzero(total[::2] + total[1::2])
            return Intensities(present + lowest, total[2 * present], total[2 * present + 1])
    values, inside = (np.concatenate(parts, axis=None) for parts in zip(*_parts(stacks, step), strict=True))
    values, index = np.unique(values, return_inverse=True)
    total = np.bincount(2 * index.ravel() + inside, minlength=2 * len(values))
    return Intensities(values, total[::2], total[1::2])


def _range(channel):
    if channel.dtype.itemsize <= 2 and channel.dtype.kind != "b":
        limits = np.iinfo(channel.dtype)
        return int(limits.min), int(limits.max)
    return int(channel.min()), int(channel.max())


def _parts(stacks, step):
    """Yields every step-th row of a plane of channel and mask, where there are data; some planes at a time.

    Args: stacks: channel, mask and, unless all voxels hold data, those that don't. step: see `count_intensities`.
    """
    channel = stacks[0]
    together = max(1, _SAMPLE * step // channel[0].size)
    for start in range(0, len(channel), together):
        planes = range(start, min(start + together, len(channel)))
        values, inside, *no_data = (np.concatenate([stack[z, z % step :: step] for z in planes]) for stack in stacks)
        yield (values[~no_data[0]], inside[~no_data[0]]) if no_data else (values, inside)


def _count_outside(channel, ignored, values):
    """Counts the voxels that have each of a few values and are not ignored."""
    values = values.astype(channel.dtype)  # so that the comparison makes no wider copy of the plane
    counts = np.zeros(len(values), np.intp)
    for plane, without in zip(channel, ignored, strict=True):
        counts += [np.count_nonzero((plane == value) > without) for value in values]
    return counts


def is_segmentation(counts: Intensities) -> bool:
    """Whether a channel is a segmentation, and thus has no background: it has exactly two values."""
    return len(counts.values) == 2


def most_populous_intensity(counts: Intensities):
    """Returns the most frequent intensity outside the cell or, if all is 0 there, the most frequent nonzero one inside.

    A crop that was masked before is 0 outside, which says nothing about its background. Inside it the highest intensity
    is no background either, however frequent it is: the camera, or the image's type, can't count beyond it.

    Raises: ValueError: all is 0 outside, and the highest intensity fills most of what isn't 0 inside.
    """
    if _has_outside(counts):
        return most_frequent(counts.values, counts.outside)
    inside = np.where(counts.values != 0, counts.inside, 0)
    (present,) = np.nonzero(inside)
    if len(present) < 2:
        return counts.values[present[0]] if len(present) else 0
    if 2 * inside[present[-1]] > inside.sum():
        raise ValueError(
            f"its highest intensity, {counts.values[present[-1]]:g}, fills most of what isn't 0 in it. Is it a "
            "segmentation with soft edges? Then say so by a threshold: the manifest's column channel_threshold, of "
            'all cells of a build "channel_threshold": "membrane:127" in --config, in `icell integrate` '
            "--channel_threshold. Else it is overexposed."
        )
    return most_frequent(counts.values[present[:-1]], inside[present[:-1]])


def most_frequent(values, frequencies):
    """Returns the most frequent value; those that hardly ever occur twice are counted in bins.

    Args: values: ascending. frequencies: how often each occurs.
    """
    if _is_continuous(frequencies):
        return _middle_of_fullest_bin(np.repeat(values, frequencies))
    return values[np.argmax(frequencies)] if frequencies.any() else 0


def _is_continuous(frequencies):
    return 2 * np.count_nonzero(frequencies) > frequencies.sum()


def _middle_of_fullest_bin(values):
    """A bin is a twelfth of the interquartile range, which some bright neighbours don't change.

    If many do, bins are wide, and hold more than a twelfth of the values: then the fullest bin and the two beside it
    are divided again.

    Args: values: ascending.
    """
    values = values.astype(np.float64)
    while True:
        low, high = (values[round(share * (len(values) - 1))] for share in (0.25, 0.75))
        width = (high - low) / 12
        if width == 0:
            return values[len(values) // 2]
        bins, frequencies = np.unique(np.floor((values - low) / width), return_counts=True)
        middle = low + (bins[np.argmax(frequencies)] + 0.5) * width
        start, stop = np.searchsorted(values, (middle - 1.5 * width, middle + 1.5 * width))
        if 12 * frequencies.max() <= len(values) or stop - start == len(values):
            return middle
        values = values[start:stop]


def _has_outside(counts):
    return bool(np.any(counts.outside[counts.values != 0]))


def project_cell(channel, cell_mask, name: str = "") -> np.ndarray:
    """Maximum-projects a cell along z; columns outside it have the lowest possible value.

    Args: channel, cell_mask: see `background_intensity`. name: of the channel, for errors.
    Returns: (Y, X) of the channel's own type.
    Raises: ValueError: the channel has infinite intensities, or NaN within the cell.
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
            if np.isinf(plane).any() or np.isnan(plane[inside]).any():
                raise ValueError(
                    f"the {name} channel has infinite intensities, or NaN within the cell, the first ones in plane "
                    f"{z}. NaN marks pixels without data, which may lie outside the cell only: export the stack again, "
                    "or leave the cell out."
                )
        if unsigned:
            np.multiply(plane, inside, out=masked)
        else:
            masked.fill(lowest)
            np.copyto(masked, plane, where=inside)
        yield masked
