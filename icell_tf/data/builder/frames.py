"""Larger frames for cells that reach beyond a build's frame: the smallest that hold them, and what each would lose."""

import json
import math

import numpy as np

from icell_tf.data.builder.config import PIXEL_SIZES
from icell_tf.imaging.frame.frame import Frame, in_plane
from icell_tf.spec import SIDES

_SHARES = 0.1, 0.05, 0.01, 0.0  # of all cells, that frames of larger pixels may lose


def larger_frames(frame, bad_cells, count, largest_pixel=PIXEL_SIZES[1]) -> list[str]:
    """Returns lines of text: frames of larger pixels, or of a larger image, up to the smallest that hold all cells.

    Args: frame: the build's `Frame`. bad_cells: `BadCell`s. count: of all cells, good and bad. largest_pixel: µm, the
      largest pixel_size that a build accepts.
    """
    reaches = np.array([bad.reach for bad in bad_cells if bad.reach])
    if not len(reaches):
        return []
    lines = [f"{len(reaches)} of {count} cells reach beyond the frame of {frame}. What larger frames would lose:"]
    pixels, images = _larger_pixels(frame, reaches, count, largest_pixel), _larger_images(frame, reaches)
    for argument, attribute, larger, other in (
        ("pixel_size", "pixel_size", pixels, f"image_size {_value(frame.shape)}"),
        ("image_size", "shape", images, f"pixel_size {_value(frame.pixel_size)}"),
    ):
        fewest = len(reaches) + 1
        for candidate in larger:
            lost = int((reaches > np.array(candidate.extent) / 2).any(axis=1).sum())
            if lost < fewest:
                fewest = lost
                lines.append(f"  {argument} {_value(getattr(candidate, attribute))} (at {other}): {_cells(lost)}")
        if fewest:
            lines.append(f"  no {argument} (at {other}) holds all")
    return lines


def _larger_pixels(frame, reaches, count, largest_pixel):
    """Yields the `Frame`s of the smallest pixels that lose a share of the cells; in the plane they keep their shape."""
    # Those that need the largest frame first; a frame that may lose n cells is made for the others.
    reaches = reaches[np.argsort(-(reaches / frame.extent).max(axis=1), kind="stable")]
    for share in _SHARES:
        reach = reaches[min(int(share * count), len(reaches) - 1) :].max(axis=0)
        factors = np.maximum(1, 2 * reach / frame.extent)
        factors[-2:] = in_plane(factors).max()
        pairs = zip(frame.pixel_size, factors, strict=True)
        sizes = [size if factor == 1 else _rounded_up(size * factor) for size, factor in pairs]
        if max(sizes) <= largest_pixel:
            yield Frame(frame.shape, sizes)


def _larger_images(frame, reaches):
    """Yields the `Frame`s of twice as many pixels along the axes that are short, and so on. A square stays one."""
    shape, needed = np.array(frame.shape), 2 * reaches.max(axis=0) / frame.pixel_size
    while (short := needed > shape).any():
        if len(set(in_plane(frame.shape))) == 1:
            short[-2:] = in_plane(short).any()
        shape = np.where(short, 2 * shape, shape)
        if shape.max() > SIDES[-1]:
            return
        yield Frame(shape.tolist(), frame.pixel_size)


def _rounded_up(size):
    """Rounds up to three digits."""
    digits = 2 - math.floor(math.log10(size))
    return round(math.ceil(size * 10**digits) / 10**digits, max(0, digits))


def _value(sizes):
    """A value for --config: one number of a picture whose sides are equal, else a list."""
    sizes = list(sizes)
    return json.dumps(sizes[0] if len(set(sizes)) == 1 and len(sizes) == 2 else sizes)


def _cells(count):
    return f"{count} cell{'s' * (count != 1)}" if count else "none"
