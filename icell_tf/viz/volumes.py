"""The views of cells that pictures show: a plane as it is; a volume from above, from the front and from the side.

Images have axes (..., Y, X, C) or (..., Z, Y, X, C). Views are a dict from a view's axes to its image, without the
other axis: {"YX": (..., Y, X, C)} of planes; of volumes also "ZX" (..., Z, X, C) and "YZ" (..., Y, Z, C).
"""

import numpy as np
from scipy import ndimage

from icell_tf.viz.figures import EDGE, around_cell

VIEWS = {"YX": ("YX",), "ZYX": ("YX", "ZX", "YZ")}
GAP = 2  # pixels between views
_PANEL_PIXELS = 120
_LEAST_SHARE = 0.2  # of a scale bar, so that its label can be read, also where volumes are flat


def projections(images, axes):
    """Returns views of the maximum along the axis of sight. Args: images; their axes, YX or ZYX."""
    return {view: _seen(images, axes, view, np.max) for view in VIEWS[axes]}


def slices(images, axes):
    """Returns views of the planes through the middle of the frame. Args: images; their axes, YX or ZYX."""
    return {view: _seen(images, axes, view, _middle) for view in VIEWS[axes]}


def _seen(images, axes, view, flatten):
    for axis in set(axes) - set(view):
        images = flatten(images, axis=axes.index(axis) - len(axes) - 1)  # the channels come last
    letters = [axis for axis in axes if axis in view]
    return images if letters == list(view) else np.swapaxes(images, -3, -2)


def _middle(images, axis):
    return np.take(images, images.shape[axis] // 2, axis=axis)


def around(views, margin=0.1):
    """Finds the part of the frame to crop pictures to.

    Args:
      views: projections of one cell, or of the maximum of several, with membrane and nucleus first.
      margin: left free on each side, as a fraction of the cell's extent.

    Returns: {axis: slice}: of planes the square of `around_cell`, of volumes the cell's extent along each axis.
    """
    if "ZX" not in views:
        return dict(zip("YX", around_cell(views["YX"], margin), strict=True))
    above, front = (views[view][..., :2].max(axis=-1) for view in ("YX", "ZX"))
    profiles = {"Z": front.max(axis=1), "Y": above.max(axis=1), "X": above.max(axis=0)}
    return {axis: _extent(profile, margin) for axis, profile in profiles.items()}


def _extent(profile, margin):
    """Where a cell lies along an axis, and a margin; the whole axis where there is none."""
    places = np.flatnonzero(profile > EDGE * profile.max())
    if not places.size:
        return slice(0, len(profile))
    low, high = int(places[0]), int(places[-1]) + 1
    more = int(np.ceil(margin * (high - low)))
    return slice(max(0, low - more), min(len(profile), high + more))


def cut(views, window):
    """Returns the part of views that a window of `around` shows."""
    return {view: image[(..., *(window[axis] for axis in view), slice(None))] for view, image in views.items()}


def through(images, axes, window=None):
    """Returns the planes of volumes (..., Z, Y, X, C) along z, as (Z, ..., Y, X, C).

    Args: images; their axes, ZYX; window: as of `around`, of which only the planes in it are returned; None: all.
    """
    window = {"Z": slice(None), "Y": slice(None), "X": slice(None)} | (window or {})
    cut_out = images[(..., *(window[axis] for axis in axes), slice(None))]
    return np.moveaxis(cut_out, axes.index("Z") - len(axes) - 1, 0)


def arrange(views, pixel_size):
    """Puts a cell's views into one picture, in which all axes have the scale of x.

    Below the view from above is that from the front, along the same x; right of it is that from the side, along the
    same y. The corner is empty.

    Args: views: of one cell or more, all with the same leading axes. pixel_size: {axis: µm}.
    Returns: (..., height, width, C).
    """
    views = {view: _in_scale(image, view, pixel_size) for view, image in views.items()}
    above = views["YX"]
    if len(views) == 1:
        return above
    front, side = views["ZX"], views["YZ"]
    *leading, height, width, channels = above.shape
    depth = front.shape[-3]
    picture = np.zeros((*leading, height + GAP + depth, width + GAP + depth, channels), above.dtype)
    picture[..., :height, :width, :] = above
    picture[..., height + GAP :, :width, :] = front
    picture[..., :height, width + GAP :, :] = side
    return picture


def layout(window, pixel_size):
    """Returns how `panels.montage` takes what `arrange` returns: {bar_share, panel_pixels}, or {} for planes.

    The scale bar of a volume fits into the empty corner, and three views together need not be as large as three panels.

    Args: window: as of `around`; pixel_size: {axis: µm}.
    """
    if "Z" not in window:
        return {}
    depth, width = ((window[axis].stop - window[axis].start) * pixel_size[axis] for axis in "ZX")
    return {"bar_share": max(_LEAST_SHARE, 0.85 * depth / (depth + width)), "panel_pixels": _PANEL_PIXELS}


def _in_scale(image, view, pixel_size):
    """A view with pixels as large as those along x."""
    factors = [pixel_size[axis] / pixel_size["X"] for axis in view]
    if factors == [1, 1]:
        return image
    zoom = [max(1, round(factor * side)) / side for factor, side in zip(factors, image.shape[-3:-1], strict=True)]
    return ndimage.zoom(image, [1] * (image.ndim - 3) + [*zoom, 1], order=1, mode="nearest", grid_mode=True)
