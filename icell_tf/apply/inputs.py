"""A user's inputs -> cells in a model's frame: prepared data sets, manifests, and stacks with their segmentation.

All of them are read and preprocessed before anything else happens, so that a bad one is found before any work is done.
"""

import functools
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from icell_tf.data import PreparedCells
from icell_tf.imaging.cells import BadCell
from icell_tf.imaging.crop import crop_masks
from icell_tf.imaging.frame import Frame, Transform
from icell_tf.imaging.manifest import RAW_NAMES, SEGMENTATION_NAMES, read_manifest
from icell_tf.imaging.preprocess import parse_preparation, preprocess
from icell_tf.imaging.read import dimensions, is_zarr, print_guess, read_stack

CHANNEL_ROLES = ("membrane", "nucleus", "structure")
SEGMENTATION_ROLES = ("cell", "nucleus")
LONGEST_NAME = 100
AUTO = "auto"


@dataclass(frozen=True)
class InputCell:
    """One cell, ready for the model.

    Attributes:
      name: unique among the cells of one call, and safe in a file name.
      source: the input it comes from.
      image: (H, W, 2 or 3) uint8: membrane, nucleus and, if it is known, the structure.
      structure: the structure's name, or None where the input doesn't say.
      transform: from the input's pixels into the frame; None for a prepared cell.
    """

    name: str
    source: str
    image: np.ndarray
    structure: str | None = None
    transform: Transform | None = None


@dataclass(frozen=True)
class Reading:
    """How inputs are read; what is None is taken from the files.

    Attributes:
      segmentation: one file of masks for each stack, in the stacks' order; or AUTO, alone: each is 0 outside its cell.
      channels: {membrane, nucleus[, structure]: name or number} of a stack.
      segmentation_channels: {cell, nucleus: name or number} of a file of masks.
      pixel_size: µm, one number for y and x, or (z, y, x).
      axes: of a stack's array, such as CZYX.
      split: of a prepared data set.
      limit: of cells from a prepared data set or a manifest, each.
    """

    segmentation: tuple[str, ...] = ()
    channels: dict[str, str] | None = None
    segmentation_channels: dict[str, str] | None = None
    pixel_size: tuple[float, ...] | None = None
    axes: str | None = None
    split: str = "test"
    limit: int | None = None


def read_inputs(paths, integrator, reading=None):
    """Reads cells and brings them into the model's frame.

    Args:
      paths: prepared data sets' folders, manifests (.csv) and stacks.
      integrator: gives image size, pixel size and preparation.
      reading: `Reading`.

    Returns:
      List of `InputCell`.

    Raises:
      ValueError, FileNotFoundError: an input is missing or can't be used; the message names it, and the flag.
    """
    reading = reading or Reading()
    paths = [Path(path) for path in paths]
    stacks = [path for path in paths if is_zarr(path) or not path.is_dir() and path.suffix.lower() != ".csv"]
    segmentation = reading.segmentation
    if segmentation == (AUTO,):
        segmentation = (None,) * len(stacks)
    for path in [*paths, *(Path(masks) for masks in segmentation if masks)]:
        if not path.exists():
            raise FileNotFoundError(f"{path}: there is no such file or folder")
    if len(segmentation) != len(stacks):
        raise ValueError(
            f"--segmentation names {len(segmentation)} files, but there are {len(stacks)} stacks: give one file of "
            "cell and nucleus masks for each stack, in their order, separated by commas; or the stack itself; or "
            f"{AUTO!r}, if every stack is 0 outside its cell"
        )
    segmentations = iter(segmentation)
    cells = []
    for path in paths:
        if path.is_dir() and path not in stacks:
            cells += _from_prepared(path, integrator, reading)
            continue
        prepare = _preprocess_for(integrator)
        if path.suffix.lower() == ".csv":
            rows = read_manifest(path, labelled=False)[: reading.limit]
            cells += [_from_row(row, path, prepare, reading) for row in rows]
        else:
            cells.append(_from_stack(path, next(segmentations), prepare, reading))
    return [replace(cell, name=name) for cell, name in zip(cells, safe_names(c.name for c in cells), strict=True)]


def _preprocess_for(integrator):
    """`preprocess`, with all that the model's cells have in common."""
    frame, preparation = Frame(integrator.image_size, integrator.pixel_size), parse_preparation(integrator.preparation)
    return functools.partial(preprocess, frame=frame, preparation=preparation)


def parse_pixel_size(text):
    """Reads "0.2" or "z,y,x" in µm as a tuple; None stays None. Raises: ValueError: it is neither."""
    if text is None:
        return None
    try:
        sizes = tuple(float(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if len(sizes) not in (1, 3) or not all(math.isfinite(size) and size > 0 for size in sizes):
        raise ValueError(f"--pixel_size is {text!r}, but must be µm per pixel, as 0.2, or as z,y,x: 0.5,0.2,0.2")
    return sizes


def parse_channels(text, roles, flag):
    """Reads "membrane:0,nucleus:DNA" as {"membrane": "0", "nucleus": "DNA"}; None stays None.

    Raises:
      ValueError: a role is unknown or given twice, or one of the first two is missing.
    """
    if text is None:
        return None
    expected = ",".join(f"{role}:NAME_OR_NUMBER" for role in roles[:2])
    pairs = [part.partition(":") for part in text.split(",")]
    channels = {role.strip(): channel.strip() for role, _, channel in pairs}
    complete = set(roles[:2]) <= set(channels) <= set(roles) and all(channels.values())
    if not complete or len(channels) != len(pairs):
        optional = "".join(f"; {role} may follow" for role in roles[2:])
        raise ValueError(f"--{flag} is {text!r}, but must look like {expected}{optional}")
    return channels


def _from_prepared(path, integrator, reading):
    if not (path / "dataset_info.json").is_file():
        below = [str(info.parent) for info in sorted(path.glob("**/dataset_info.json"))[:4]]
        hint = f"; below it: {', '.join(below)}" if below else ""
        raise ValueError(f"{path}: the folder is no prepared data set, it has no dataset_info.json{hint}")
    prepared = PreparedCells(path)
    found = prepared.cells
    same_frame = found.image_size == integrator.image_size and math.isclose(
        found.pixel_size, integrator.pixel_size, rel_tol=1e-3
    )
    if not same_frame or found.preparation != integrator.preparation:
        described, wanted = (
            f"{cells.image_size} px at {cells.pixel_size:g} µm, prepared with {cells.preparation}"
            for cells in (found, integrator)
        )
        raise ValueError(
            f"{path}: its cells have {described}, but the model takes {wanted}: prepare them so, or give their "
            "manifest.csv"
        )
    cells = []
    for batch in prepared.examples(reading.split, batch_size=64):
        for cell_id, image, y in zip(batch["cell_id"], batch["image"], batch["structure"], strict=True):
            cells.append(InputCell(cell_id.decode(), str(path), image, found.structures[y]))
        if reading.limit is not None and len(cells) >= reading.limit:
            break
    return cells[: reading.limit]


def _from_row(row, path, prepare, reading):
    row = replace(row, scale=reading.pixel_size or row.scale, axes=reading.axes or row.axes)
    try:
        loaded = row.load()
        cell = prepare(loaded.channels, loaded.cell_mask, loaded.nucleus_mask, loaded.scale)
    except (ValueError, OSError) as error:
        raise BadCell(row.cell_id, row.source, str(error)) from error
    return InputCell(row.cell_id, str(path), cell.image, row.structure or None, cell.transform)


def _from_stack(path, segmentation, prepare, reading):
    stack = read_stack(path, axes=reading.axes, scale=reading.pixel_size)
    print_guess(stack)
    channels = reading.channels or _guess(stack, RAW_NAMES, CHANNEL_ROLES[:2], "channels")
    planes = [stack.channel(channels[role]) for role in CHANNEL_ROLES if role in channels]
    try:
        masks = _masks_of(stack, segmentation, reading) if segmentation else crop_masks(planes, planes[1])
        cell = prepare(planes, *masks, stack.scale)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    name = re.sub(r"(\.ome)?\.(tiff?|zarr|png|czi|lif|nd2)$", "", path.name, flags=re.IGNORECASE)
    return InputCell(name, str(path), cell.image, None, cell.transform)


def _masks_of(stack, segmentation, reading):
    """Cell and nucleus mask, from a file of their own or from the stack's."""
    same_axes = reading.axes and dimensions(segmentation) == len(reading.axes)
    masks = read_stack(segmentation, axes=reading.axes if same_axes else None, scale=stack.scale)
    print_guess(masks)
    channels = reading.segmentation_channels or _guess(
        masks, SEGMENTATION_NAMES, SEGMENTATION_ROLES, "segmentation_channels"
    )
    cell_mask, nucleus_mask = (masks.channel(channels[role]) for role in SEGMENTATION_ROLES)
    if np.count_nonzero(nucleus_mask) > np.count_nonzero(cell_mask):
        raise ValueError(
            f"in {masks.path} the nucleus mask is larger than the cell mask: are they the wrong way round? "
            f"(--segmentation_channels; taken: {channels})"
        )
    return cell_mask, nucleus_mask


def _guess(stack, names, required, flag):
    """Channels by their names in the file; the first ones, in the order of the roles, where the file has no names."""
    lower = [channel.strip().lower() for channel in stack.channels]
    if lower == [str(i) for i in range(len(lower))] and len(lower) == len(required):
        return {role: str(i) for i, role in enumerate(required)}
    found = {role: next((name for name in names[role] if name in lower), None) for role in names}
    missing = [role for role in required if found[role] is None]
    if missing:
        raise ValueError(
            f"{stack.path}: can't tell which channel is {' and which is '.join(missing)}; its channels are "
            f"{', '.join(f'{i}: {name}' for i, name in enumerate(stack.channels))}: "
            f"give --{flag}={','.join(f'{role}:{i}' for i, role in enumerate(required))} with its numbers or names"
        )
    return {role: str(lower.index(name)) for role, name in found.items() if name is not None}


def safe_names(names):
    """Makes names safe in file names, and unique even where upper and lower case are one, by numbering them."""
    taken, result = set(), []
    for name in names:
        name = base = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:LONGEST_NAME].strip("._") or "cell"
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.lower())
        result.append(name)
    return result
