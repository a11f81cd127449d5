"""Larger frames for cells that reach beyond a build's frame: the smallest that hold them, and what each would lose."""

import json
import math

import numpy as np

from icell_tf.data.builder.config import PIXEL_SIZES
from icell_tf.imaging.frame.frame import Frame, in_plane
from icell_tf.spec import SIDES

_SHARES = 0.1, 0.05, 0.01, 0.0  # of all cells, that a larger frame may lose


def larger_frames(frame, bad_cells, count) -> list[str]:
    """Returns lines of text: larger frames of the smallest pixels, or of the smallest image, and the cells each loses.

    Args: frame: the build's `Frame`. bad_cells: `BadCell`s. count: of all cells, good and bad.
    """
    reaches = np.array([bad.reach for bad in bad_cells if bad.reach])
    if not len(reaches):
        return []
    # Those that need the largest frame first; a frame that may lose n cells is made for the others.
    reaches = reaches[np.argsort(-(reaches / frame.extent).max(axis=1), kind="stable")]
    made = [reaches[min(int(share * count), len(reaches) - 1) :].max(axis=0) for share in _SHARES]
    lines = [f"{len(reaches)} of {count} cells reach beyond the frame of {frame}. What larger frames would lose:"]
    shape, pixel_size = f"image_size {_value(frame.shape)}", f"pixel_size {_value(frame.pixel_size)}"
    for argument, attribute, larger, other in (
        ("pixel_size", "pixel_size", _larger_pixels, shape),
        ("image_size", "shape", _larger_image, pixel_size),
    ):
        lost = {}
        for candidate in (larger(frame, reach) for reach in made):
            if candidate is not None:
                beyond = (reaches > np.array(candidate.extent) / 2).any(axis=1)
                lost[_value(getattr(candidate, attribute))] = int(beyond.sum())
        rows = [f"  {argument} {value} (at {other}): {_cells(number)}" for value, number in lost.items()]
        lines += rows or [f"  no {argument} (at {other}) holds them"]
        if rows and min(lost.values()):
            lines.append(f"  no {argument} (at {other}) holds all")
    return lines


def _larger_pixels(frame, reach):
    """Returns the `Frame` of the smallest pixels that holds a reach, or None. Pixels keep their shape in the plane."""
    factors = np.maximum(1, 2 * reach / frame.extent)
    factors[-2:] = in_plane(factors).max()
    sizes = [
        size if factor == 1 else _rounded_up(size * factor)
        for size, factor in zip(frame.pixel_size, factors, strict=True)
    ]
    return Frame(frame.shape, sizes) if max(sizes) <= PIXEL_SIZES[1] else None


def _rounded_up(size):
    """Rounds up to three digits."""
    digits = 2 - math.floor(math.log10(size))
    return round(math.ceil(size * 10**digits) / 10**digits, max(0, digits))


def _larger_image(frame, reach):
    """Returns the `Frame` of the fewest pixels that holds a reach, or None. A square picture stays one."""
    wanted = np.maximum(frame.shape, 2 * reach / frame.pixel_size)
    if len(set(in_plane(frame.shape))) == 1:
        wanted[-2:] = in_plane(wanted).max()
    if wanted.max() > SIDES[-1]:
        return None
    return Frame([min(side for side in SIDES if side >= need) for need in wanted], frame.pixel_size)


def _value(sizes):
    """A value for --config: one number if all are equal."""
    sizes = list(sizes)
    return json.dumps(sizes[0] if len(set(sizes)) == 1 and len(sizes) == 2 else sizes)


def _cells(count):
    return f"{count} cell{'s' * (count != 1)}" if count else "none"
