"""Pixel sizes: from a file's units to µm, and from the file or the user."""

import math

import numpy as np

from icell_tf.imaging.read.source import StackError

# µm per unit, as OME-XML, OME-Zarr and ImageJ write units.
_MICROMETRES = {"m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "nm": 1e-3, "pm": 1e-6, "Å": 1e-4, "in": 25400.0}
_SPELLINGS = {
    "µm": "um μm \\u00b5m micron microns micrometer micrometre",  # μ is the Greek letter, µ the micro sign
    "nm": "nanometer nanometre",
    "mm": "millimeter millimetre",
    "cm": "centimeter",
    "m": "meter",
    "Å": "angstrom å",
    "in": "inch inches",
}
_SAME_SIZE = 0.02  # sizes that differ by a smaller share are the same, rounded
_UNITS = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings.split()}


def micrometres(value, unit) -> float:
    """Converts a physical size to µm; nan if there is none, or if the unit is not a length."""
    unit = str(unit).strip()
    unit = _UNITS.get(unit.lower(), unit)
    try:
        size = float(value) * _MICROMETRES[unit]
    except (TypeError, ValueError, KeyError):
        return math.nan
    return size if math.isfinite(size) and size > 0 else math.nan


def compare_scales(first, second, axes="zyx") -> tuple[str, str] | None:
    """Compares two pixel sizes (z, y, x) along some of their axes; nan is unknown and differs from nothing.

    Returns: None if they differ by at most 2 %, else both as text, along the axes where they do: "y 0.2, x 0.2 µm".
    """
    pairs = {axis: pair for axis, *pair in zip("zyx", first, second, strict=True) if axis in axes}
    differ = {axis: (a, b) for axis, (a, b) in pairs.items() if abs(a - b) > _SAME_SIZE * max(a, b)}
    if not differ:
        return None
    return tuple(", ".join(f"{axis} {pair[i]:g}" for axis, pair in differ.items()) + " µm" for i in (0, 1))


def resolve_scale(path: str, found, given, by="the file") -> tuple[tuple[float, float, float], str]:
    """Returns the (z, y, x) of a stack, the given size, or else its file's; and a sentence if the two differ.

    Args:
      path: for errors.
      found: (z, y, x) in µm; nan if the file doesn't say.
      given: (z, y, x), (y, x) or one number for y and x, in µm, or None. A given z of nan keeps the file's z.
      by: what says the found size, for the sentence.

    Raises: StackError: a given size isn't positive, or the size along y or x is neither given nor found.
    """
    scale = list(found)
    if given is not None:
        given = [float(value) for value in np.atleast_1d(given)]
        positive = [0 < value < math.inf for value in given]
        z_unknown = len(given) == 3 and math.isnan(given[0])
        if len(given) > 3 or not all(positive[1:] if z_unknown else positive):
            raise StackError(
                f"{path}: expected a pixel size of positive µm per pixel, as z,y,x or one number, found "
                f"{', '.join(f'{value:g}' for value in given)} (--pixel_size; a manifest's column scale_micron)."
            )
        given = given * 2 if len(given) == 1 else given
        scale[3 - len(given) + z_unknown :] = given[z_unknown:]
    missing = [axis for axis, value in zip("yx", scale[1:], strict=True) if not math.isfinite(value)]
    if missing:
        raise StackError(
            f"{path}: its metadata has no pixel size in a known unit along {' and '.join(missing)}. Give it in µm per "
            "pixel: with --pixel_size, or in the manifest's column scale_micron as [z, y, x]."
        )
    differ = compare_scales(scale, found)
    if differ is None:
        return tuple(scale), ""
    return tuple(scale), f"the pixel size is given as {differ[0]}, and {by} says {differ[1]}: the given one is used."
