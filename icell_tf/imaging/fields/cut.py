"""Fields of view -> files: the cells cut out, their manifest, what was set aside with reasons, and the outlines."""

import collections
import contextlib
import csv
import dataclasses
import hashlib
import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
from scipy import ndimage

from icell_tf.files import atomic_write, safe_names
from icell_tf.imaging.fields import segmentation
from icell_tf.imaging.fields.field_list import check_fields
from icell_tf.imaging.fields.matching import MARGIN, Limits, cut_cell, divide_field
from icell_tf.imaging.frame.masks import MaskError, label_image
from icell_tf.imaging.frame.no_data import describe_no_data, filled_plane, find_no_data
from icell_tf.imaging.manifest.rows import REQUIRED
from icell_tf.imaging.ome import OmeTiff, ome_type
from icell_tf.imaging.read.channels import CHANNEL_ROLES, read_roles, refuse_copies
from icell_tf.messages import counted, show
from icell_tf.viz import figures, outlines

DEFAULT_OUTPUT = "cells"
RAW_CHANNELS = dict(zip(CHANNEL_ROLES, ("membrane", "dna", "structure"), strict=True))  # role -> name in the manifest
MASKS = ("cell_seg", "dna_seg")
_NAMES = {"cell": "cells", "nucleus": "nuclei"}
MANIFEST, SET_ASIDE = "manifest.csv", "set_aside.csv"
SET_ASIDE_COLUMNS = ("FOVId", "kind", "label", "reason", "detail", "nuclei")
_COLUMNS = (*REQUIRED, "FOVId", "scale_micron")  # of the manifest
_RESULT = "field.json"  # in a field's folder: what it was made from, and the rows of both tables


@dataclasses.dataclass(frozen=True)
class Settings:
    """How fields become cells.

    Attributes:
      limits: see `Limits`.
      margin: µm of the field kept around each cell, in which the background is found.
      nucleus_diameter: µm, typical; used only without label images.
      overwrite: replace what an earlier run has written.
    """

    limits: Limits = dataclasses.field(default_factory=Limits)
    margin: float = MARGIN
    nucleus_diameter: float = segmentation.NUCLEUS_DIAMETER
    overwrite: bool = False

    def __post_init__(self):
        for name in ("margin", "nucleus_diameter"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"--{name} is {getattr(self, name)}, expected a number of µm, 0 or more.")


def cut_fields(fields, output=DEFAULT_OUTPUT, settings=None, report=show) -> collections.Counter:
    """Cuts the cells out of fields of view, one field after the other; only one is held in memory.

    Writes for each field FIELD_outlines.png and a folder FIELD with FIELD_LABEL_raw.ome.tif and FIELD_LABEL_seg.ome.tif
    for each cell. Once all fields are done, writes set_aside.csv and manifest.csv, which `icell build` reads. After an
    interruption the same call continues after the last complete field.

    Args:
      fields: list of `Field`.
      output: folder, made if it is missing.
      settings: `Settings`.
      report: called with each line to show.

    Returns:
      The number of cells ("kept"), of cells set aside for each reason, and of nuclei set aside, as ("nucleus", reason).

    Raises:
      ValueError: a field or its labels can't be used, or no cell can; the message names each.
      FileExistsError: the output has a manifest, or a field made with other settings, and overwrite is off.
    """
    settings = settings or Settings()
    output = Path(output)
    check_fields(fields)
    names = safe_names(field.field_id for field in fields)
    _check_output(output, fields, names, settings)
    output.mkdir(parents=True, exist_ok=True)
    for name in (MANIFEST, SET_ASIDE):
        (output / name).unlink(missing_ok=True)
    _report_missing_labels(fields, report)
    counts = collections.Counter()
    with atomic_write(output / MANIFEST) as manifest, atomic_write(output / SET_ASIDE) as set_aside:
        with _table(manifest, _COLUMNS) as add_cells, _table(set_aside, SET_ASIDE_COLUMNS) as add_set_aside:
            for i, (field, name) in enumerate(zip(fields, names, strict=True), 1):
                result = None if settings.overwrite else _read_result(output / name, field, settings)
                resumed = " (done before)" * (result is not None)
                result = result or _cut_field(field, name, output, settings, report)
                add_cells(result["cells"])
                add_set_aside(result["set_aside"])
                found = _count(result)
                counts += found
                report(f"{i}/{len(fields)} {field.field_id}: {summary(found)}{resumed}")
        if not counts["kept"]:
            os.replace(set_aside, output / SET_ASIDE)
            raise ValueError(f"no cell can be used: {summary(counts)}; see {output / SET_ASIDE} and the outlines")
    return counts


def summary(counts) -> str:
    """Returns the counts that `cut_fields` returns, in words."""
    reasons = [(key, n) for key, n in counts.items() if isinstance(key, str) and key != "kept"]
    aside = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons, key=lambda pair: -pair[1]))
    nuclei = ", ".join(f"{n} {key[1]}" for key, n in counts.items() if isinstance(key, tuple))
    total = counts["kept"] + sum(n for _, n in reasons)
    text = f"{counts['kept']} of {total} cells kept"
    text += f"; {total - counts['kept']} set aside: {aside}" * bool(aside)
    return text + f"; nuclei set aside: {nuclei}" * bool(nuclei)


def _report_missing_labels(fields, report):
    """Says which fields are segmented here, in a line for all that lack the same labels."""
    lacking = collections.defaultdict(list)
    for field in fields:
        lacking[" or ".join(name for role, name in _NAMES.items() if role not in field.labels)].append(field.field_id)
    for images, ids in lacking.items():
        if images:
            which = ids[0] if len(ids) == 1 else counted(len(ids), "field")
            report(f"{which}: no label image of {images} is given; classical segmentation: look at the outlines")


def _check_output(output, fields, names, settings):
    if (output / MANIFEST).exists() and not settings.overwrite:
        raise FileExistsError(f"{output / MANIFEST} exists: give another --output, or --overwrite to replace it")
    for field, name in zip(fields, names, strict=True):
        folder = output / name
        if folder.exists() and not (folder / _RESULT).is_file():
            raise FileExistsError(f"{folder} exists and was not made by this command: give another --output")
        if folder.exists() and not settings.overwrite and _read_result(folder, field, settings) is None:
            raise FileExistsError(
                f"{folder} was made from other files or with other settings: give another --output, or --overwrite"
            )


def _read_result(folder, field, settings):
    """Returns the result of an earlier call for the same field, files and settings, or None."""
    if not (folder / _RESULT).is_file():
        return None
    result = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
    return result if result["made_from"] == _fingerprint(field, settings) else None


def _fingerprint(field, settings):
    """Returns everything that decides the result of a field, as JSON gives it back."""
    files = [_state(Path(path)) for path in (field.path, *field.labels.values())]
    arguments = dataclasses.asdict(dataclasses.replace(settings, overwrite=False))
    return json.loads(json.dumps({"field": dataclasses.asdict(field), "files": files, "settings": arguments}))


def _state(path):
    """Returns a hash that changes with a file, or with any file in a folder (OME-Zarr)."""
    state = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        stat = file.stat()
        state.update(f"{file.relative_to(path)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return state.hexdigest()


def _cut_field(field, name, output, settings, report):
    """Writes one field's cells and outlines. Returns: the rows of both tables, and the fingerprint."""
    made_from = _fingerprint(field, settings)
    try:
        stack, roles = field.open()
        channels = read_roles(stack, {role: roles[role] for role in RAW_CHANNELS if role in roles})
        dtype = ome_type(list(channels.values()))
        no_data = {role: find_no_data(channel) for role, channel in channels.items()}
        cells, nuclei = _labels(field, channels, no_data, stack, settings, report)
    except (ValueError, OSError) as error:
        raise ValueError(f"FieldId {field.field_id}: {error}") from error
    kept, set_aside = divide_field(cells, nuclei, stack.scale, settings.limits)
    if any(cell.cut_in_z for cell in kept):
        report(f"{field.field_id}: {sum(cell.cut_in_z for cell in kept)} kept cells reach the first or last plane")
    _report_no_data(field, no_data, cells, kept, report)
    partial, folder = output / f".{name}.partial", output / name
    for leftover in (partial, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    rows = []
    for cell in kept:
        cut = cut_cell(list(channels.values()), cells, nuclei, cell, stack.scale, settings.margin)
        files = {f"crop_{kind}": f"{name}_{cell.label}_{kind}.ome.tif" for kind in ("raw", "seg")}
        names = {"crop_raw": [RAW_CHANNELS[role] for role in channels], "crop_seg": list(MASKS)}
        masks = 255 * np.stack([cut.cell_mask, cut.nucleus_mask]).astype(np.uint8)
        _write_stack(partial / files["crop_raw"], np.stack(cut.channels).astype(dtype), names["crop_raw"], stack.scale)
        _write_stack(partial / files["crop_seg"], masks, MASKS, stack.scale, compression="zlib")
        row = {"CellId": f"{field.field_id}_{cell.label}", "structure_name": field.structure, "FOVId": field.field_id}
        row |= {column: f"{name}/{file}" for column, file in files.items()} | {"name_dict": str(names)}
        if math.isfinite(stack.scale[0]):  # else the file's own is read
            row["scale_micron"] = str(list(map(float, stack.scale)))
        rows.append(row)
    planes = [filled_plane(channel, no_data[role], np.max)[0] for role, channel in channels.items()]
    picture = outlines.field_with_outlines(planes, cells, nuclei, [cell.label for cell in kept])
    figures.to_png(picture, partial / "outlines.png")
    aside = [
        {"FOVId": field.field_id, **dataclasses.asdict(label), "nuclei": " ".join(map(str, label.nuclei))}
        for label in set_aside
    ]
    result = {"made_from": made_from, "cells": rows, "set_aside": aside}
    (partial / _RESULT).write_text(json.dumps(result, indent=1), encoding="utf-8")
    os.replace(partial / "outlines.png", output / f"{name}_outlines.png")
    os.replace(partial, folder)
    return result


def _report_no_data(field, no_data, cells, kept, report):
    """Says how much of a field holds no data, and how many of its cells touch it and may be cut off there."""
    lacking = {role: found for role, found in no_data.items() if found is not None}
    if not lacking:
        return
    around = ndimage.binary_dilation(np.any([found.any(axis=0) for found in lacking.values()], axis=0), iterations=2)
    touching = set(np.unique(cells[:, around]).tolist()) & {cell.label for cell in kept}
    text = describe_no_data({role: float(found.mean()) for role, found in lacking.items()})
    text += f"; {counted(len(touching), 'kept cell')} next to it may be cut off: look at the outlines" * bool(touching)
    report(f"{field.field_id}: {text}")


def _labels(field, channels, no_data, image, settings, report):
    """Returns label images of cells and nuclei, (1 or Z, Y, X), which it reads or segments.

    Args: field: the `Field`. channels, no_data: {role: (Z, Y, X)}, the latter as `find_no_data` returns it. image: the
      field's `Stack`. settings, report: as of `cut_fields`.
    """
    found = {}
    for role, path in field.labels.items():
        stack, channel = field.open_labels(role, image)
        try:
            found[role], mask = label_image(stack.channel(channel), role, field.choices.mask_threshold.get(role))
        except MaskError as error:
            raise ValueError(f"{path}: {error}") from error
        if mask:
            count = int(found[role].max())
            report(f"{path}: it has one value, so it is taken for a mask of {count} connected pieces")
    refuse_copies(" and ".join(dict.fromkeys(field.labels.values())), found)
    missing = [role for role in ("cell", "nucleus") if role not in found]
    sizes = image.scale[1:], settings.nucleus_diameter
    if "nucleus" in missing:
        labels = segmentation.segment_nuclei(channels["nucleus"], *sizes, no_data["nucleus"])
        found["nucleus"] = labels[None]
    if "cell" in missing:
        labels = segmentation.segment_cells(channels["membrane"], found["nucleus"], *sizes, no_data["membrane"])
        found["cell"] = labels[None]
    return found["cell"], found["nucleus"]


def _write_stack(path, data, channels, scale, compression=None):
    """Writes (C, Z, Y, X) as OME-TIFF with names and pixel size."""
    with OmeTiff(path, data.nbytes) as tiff:
        tiff.add(data, channels, scale, compression=compression)


@contextlib.contextmanager
def _table(path, columns):
    """Yields a function that adds rows to a CSV with these columns."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        yield writer.writerows


def _count(result):
    counts = collections.Counter(kept=len(result["cells"]))
    for label in result["set_aside"]:
        counts[label["reason"] if label["kind"] == "cell" else (label["kind"], label["reason"])] += 1
    return counts
