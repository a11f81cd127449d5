"""Reads a microscope's TIFF (OME-TIFF, ImageJ hyperstack or plain, a stack or a single plane) as channels of voxels."""

import dataclasses
import logging
import math
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

import numpy as np
import tifffile

# µm per unit, as OME-XML and ImageJ write units.
_MICROMETRES = {"m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "nm": 1e-3, "pm": 1e-6, "Å": 1e-4, "in": 25400.0}
_UNIT_SPELLINGS = {
    "um": "µm",
    "μm": "µm",  # Greek mu rather than the micro sign
    "\\u00b5m": "µm",
    "micron": "µm",
    "microns": "µm",
    "micrometer": "µm",
    "micrometre": "µm",
    "nanometer": "nm",
    "millimeter": "mm",
    "angstrom": "Å",
    "å": "Å",
    "inch": "in",
    "inches": "in",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Stack:
    """A stack of one field or cell.

    Attributes:
      data: (C, Z, Y, X) in the file's own intensities.
      channels: a name for each channel; its number where the file has no names.
      scale: (z, y, x), µm per voxel; z is nan where it is not known (a projected picture doesn't need it).
      path: the file, for errors.
    """

    data: np.ndarray
    channels: tuple[str, ...]
    scale: tuple[float, float, float]
    path: str = ""

    def channel(self, name_or_number) -> np.ndarray:
        """Returns the (Z, Y, X) of a channel given by its name or 0-based number; a name goes before a number."""
        name = str(name_or_number)
        if name in self.channels:
            return self.data[self.channels.index(name)]
        if name.isdigit() and int(name) < len(self.channels):
            return self.data[int(name)]
        raise ValueError(
            f"{self.path or 'The stack'}: there is no channel {name!r}; its channels are "
            f"{', '.join(f'{i}: {channel}' for i, channel in enumerate(self.channels))}."
        )


def read_stack(path, *, axes: str | None = None, channels: Sequence[str] | None = None, scale=None) -> Stack:
    """Reads a TIFF. What is given explicitly goes before what the file says.

    Args:
      path: an OME-TIFF, ImageJ or plain TIFF; a single plane is a stack of one.
      axes: a letter of T, C, Z, Y, X or S (samples of an RGB image) for each dimension of the file's array.
      channels: the channels' names.
      scale: µm per voxel: (z, y, x), (y, x), or one number for y and x.

    Raises:
      FileNotFoundError: no such file.
      ValueError: not a TIFF, axes that can't be told, more than one time point, another number of channels than
        given, or no pixel size in the file and none given.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: there is no such file.")
    complaints = _Complaints()
    logging.getLogger("tifffile").addHandler(complaints)
    try:
        with tifffile.TiffFile(path) as tiff:
            metadata = _Metadata.of(tiff)
            data = tiff.series[0].asarray()
    except Exception as error:  # damaged files raise whatever their codec or parser raises
        raise ValueError(f"{path}: can't be read as a TIFF: {error}") from error
    finally:
        logging.getLogger("tifffile").removeHandler(complaints)
    if complaints.truncated:
        raise ValueError(f"{path}: the file is cut short: pages that it lists lie beyond its end. Copy it again.")
    data = data.astype(data.dtype.newbyteorder("="), copy=False)
    data = _to_czyx(data, _resolve_axes(path, data.shape, metadata.axes, axes, channels), path)
    if channels is None:
        channels = metadata.channels if len(metadata.channels) == len(data) else [str(i) for i in range(len(data))]
    if len(channels) != len(data):
        raise ValueError(
            f"{path}: {len(channels)} channels are named ({', '.join(channels)}), the file has {len(data)} "
            f"(array {data.shape} as CZYX). Check the names, or the axes (--axes)."
        )
    return Stack(data, tuple(channels), _resolve_scale(path, metadata.scale, scale), path)


class _Complaints(logging.Handler):
    """Hears that pages are missing, which tifffile logs and then leaves out."""

    truncated = False

    def emit(self, record):
        self.truncated |= "invalid page offset" in record.getMessage()


@dataclasses.dataclass(frozen=True)
class _Metadata:
    """What a file says of itself: axes by tifffile's letters, channel names, and (z, y, x) in µm, nan where unknown."""

    axes: str
    channels: tuple[str, ...] = ()
    scale: tuple[float, float, float] = (math.nan,) * 3

    @classmethod
    def of(cls, tiff):
        series = tiff.series[0]
        if tiff.is_ome and tiff.ome_metadata:
            return cls(series.axes, *_ome_metadata(tiff.ome_metadata))
        if tiff.is_imagej:
            return cls(series.axes, *_imagej_metadata(tiff, series))
        return cls(series.axes)


def _ome_metadata(xml):
    """Channel names and (z, y, x) of the first image in an OME-XML document."""
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return (), (math.nan,) * 3
    names = tuple(channel.get("Name") or str(i) for i, channel in enumerate(pixels.findall("{*}Channel")))
    sizes = (
        micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX"
    )
    return names, tuple(sizes)


def _imagej_metadata(tiff, series):
    """Channel names (from slice labels) and (z, y, x) of an ImageJ hyperstack."""
    metadata = tiff.imagej_metadata or {}
    unit = metadata.get("unit", "")
    tags = series.pages[0].tags
    sizes = [micrometres(metadata.get("spacing"), metadata.get("zunit", unit))]
    for axis, tag in (("y", "YResolution"), ("x", "XResolution")):
        pixels, per_unit = tags[tag].value if tag in tags else (0, 1)
        axis_unit = metadata.get(f"{axis}unit", unit)
        sizes.append(micrometres(per_unit / pixels, axis_unit) if pixels and per_unit else math.nan)
    count = dict(zip(series.axes, series.shape, strict=True)).get("C", 1)
    labels = [str(label) for label in metadata.get("Labels") or ()][:count]
    return tuple(labels) if len(set(labels)) == count and all(labels) else (), tuple(sizes)


def micrometres(value, unit) -> float:
    """Converts a physical size to µm; nan where there is none, or where the unit is not a length."""
    unit = str(unit).strip()
    unit = _UNIT_SPELLINGS.get(unit.lower(), unit)
    try:
        size = float(value) * _MICROMETRES[unit]
    except (TypeError, ValueError, KeyError):
        return math.nan
    return size if math.isfinite(size) and size > 0 else math.nan


def _resolve_axes(path, shape, found, given, channels):
    """One letter of TCZYXS for each dimension: the given ones, or the file's with unnamed stack axes worked out."""
    if given is not None:
        given = given.upper()
        if len(given) != len(shape) or len(set(given)) != len(given) or not {"Y", "X"} <= set(given) <= set("TCZYXS"):
            raise ValueError(
                f"{path}: the axes {given!r} don't fit its array of shape {shape}: expected {len(shape)} different "
                "letters of TCZYXS, Y and X among them (--axes)."
            )
        return given
    letters = list(found)
    unnamed = [i for i, letter in enumerate(letters) if letter not in "TCZYXS" and shape[i] > 1]
    if channels is not None and "C" not in letters and "S" not in letters and len(channels) > 1:
        matching = [i for i in unnamed if shape[i] == len(channels)]
        if len(matching) == 1:
            letters[matching[0]] = "C"
            unnamed.remove(matching[0])
    if len(unnamed) == 1 and "Z" not in letters and (channels is not None or "C" in letters):
        letters[unnamed.pop()] = "Z"
    if unnamed:
        raise ValueError(
            f"{path}: its metadata doesn't say what the axes of its array of shape {shape} are ({found}). Give them, "
            f"for instance as {'CZYX'[-len(shape) :]} (--axes)."
        )
    return "".join(letters)


def _to_czyx(data, axes, path):
    """Brings an array with axes of TCZYXS and singletons into (C, Z, Y, X); an RGB image's samples are channels."""
    if not {"Y", "X"} <= set(axes):
        raise ValueError(f"{path}: found the axes {axes}; an image needs Y and X (--axes).")
    keep = [i for i, letter in enumerate(axes) if letter in "CZYXS"]
    for letter, size in zip(axes, data.shape, strict=True):
        if letter not in "CZYXS" and size > 1:
            raise ValueError(
                f"{path}: found {size} time points (axis {letter} of {axes}, shape {data.shape}); one is expected. "
                "Save each time point as a file of its own, or name the axes (--axes) if this one isn't time."
            )
    data = data.reshape([data.shape[i] for i in keep])
    axes = "".join(axes[i] for i in keep)
    for letter in "CSZ":
        if letter not in axes:
            data, axes = data[None], letter + axes
    data = np.transpose(data, [axes.index(letter) for letter in "CSZYX"])
    return data.reshape((-1, *data.shape[2:]))


def _resolve_scale(path, found, given):
    scale = list(found)
    if given is not None:
        given = [float(value) for value in np.atleast_1d(given)]
        given = given * 2 if len(given) == 1 else given
        if len(given) > 3 or not all(math.isfinite(value) and value > 0 for value in given[-2:]):
            raise ValueError(f"{path}: expected a pixel size of positive µm per pixel, found {given} (--pixel_size).")
        scale[3 - len(given) :] = given
    if not all(math.isfinite(value) for value in scale[1:]):
        raise ValueError(
            f"{path}: its metadata has no pixel size in a known unit. Give it in µm per pixel: with --pixel_size, or "
            "in the manifest's column scale_micron as [z, y, x]."
        )
    return tuple(scale)
