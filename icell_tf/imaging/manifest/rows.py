"""One row of a manifest: every value is checked, so that the error names everything that is wrong with the row."""

import ast
import dataclasses
import functools
import math
import os
from typing import NamedTuple

from icell_tf.files import nfc, on_disk
from icell_tf.imaging.frame.masks import BY_COLUMN, CHANNEL_THRESHOLD, LABEL, THRESHOLD, Choices, MaskError
from icell_tf.imaging.manifest.cells import LoadedCell
from icell_tf.imaging.manifest.table import read_table
from icell_tf.imaging.read import is_stack_folder, read_masks, read_stack
from icell_tf.imaging.read.channels import (
    RAW_NAMES,
    SEGMENTATION_NAMES,
    STRUCTURE_ROLE,
    contradictions,
    find_channel,
    other_structure,
    read_roles,
    rivals,
)
from icell_tf.structures import canonical_name, name_problem, tidied

REQUIRED = ("CellId", "structure_name", "crop_raw", "crop_seg", "name_dict")
_CHOICES = (LABEL, THRESHOLD, CHANNEL_THRESHOLD)
OPTIONAL = ("FOVId", "scale_micron", *_CHOICES)
_MAX_LENGTH = 200  # of an id, and of a value in an error


@dataclasses.dataclass(frozen=True, slots=True)
class ManifestCell:
    """A row without errors: a cell, its files, and which of their channels plays which role.

    Attributes:
      cell_id, structure, fov_id: as text; the structure by our name, empty in an unlabelled cell.
      raw, segmentation: paths of the stack and of the masks, which may be one file.
      raw_channels, segmentation_channels: all channels of each file, in its order.
      roles: membrane, nucleus[, structure] -> index of its channel of raw.
      mask_roles: cell, nucleus -> index of its channel of segmentation.
      scale: (z, y, x) in µm, or None to use the file's own metadata.
      axes: a letter for each dimension of the stack's array, and of the masks' if it has as many; None: the files' own.
      choices: what the user says about masks that are not 0 and one number.
      truth: {structure: index of its channel of raw, or None}, of a cell with several known structures; see `truth`.
    """

    cell_id: str
    structure: str
    fov_id: str
    raw: str
    segmentation: str
    raw_channels: tuple[str, ...]
    segmentation_channels: tuple[str, ...]
    roles: dict[str, int]
    mask_roles: dict[str, int]
    scale: tuple[float, float, float] | None
    axes: str | None = None
    choices: Choices = Choices(how=BY_COLUMN)
    truth: dict[str, int | None] = dataclasses.field(default_factory=dict)

    @property
    def source(self) -> str:
        """The file that errors name."""
        return self.raw

    def load(self) -> LoadedCell:
        """Reads the channels that have a role, and the masks. Raises: ValueError: with the reason."""
        raw = read_stack(self.raw, axes=self.axes, channels=self.raw_channels, scale=self.scale)
        given = self.scale is not None
        masks = read_masks(self.segmentation, raw, given, axes=self.axes, channels=self.segmentation_channels)
        guesses = [*raw.guesses, *masks.guesses, *rivals(self.raw_channels, self.roles, "name_dict")]
        for stack, roles in ((raw, self.roles), (masks, self.mask_roles)):
            guesses += contradictions(stack, roles, "name_dict")
        for name, index in ({self.structure: self.roles.get(STRUCTURE_ROLE)} | self.truth).items():
            guesses += other_structure(raw, {STRUCTURE_ROLE: index}, name)
        known = read_roles(raw, {name: index for name, index in self.truth.items() if index is not None})
        try:
            mask = {role: self.choices.mask(mask, role) for role, mask in read_roles(masks, self.mask_roles).items()}
        except MaskError as error:
            raise MaskError(f"{self.segmentation}: {error}") from error
        return LoadedCell(
            channels=[self.choices.channel(channel, role) for role, channel in read_roles(raw, self.roles).items()],
            cell_mask=mask["cell"],
            nucleus_mask=mask["nucleus"],
            scale=raw.scale,
            guesses=tuple(guesses),
            mask_file=self.segmentation if self.segmentation != self.raw else "",
            truth={
                name: self.choices.channel(known[name], STRUCTURE_ROLE) if name in known else None
                for name in self.truth
            },
        )


class ManifestRow(NamedTuple):
    """A row of a manifest, checked without the others: its cell, or the reasons why it has none.

    `not_downloaded` says whether the only reason is that both files are missing.
    """

    line: int
    cell_id: str
    label: str
    cell: ManifestCell | None = None
    reasons: tuple[str, ...] = ()
    not_downloaded: bool = False


def read_rows(path, labelled, axes):
    """Yields the `ManifestRow`s of a manifest. Args, Raises: as of `list_manifest`."""
    required = [column for column in REQUIRED if labelled or column != "structure_name"]
    files = FileIndex()
    for line, values, problem in read_table(path, required, REQUIRED + OPTIONAL):
        values = {column: values.get(column, "").strip() for column in REQUIRED + OPTIONAL}
        values |= {column: nfc(values[column]) for column in ("CellId", "FOVId")}
        values["structure_name"] = tidied(values["structure_name"])
        if problem:  # the values may stand in the wrong columns
            yield ManifestRow(line, values["CellId"], "", None, (problem,))
        else:
            row = ManifestRow(line, values["CellId"], values["structure_name"])
            cell, reasons, not_downloaded = _parse_row(values, str(path.parent), required, labelled, axes, files)
            yield row._replace(cell=cell, reasons=tuple(reasons), not_downloaded=not_downloaded)


def _parse_row(values, root, required, labelled, axes, files):
    """Returns the `ManifestCell` or None, the reasons, and whether they are only that both files are missing."""
    reasons, missing = [f"the column {column} is empty" for column in required if not values[column]], []

    def attempt(parse, text, *arguments):
        try:
            return parse(text, *arguments) if text else None
        except ValueError as error:
            reasons.append(str(error))

    for column in ("CellId", "FOVId"):
        if not values[column].isprintable():
            reasons.append(f"{column} is {shorten(values[column])!r}, expected printable text on one line")
        elif len(values[column]) > _MAX_LENGTH:
            found = f"{len(values[column])} letters"
            reasons.append(f"{column} is {shorten(values[column])!r} of {found}, expected {_MAX_LENGTH} at most")
    if values["structure_name"] and (problem := name_problem(values["structure_name"])):
        reasons.append(f"structure_name is {problem}")
    channels = attempt(parse_name_dict, values["name_dict"], labelled)
    scale = attempt(parse_scale, values["scale_micron"])
    choices = attempt(_parse_choices, tuple(values[column] for column in _CHOICES))
    paths = {column: attempt(_resolve, values[column], root, column) for column in ("crop_raw", "crop_seg")}
    for column, path in paths.items():
        if path:
            paths[column], why = files.find(path)
            missing += [f"{column} {values[column]}: {why}"] * bool(why)
    if reasons or missing:
        return None, reasons + ["; ".join(missing)] * bool(missing), len(missing) == 2 and not reasons
    structure, fov_id = canonical_name(values["structure_name"]), values["FOVId"] or values["CellId"]
    return (
        ManifestCell(values["CellId"], structure, fov_id, *paths.values(), *channels, scale, axes, choices),
        [],
        False,
    )


@functools.lru_cache(maxsize=1024)  # most manifests have the same name_dict in every row
def parse_name_dict(text, labelled):
    """Returns all channels of crop_raw, of crop_seg, and {role: index} of each, from name_dict. Raises: ValueError."""
    names = _literal(text, "name_dict", expected := "{'crop_raw': [channel names], 'crop_seg': [channel names]}")
    if not isinstance(names, dict) or not {"crop_raw", "crop_seg"} <= set(names):
        raise ValueError(f"name_dict is {shorten(text)!r}, expected {expected}")
    for key in ("crop_raw", "crop_seg"):
        if not isinstance(names[key], list | tuple) or not all(isinstance(name, str) for name in names[key]):
            raise ValueError(f"name_dict has {names[key]!r} as {key}, expected {expected}")
    raw_channels, segmentation_channels = tuple(names["crop_raw"]), tuple(names["crop_seg"])
    roles = {
        role: _channel_of(raw_channels, known, role, "crop_raw")
        for role, known in RAW_NAMES.items()
        if labelled or role != STRUCTURE_ROLE or any(name.strip().lower() in known for name in raw_channels)
    }
    mask_roles = {
        role: _channel_of(segmentation_channels, known, f"{role} mask", "crop_seg")
        for role, known in SEGMENTATION_NAMES.items()
    }
    return raw_channels, segmentation_channels, roles, mask_roles


def _channel_of(channels, names, role, column):
    try:
        index = find_channel(channels, names)
    except ValueError as error:
        raise ValueError(f"name_dict can't tell which channel of {column} is the {role}: {error}") from None
    if index is None:
        raise ValueError(
            f"name_dict names no channel of {column} for the {role}: found {', '.join(channels)}, expected one of "
            f"{', '.join(names)}"
        )
    return index


def _resolve(text, root, column):
    """Returns a path of the manifest: absolute, or within its folder. Raises: ValueError: it leaves the folder."""
    path = os.path.normpath(text)
    if path.split(os.sep, 1)[0] == os.pardir:
        raise ValueError(f"{column} {text} leaves the manifest's folder; move the file there or give its full path")
    return os.path.join(root, path)


@functools.lru_cache(maxsize=1024)
def _parse_choices(texts):
    return Choices.parse(dict(zip(_CHOICES, texts, strict=True)), "the column {}", BY_COLUMN)


@functools.lru_cache(maxsize=1024)
def parse_scale(text):
    """Returns (z, y, x) in µm from a Python literal. Raises: ValueError."""
    scale = _literal(text, "scale_micron", "[z, y, x] in µm")
    numbers = isinstance(scale, list | tuple) and all(type(value) in (int, float) for value in scale)
    if not numbers or len(scale) != 3 or not all(math.isfinite(value) and value > 0 for value in scale):
        raise ValueError(f"scale_micron is {shorten(text)!r}, expected three positive numbers [z, y, x] in µm")
    return tuple(map(float, scale))


def _literal(text, column, expected):
    """Reads a Python literal; evaluates nothing."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"{column} is {shorten(text)!r}, no Python literal; expected {expected}") from error


class FileIndex:
    """Which files exist. Lists each folder once: 200,000 single questions to a network drive would take minutes."""

    def __init__(self):
        self._listed = {}

    def find(self, path) -> tuple[str, str]:
        """Returns a path as it is on disk, where é may be written in another way, and why it can't be opened, or ""."""
        folder, name = os.path.split(path)
        if folder not in self._listed:
            self._listed[folder] = self._list(on_disk(folder))
        folder, files, others, spellings = self._listed[folder]
        if name not in files and name not in others:
            found = spellings.get(nfc(name), ())
            if len(found) != 1:
                twice = f", but several that look the same: {found}" if found else ""
                return path, f"there is no such file ({path}){twice}"
            (name,) = found
        path = os.path.join(folder, name)
        if name in files or os.path.isfile(path) or (os.path.isdir(path) and _holds_a_stack(path)):
            return path, ""
        return path, f"it is a folder without the numbered planes of a stack, or a broken link ({path})"

    @staticmethod
    def _list(folder):
        """Returns the folder, the names of files and of others in it, and {NFC: names} of those not in ASCII."""
        files, others, spellings = set(), set(), {}
        try:
            with os.scandir(folder or os.curdir) as entries:
                for entry in entries:
                    (files if entry.is_file(follow_symlinks=False) else others).add(entry.name)
                    if not entry.name.isascii():
                        spellings.setdefault(nfc(entry.name), []).append(entry.name)
        except OSError:
            pass  # nothing in this folder can be opened: each of its files is reported
        return folder, files, others, spellings


def _holds_a_stack(folder):
    return ".zarr" in folder.lower() or is_stack_folder(folder)


def shorten(text):
    """Cuts a value for an error if it is long."""
    return text if len(text) <= _MAX_LENGTH else text[:_MAX_LENGTH] + "..."
