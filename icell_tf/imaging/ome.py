"""Metadata of the OME-TIFFs that are written."""

import math


def ome_metadata(channels, scale) -> dict:
    """What tifffile writes beside an array (C, Y, X) or (C, Z, Y, X).

    Args:
      channels: their names.
      scale: µm per pixel, (y, x) or (z, y, x); what is nan is left out.
    """
    axes = "ZYX"[-len(scale) :]
    sizes = {f"PhysicalSize{axis}": float(size) for axis, size in zip(axes, scale, strict=True) if math.isfinite(size)}
    units = {f"{key}Unit": "µm" for key in sizes}
    return {"axes": f"C{axes}", "Channel": {"Name": list(channels)}, **sizes, **units}
