"""Pixels that hold no data: NaN, and the zeros that stitching, rotation, registration and padding leave at the border.

They are no background and no signal. A crop that is 0 all around its cell is another thing: there 0 is the background,
or was put in its place.
"""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from icell_tf.imaging.components import largest_component
from icell_tf.imaging.frame.intensity import most_frequent

_LEAST_REST = 0.05  # share of the surroundings that isn't 0; if it is less, 0 fills them
_LEAST_PIECE = 0.5  # of the pixels that hold data are connected
_NEAR_ZERO = 0.25  # share of the pixels darker than the background that may be nearer to 0 than to the background
_STRAY = 0.02  # share of all pixels that may be so as well: the rim of what holds no data
_LEAST_DARKER = 0.05  # share of all pixels that is darker than a background with noise
_LEAST_STEPS = 16  # from 0 to the lowest intensity of an image with hardly any noise, in steps between its intensities
_SAMPLE = 1 << 20  # pixels that are looked at, about
_IN_PLANE = ndimage.generate_binary_structure(3, 1) & np.array([False, True, False])[:, None, None]
_BLOCK = np.ones((1, 2, 2), bool)


def find_no_data(channel, cell_mask=None) -> np.ndarray | None:
    """Finds the voxels of a channel that hold no data.

    They are NaN, or zeros in solid regions that reach the border of their plane. Zeros hold no data only if the rest of
    the surroundings has another background: its most frequent intensity lies apart from 0, and the cell is hardly ever
    darker. Zeros are intensities like any other

    - in images without such a background, as after its subtraction, or after masking;
    - where they fill the surroundings;
    - where they divide the image into many pieces, as the ground between nuclei does.

    Args: channel: (Z, Y, X) numbers. cell_mask: (Z, Y, X) bool; None: there is no cell, as in a whole field.
    Returns: (Z, Y, X) bool, or None if all voxels hold data.
    """
    missing = np.isnan(channel) if channel.dtype.kind == "f" and np.isnan(channel.min()) else None
    if not any((edge == 0).any() for edge in (channel[:, [0, -1]], channel[:, :, [0, -1]])):
        return missing
    known = np.ones(channel.shape, bool) if missing is None else ~missing
    cell = np.zeros(channel.shape, bool) if cell_mask is None else cell_mask
    zeros = channel == 0
    if _has_two_values(channel, known) or not _has_other_background(channel, known & ~zeros, cell, known):
        return missing  # the quicker answer, without a search for regions
    zeros = _solid_at_the_border(zeros)
    in_one_piece = largest_component(~zeros.all(axis=0))[1] >= _LEAST_PIECE
    if not zeros.any() or not in_one_piece or not _has_other_background(channel, known & ~zeros, cell, known):
        return missing
    return zeros if missing is None else zeros | missing


def describe_no_data(shares: Mapping[str, float]) -> str:
    """Says in which channels how much holds no data; "" if all do. Args: shares: {channel: share of its voxels}."""
    if not shares:
        return ""
    percent = 100 * max(shares.values())
    about = f"about {float(f'{percent:.1g}'):g} %" if percent >= 1 else "less than 1 %"
    return f"{about} of the {', '.join(shares)} image holds no data (NaN, or 0 along the border) and is left out"


def filled_plane(channel, no_data, project) -> tuple[np.ndarray, np.ndarray]:
    """Projects a channel along z; pixels without data get the value of the nearest pixel that has some.

    Args: channel: (Z, Y, X) numbers. no_data: (Z, Y, X) bool or None. project: np.max or np.mean.
    Returns: (Y, X) float32, minus the lowest value, so that offsets cost no precision; and (Y, X) bool, where data are.
    Raises: ValueError: it has infinite values, NaN that are not in `no_data`, or no data at all.
    """
    plane = project(channel if no_data is None else np.ma.array(channel, mask=no_data), axis=0)
    known = ~np.ma.getmaskarray(plane)
    plane = np.ma.filled(plane, 0).astype(np.float64)
    if not known.any() or not np.isfinite(plane).all():
        raise ValueError(
            "the image has infinite intensities, or holds no data at all. Replace infinite ones by NaN, which marks "
            "pixels without data, or export it again."
        )
    plane -= plane[known].min()
    if not known.all():
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        plane = plane[tuple(nearest)]
    return plane.astype(np.float32), known


def _has_two_values(channel, known):
    return not (known & (channel != 0) & (channel != channel[known].max(initial=0))).any()


def _solid_at_the_border(zeros):
    """Finds the zeros that are connected with the border of their plane, where they fill squares of 2 x 2 pixels."""
    labels, count = ndimage.label(zeros, _IN_PLANE)
    reached = np.zeros(count + 1, bool)
    for edge in (labels[:, [0, -1]], labels[:, :, [0, -1]]):
        reached[edge] = True
    reached[0] = False
    regions = np.pad(reached[labels], [(0, 0), (1, 1), (1, 1)], mode="edge")  # a strip of one pixel is solid, too
    return ndimage.binary_opening(regions, _BLOCK)[:, 1:-1, 1:-1]


def _has_other_background(channel, with_data, cell, known):
    """Whether the surroundings have a background that lies apart from 0, and the cell is hardly ever darker than it.

    Args: channel: (Z, Y, X). with_data, cell, known: (Z, Y, X) bool: what holds data if zeros hold none, the cell, and
      what isn't NaN.
    """
    values = channel[with_data & ~cell]
    if len(values) < max(1, _LEAST_REST * np.count_nonzero(known & ~cell)):
        return False
    values = values[:: max(1, len(values) // _SAMPLE)]
    levels, counts = np.unique(values, return_counts=True)
    mode, inside = float(most_frequent(levels, counts)), channel[with_data & cell]
    if mode < 0:  # as if it lay as far above 0
        values, levels, inside = (part.astype(np.float64) - 2 * mode for part in (values, levels, inside))
        mode = -mode
    if mode == 0 or not all(_are_apart_from_zero(part, mode) for part in (values, inside)):
        return False
    near, darker, equal = (np.count_nonzero(found) for found in (values <= mode / 2, values < mode, values == mode))
    if darker - near >= _LEAST_DARKER * len(values) or 2 * equal >= len(values):
        return True
    # Without noise, or with hardly any: no intensity is near 0, in steps in which the others differ.
    return not near and len(levels) > 1 and levels[0] >= _LEAST_STEPS * np.diff(levels).min()


def _are_apart_from_zero(values, mode):
    """Whether intensities below a mode are seldom nearer to 0 than to the mode."""
    near = np.count_nonzero(values <= mode / 2) - _STRAY * len(values)
    return near <= _NEAR_ZERO * np.count_nonzero(values < mode)
