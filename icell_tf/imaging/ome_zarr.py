"""OME-Zarrs that the package writes: version 0.4, which most programs read, with one resolution."""

import asyncio
import math

import numpy as np

from icell_tf.imaging.ome import SPEC_NAMESPACE

VERSION = "0.4"
FORMAT = 2  # of Zarr, which version 0.4 is made of
_CHUNK = (64, 256, 256)  # voxels along z, y, x, at most


def require_zarr():
    """Raises: ImportError: the package zarr isn't installed."""
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise ImportError("--format=ome-zarr needs the package zarr: pip install 'icell_tf[zarr]'") from error


class OmeZarr:
    """Writes an OME-Zarr, a folder, in a `with` statement.

    Args:
      path: an empty folder, or none yet.
      several: whether it gets several images, which are then groups 0, 1, ..., as bioformats2raw has them.
    """

    def __init__(self, path, several=False):
        import zarr

        self._root, self._several, self._count = zarr.open_group(path, mode="a", zarr_format=FORMAT), several, 0

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure:
            _let_zarr_finish()
        elif self._several:
            self._root.attrs["bioformats2raw.layout"] = 3
            series = self._root.create_group("OME")
            series.attrs["series"] = [str(i) for i in range(self._count)]

    def add(self, planes, channels, scale, name, spec=None, colors=None):
        """Adds an image. Its channels are shown from 0 to their highest value.

        Args:
          planes: (C, Y, X) or (C, Z, Y, X) float32, values in [0, 1].
          channels: their names.
          scale: µm per pixel, (y, x) or (z, y, x); where it is nan, the axis has no unit and its scale is 1.
          name: of the image.
          spec: the `CellSpec` of a cell in a model's frame, which is then an attribute of the image.
          colors: RGB in [0, 1] for each channel; None: white.
        """
        import numcodecs

        group = self._root.create_group(str(self._count)) if self._several else self._root
        self._count += 1
        chunks = (1, *(min(pair) for pair in zip(planes.shape[1:], _CHUNK[-len(scale) :], strict=True)))
        array = group.create_array(
            "0",
            shape=planes.shape,
            chunks=chunks,
            dtype=planes.dtype,
            compressors=numcodecs.Zlib(6),
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        array[...] = planes
        tops = planes.max(axis=tuple(range(1, planes.ndim)))
        group.attrs.update(_attributes(channels, scale, name, tops, colors))
        if spec is not None:
            group.attrs[SPEC_NAMESPACE] = spec.to_dict()


def _let_zarr_finish():
    """Waits for what Zarr still writes: it does so in a thread of its own, which goes on after an interruption here.

    Whatever it wrote later would bring back the folder that is removed by then.
    """
    from zarr.core.sync import sync

    async def others():
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    sync(others())


def _attributes(channels, scale, name, tops, colors):
    """What the specification asks of an image."""
    known = [math.isfinite(size) for size in scale]
    space = [
        {"name": axis, "type": "space"} | ({"unit": "micrometer"} if sure else {})
        for axis, sure in zip("zyx"[-len(scale) :], known, strict=True)
    ]
    sizes = [1.0, *(float(size) if sure else 1.0 for size, sure in zip(scale, known, strict=True))]
    image = {
        "version": VERSION,
        "name": name,
        "axes": [{"name": "c", "type": "channel"}, *space],
        "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": sizes}]}],
    }
    colors = np.ones((len(channels), 3)) if colors is None else colors
    shown = [
        {
            "label": channel,
            "color": "".join(f"{round(255 * part):02X}" for part in color),
            "active": True,
            "window": {"min": 0.0, "max": 1.0, "start": 0.0, "end": float(top) or 1.0},
        }
        for channel, color, top in zip(channels, colors, tops, strict=True)
    ]
    return {"multiscales": [image], "omero": {"version": VERSION, "channels": shown}}
