"""OME-TIFFs that the package writes: their types, their metadata and the order of their planes."""

import json
import math

import numpy as np
import tifffile

# Those that OME has, the smallest first; it has no integers of 64 bits and no floats of 16.
_INTEGERS = tuple(map(np.dtype, ("uint8", "int8", "uint16", "int16", "uint32", "int32")))
_FLOATS = tuple(map(np.dtype, ("float32", "float64")))
SPEC_NAMESPACE = "icell_tf/spec"  # of the annotation that says how a file's cell was prepared
LARGEST_TIFF = 2**32 - 2**25  # bytes, as tifffile has it
_EXACT = 2**53  # float64 has all integers up to this one


def ome_type(channels) -> np.dtype:
    """Returns the type in which an OME-TIFF holds all channels without loss.

    It is their own where OME has it. Integers of 64 bits go into the smallest that holds them, booleans into uint8.

    Args: channels: arrays of one field, so that all of its cells get one type.
    Raises: ValueError: no type of OME's holds them.
    """
    dtype = np.result_type(*channels).newbyteorder("=")
    if dtype in _INTEGERS + _FLOATS:
        return dtype
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind not in "iu":  # float16
        return np.dtype(np.float32)
    low, high = min(int(channel.min()) for channel in channels), max(int(channel.max()) for channel in channels)
    for fitting in _INTEGERS:
        if np.iinfo(fitting).min <= low and high <= np.iinfo(fitting).max:
            return fitting
    if -_EXACT <= low and high <= _EXACT:
        return np.dtype(np.float64)
    raise ValueError(
        f"its intensities go from {low} to {high}, and no type of OME-TIFF holds such integers exactly. Divide them, "
        "or subtract an offset, and save them in 32 bits."
    )


class OmeTiff(tifffile.TiffWriter):
    """Writes an OME-TIFF, in a `with` statement.

    Args: path: of the file. size: bytes of its voxels before they are compressed, at least; more than 4 GB need a
    BigTIFF.
    """

    def __init__(self, path, size=0):
        super().__init__(path, ome=True, bigtiff=size > LARGEST_TIFF)

    def add(self, planes, channels, scale, name=None, spec=None, colors=None, compression="zlib"):
        """Adds an image, a volume as ZCYX: all channels of a plane follow each other, as ImageJ has them.

        Args:
          planes: (C, Y, X) or (C, Z, Y, X).
          channels, scale, spec, colors: as of `ome_metadata`.
          name: of the image; None for none.
          compression: as tifffile has it; None for none.
        """
        about = ome_metadata(channels, scale, spec, colors) | ({"Name": name} if name else {})
        planes = np.moveaxis(planes, 0, -3)
        self.write(planes, photometric="minisblack", compression=compression, metadata=about)


def ome_metadata(channels, scale, spec=None, colors=None) -> dict:
    """Returns the `metadata` that `tifffile.imwrite` takes for an array (C, Y, X) or (Z, C, Y, X).

    Args:
      channels: their names.
      scale: µm per pixel, (y, x) or (z, y, x); nan is left out.
      spec: the `CellSpec` of a cell in a model's frame. The file then carries its JSON, as a comment in the namespace
        icell_tf/spec, so that a program can check that the cell fits a model.
      colors: RGB in [0, 1] for each channel; None: viewers choose.
    """
    axes = "ZYX"[-len(scale) :]
    sizes = {f"PhysicalSize{axis}": float(size) for axis, size in zip(axes, scale, strict=True) if math.isfinite(size)}
    units = {f"{key}Unit": "µm" for key in sizes}
    about = {"axes": f"{axes[:-2]}C{axes[-2:]}", "Channel": {"Name": list(channels)}, **sizes, **units}
    if colors is not None:
        about["Channel"]["Color"] = [_ome_color(color) for color in colors]
    if spec is not None:
        about["CommentAnnotation"] = {"Namespace": SPEC_NAMESPACE, "Value": json.dumps(spec.to_dict())}
    return about


def _ome_color(color):
    """RGB in [0, 1] as OME has colours: red, green, blue and opacity in the bytes of a signed integer."""
    red, green, blue = (round(255 * part) for part in color)
    return int.from_bytes((red, green, blue, 255), "big", signed=True)
