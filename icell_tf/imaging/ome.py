"""The metadata of OME-TIFFs that the package writes."""

import math


def ome_metadata(channels, scale) -> dict:
    """Returns the `metadata` that `tifffile.imwrite` takes for an array (C, Y, X) or (C, Z, Y, X).

    Args: channels: their names. scale: µm per pixel, (y, x) or (z, y, x); nan is left out.
    """
    axes = "ZYX"[-len(scale) :]
    sizes = {f"PhysicalSize{axis}": float(size) for axis, size in zip(axes, scale, strict=True) if math.isfinite(size)}
    units = {f"{key}Unit": "µm" for key in sizes}
    return {"axes": f"C{axes}", "Channel": {"Name": list(channels)}, **sizes, **units}
