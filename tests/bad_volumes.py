"""Stacks that no volume can be made of, each with the sentence that refuses it, wherever it comes in.

They are of one cell, an ellipsoid with a tail, at 0.5 x 0.4 x 0.4 µm, for models of `SPEC`.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tifffile

from icell_tf.spec import CellSpec

SPEC = CellSpec("ZYX", (16, 32, 32), (1.0, 1.0, 1.0), ("tom20", "zo1"))
SCALE, SHAPE, NAMES, MASKS = (0.5, 0.4, 0.4), (20, 50, 60), ("membrane", "dna", "structure"), ("cell", "nucleus")
NAME_DICT = str({"crop_raw": list(NAMES), "crop_seg": list(MASKS)})


def make_cell(seed=0):
    """Returns channels (3, Z, Y, X) uint16 and masks (2, Z, Y, X) uint8, 0 and 255."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*map(np.arange, SHAPE), indexing="ij", sparse=True)
    u, v, w = (x - 28) * 0.4, (y - 25) * 0.4, (z - 9.5) * 0.5
    cell = (u / (8 - 0.2 * v)) ** 2 + (v / (5 - 0.2 * u)) ** 2 + (w / 4) ** 2 < 1
    nucleus = ((u - 1) / 3) ** 2 + (v / 2.5) ** 2 + (w / 2.5) ** 2 < 1
    waves = 1 + np.cos(x / 2) * np.cos(y / 3) * np.cos(z / 2)
    signal = np.stack([300 * cell * waves, 400 * nucleus * np.cos(u / 4), 300 * cell * (2 - waves)])
    masks = 255 * np.stack([cell, nucleus & cell]).astype(np.uint8)
    return (rng.normal(100, 3, signal.shape) + signal).clip(1).astype(np.uint16), masks


def write(path, array, names, axes="CZYX", scale=SCALE):
    """Writes an OME-TIFF; scale: µm along (z, y, x), of which z may be None."""
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", scale, strict=True) if size is not None}
    metadata = {"axes": axes, "Channel": {"Name": list(names)}} | sizes
    tifffile.imwrite(path, array, ome=True, photometric="minisblack", metadata=metadata)
    return path


def write_array(path, array):
    """Writes a .npy, which says nothing of its axes."""
    np.save(path.with_suffix(".npy"), array)
    return path.with_suffix(".npy")


@dataclasses.dataclass(frozen=True)
class Fault:
    """One kind of bad stack.

    Attributes:
      write: takes a folder, channels and masks; writes the stack and its masks, and returns both paths.
      message: what the error says, a regular expression.
      of_names: the same where every channel is named, as by a manifest; None: no other.
      axes: of the array, as the user gives them.
      pixel_size: (z, y, x), as the user gives it.
    """

    write: Callable
    message: str
    of_names: str | None = None
    axes: str | None = None
    pixel_size: tuple[float, ...] | None = None


def _as(names=NAMES, **options):
    """A stack whose channels, or scale or axes, are written in another way; its masks as they are."""

    def write_both(folder, channels, masks):
        return write(folder / "a.ome.tif", channels, names, **options), write(folder / "m.ome.tif", masks, MASKS)

    return write_both


def _spaced(z):
    """A stack and masks that both say this distance of planes."""

    def write_both(folder, channels, masks):
        scale = (z, *SCALE[1:])
        stack = write(folder / "a.ome.tif", channels, NAMES, scale=scale)
        return stack, write(folder / "m.ome.tif", masks, MASKS, scale=scale)

    return write_both


def _masked(change):
    """A stack with masks that are changed: takes and returns (2, Z, Y, X)."""

    def write_both(folder, channels, masks):
        return write(folder / "a.ome.tif", channels, NAMES), write(folder / "m.ome.tif", change(masks), MASKS)

    return write_both


def _exchanged(folder, channels, masks):
    return tuple(
        write(folder / name, np.swapaxes(data, 0, 1), [""] * SHAPE[0])
        for name, data in (("a.ome.tif", channels), ("m.ome.tif", masks))
    )


def _arrays(exchange):
    def write_both(folder, channels, masks):
        data = [np.swapaxes(part, 0, 1) if exchange else part for part in (channels, masks)]
        return tuple(write_array(folder / name, part) for name, part in zip("am", data, strict=True))

    return write_both


def _one_plane(folder, channels, masks):
    return tuple(
        write(folder / name, data[:, 10:11], names)
        for name, data, names in (("a.ome.tif", channels, NAMES), ("m.ome.tif", masks, MASKS))
    )


def _time(folder, channels, masks):
    stack = np.swapaxes(channels, 0, 1)
    return write(folder / "a.ome.tif", stack, NAMES, "TCYX", (None, 0.4, 0.4)), write(
        folder / "m.ome.tif", masks, MASKS
    )


def _imagej(folder, channels, masks):
    """ImageJ writes a distance below 0 for a stack whose planes were reversed."""
    metadata = {"axes": "ZCYX", "spacing": -0.5, "unit": "um", "Labels": list(NAMES) * SHAPE[0]}
    stack = np.swapaxes(channels, 0, 1)
    tifffile.imwrite(folder / "a.tif", stack, imagej=True, resolution=(2.5, 2.5), metadata=metadata)
    return folder / "a.tif", write(folder / "m.ome.tif", masks, MASKS)


def _only(which, planes):
    """Masks of which some, by number, are left in one plane, or have the same in all."""

    def change(masks):
        masks = masks.copy()
        for i in which:
            one = np.zeros_like(masks[i])
            one[10] = masks[i][10]
            masks[i] = one if planes == 1 else masks[i][10]
        return masks

    return _masked(change)


_NO_DISTANCE = r"distance of the stack's planes along z is not known.* none above 0 .*nan, 0\.4.*scale_micron.*z,y,x"
_EXCHANGED = r"20 channels of 3 planes each .*C seems to be Z\. Give its axes: {}"
_BY_NAMES = r"3 channels are named .*20 with 3 planes.* exchanged: give its axes as {}"
FAULTS = {
    "Z and C exchanged": Fault(_exchanged, _EXCHANGED.format("ZCYX, or"), _BY_NAMES.format("ZCYX")),
    "an array declared CZYX that is ZCYX": Fault(
        _arrays(True), _EXCHANGED.format(r"ZCYX \("), _BY_NAMES.format("ZCYX"), axes="CZYX", pixel_size=SCALE
    ),
    "an array declared ZCYX that is CZYX": Fault(
        _arrays(False), _EXCHANGED.format(r"CZYX \("), _BY_NAMES.format("CZYX"), axes="ZCYX", pixel_size=SCALE
    ),
    "an array without axes": Fault(
        _arrays(True),
        r"doesn't say what the axes of its array of shape \(20, 3, 50, 60\) are .* CZYX or ZCYX",
        pixel_size=SCALE,
    ),
    "time points": Fault(_time, r"20 time points \(axis T of TCYX.*if planes, ZCYX"),
    "time points that are planes, of unknown distance": Fault(_time, _NO_DISTANCE, axes="ZCYX"),
    "one plane": Fault(_one_plane, r"the stack has one plane, but a volume needs several: .*image_size\": \[y, x\]"),
    "masks of one plane": Fault(
        _masked(lambda masks: masks.max(axis=1, keepdims=True)),
        r"m\.ome\.tif: the cell mask has one plane, but .* 20 planes: segment it in 3D",
    ),
    "masks with one plane filled": Fault(
        _only([0, 1], 1), r"m\.ome\.tif: the cell mask is empty in all planes but one"
    ),
    "a nucleus with one plane filled": Fault(
        _only([1], 1), r"m\.ome\.tif: the nucleus mask is empty in all planes but"
    ),
    "masks of one plane in each": Fault(_only([0, 1], 2), r"m\.ome\.tif: the cell mask is the same in all 20 planes"),
    "a nucleus of one plane in each of the cell": Fault(
        _masked(lambda masks: np.stack([masks[0], np.minimum(masks[1].max(axis=0), masks[0])])),
        r"m\.ome\.tif: the nucleus mask is the same in all planes of the cell",
    ),
    "no distance of planes": Fault(_spaced(None), _NO_DISTANCE),
    "a distance of 0": Fault(_spaced(0.0), _NO_DISTANCE),
    "a distance below 0": Fault(_spaced(-0.5), _NO_DISTANCE),
    "a distance below 0 by ImageJ": Fault(_imagej, _NO_DISTANCE),
    "a distance of NaN": Fault(_spaced(float("nan")), _NO_DISTANCE),
    "nm given as µm": Fault(
        _spaced(500.0), r"pixels are 500 µm deep, 0\.4 µm high.*pixel_size.* or scale_micron, in µm"
    ),
    "mm given as µm": Fault(_spaced(5e-4), "pixels are 0.0005 µm deep, 0.4 µm high"),
    "a tenth of the distance": Fault(
        _spaced(0.05), r"only 0\.\d+ µm along z .* thinner than a plane of the frame, 1 µm"
    ),
    "a volume larger than the frame": Fault(
        _spaced(2.0), r"and 1\d\.\d µm along z, .* 16 x 32 x 32 px at 1 µm/px reaches 8\.0 x 16\.0 x 16\.0 µm"
    ),
}
