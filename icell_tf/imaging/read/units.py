"""Pixel sizes: from a file's units to µm, and from the file or the user."""

import html
import math
import re
import unicodedata

import numpy as np

from icell_tf.imaging.read.source import StackError

# SI's prefixes with their powers of ten; u stands for µ.
_PREFIXES = (
    "y yocto -24,z zepto -21,a atto -18,f femto -15,p pico -12,n nano -9,u micro -6,u mikro -6,m milli -3,c centi -2,"
    "d deci -1,da deca 1,da deka 1,h hecto 2,k kilo 3,M mega 6,G giga 9,T tera 12,P peta 15,"
    "E exa 18,Z zetta 21,Y yotta 24"
)
_OTHERS = {  # µm per unit, of those that OME-XML, OME-Zarr and ImageJ know beside the metre
    "micron microns mikron": 1.0,
    "å ångström ångströms angstrom angstroms": 1e-4,
    'in inch inches "': 25400.0,
    "thou mil mils": 25.4,
    "li": 25400 / 12,
    "pt": 25400 / 72,
    "ft foot feet": 304800.0,
    "yd yard yards": 914400.0,
}


def _spellings():
    """Returns {spelling: µm}; the symbols of SI as they are, as mm and Mm differ, and all else in lower case."""
    found = {name: size for names, size in _OTHERS.items() for name in names.split()}
    for symbol, word, power in (("", "", "0"), *(prefix.split() for prefix in _PREFIXES.split(","))):
        for spelling in (f"{symbol}m", *(f"{word}{metre}" for metre in ("meter", "meters", "metre", "metres"))):
            found[spelling] = 10.0 ** (6 + int(power))
    return found


_MICROMETRES = _spellings()
_SAME_SIZE = 0.02  # sizes that differ by a smaller share are the same, rounded
_ESCAPED = re.compile(r"\\+u([0-9a-f]{4})", re.IGNORECASE)  # ImageJ writes µ as \u00B5


def micrometres(value, unit) -> float:
    """Converts a physical size to µm; nan if there is none, or if the unit is not a length."""
    unit = _plain(str(unit))
    try:
        size = float(value) * (_MICROMETRES.get(unit) or _MICROMETRES[unit.lower()])
    except (TypeError, ValueError, KeyError):
        return math.nan
    return size if math.isfinite(size) and size > 0 else math.nan


def _plain(unit):
    """Returns a unit with u for any µ: the micro sign, the Greek letter, \\u00B5, &#181;, and UTF-8 read as Latin-1."""
    unit = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), html.unescape(unit))
    unit = unicodedata.normalize("NFKC", unit.replace("Â", "")).replace("μ", "u")  # NFKC: one letter for both µ
    return unit.strip().rstrip(".")


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
