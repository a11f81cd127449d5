"""The fields of view to cut cells from: given on a command line, or listed in a fields.csv."""

import collections
import dataclasses
import os
from pathlib import Path

from icell_tf.files import on_disk, stem
from icell_tf.imaging.frame.masks import THRESHOLD, Choices, check_shape
from icell_tf.imaging.manifest.rows import parse_scale
from icell_tf.imaging.manifest.table import read_table
from icell_tf.imaging.ome import ome_type
from icell_tf.imaging.read import Stack, dimensions, fitting_axes, print_guesses, read_masks, read_stack
from icell_tf.imaging.read.channels import (
    CHANNEL_ROLES,
    RAW_NAMES,
    REFERENCE_ROLES,
    SEGMENTATION_NAMES,
    SEGMENTATION_ROLES,
    STRUCTURE_ROLE,
    choose_channels,
    other_structure,
    parse_channels,
)
from icell_tf.messages import counted

COLUMNS = ("FieldId", "path", "structure_name", "cell_labels", "nucleus_labels", "scale_micron", "channels", "scene")
COLUMNS += (THRESHOLD,)
REQUIRED = COLUMNS[:2]


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of view.

    Attributes:
      field_id: unique; the ids of the field's cells begin with it.
      path: the image.
      structure: the labelled structure; empty if the field has no structure channel.
      cell_labels, nucleus_labels: label images; empty if there is none.
      channels: {membrane, nucleus[, structure]: index or name}; None to find them by their names in the file.
      scale: µm, one number for y and x, or (z, y, x); None for the file's own.
      axes: of the image's array, such as CZYX, and of the label images' if they have as many dimensions; None for the
        files' own.
      segmentation_channels: {cell, nucleus: index or name} if a file of labels has several channels.
      scene: name or number of the image, if its file has several; the label images' files have one.
      choices: `Choices`: the thresholds of label images that are probabilities.
    """

    field_id: str
    path: str
    structure: str = ""
    cell_labels: str = ""
    nucleus_labels: str = ""
    channels: dict[str, int | str] | None = None
    scale: tuple[float, ...] | None = None
    axes: str | None = None
    segmentation_channels: dict[str, int | str] | None = None
    scene: str | None = None
    choices: Choices = Choices()

    @property
    def labels(self) -> dict[str, str]:
        """The label images there are: {cell or nucleus: path}."""
        paths = {"cell": self.cell_labels, "nucleus": self.nucleus_labels}
        return {role: path for role, path in paths.items() if path}

    def open(self) -> tuple[Stack, dict[str, int]]:
        """Opens the image: the stack, and {role: index}. Raises: ValueError, OSError: with the reason."""
        stack = read_stack(self.path, axes=self.axes, scale=self.scale, scene=self.scene)
        roles, guesses = choose_channels(stack, self.channels, RAW_NAMES, REFERENCE_ROLES, "--channels")
        print_guesses(self.path, stack.guesses + guesses + other_structure(stack, roles, self.structure))
        listed = f"{counted(len(stack.channels), 'channel')}: {stack.listed}"
        if STRUCTURE_ROLE in roles and not self.structure:
            raise ValueError(
                f"{self.path}: the name of the structure in channel {roles[STRUCTURE_ROLE]} is missing: give "
                f"--structure, or the column structure_name; or leave structure out of --channels. It has {listed}"
            )
        if self.structure and STRUCTURE_ROLE not in roles:
            raise ValueError(
                f"{self.path}: the structure {self.structure} is named, but no channel of it: add "
                f"structure:NAME_OR_NUMBER to --channels, or the column channels. It has {listed}"
            )
        return stack, roles

    def check_writable(self, stack, roles):
        """Checks that an OME-TIFF can hold the cells. Raises: ValueError: it can't, without loss."""
        if stack.dtype.kind in "iu" and stack.dtype.itemsize == 8:  # all other types have one of OME's
            try:
                ome_type([stack.channel(channel) for channel in roles.values()])
            except ValueError as error:
                raise ValueError(f"{self.path}: {error}") from error

    def open_labels(self, role, image) -> tuple[Stack, int]:
        """Opens the label image of cells or nuclei, and finds its channel.

        Args:
          role: "cell" or "nucleus".
          image: the field's `Stack`.

        Raises: ValueError, OSError: it has another shape or pixel size, or several channels and none is named, or not
          the named one.
        """
        path, named = self.labels[role], self.segmentation_channels
        one_file = len(set(map(os.path.realpath, self.labels.values()))) < len(self.labels)
        try:
            # With one channel name an axis that the file doesn't name is Z.
            only = None if named else ("labels",)
            stack = read_masks(path, image, self.scale is not None, axes=self.axes, channels=only)
        except ValueError as error:
            raise ValueError(f"{error}{_label_hint(path, self.axes, only)}") from error
        guesses, index = (), 0
        if named:
            given = named if one_file else {role: named[role]}
            chosen = choose_channels(stack, given, SEGMENTATION_NAMES, SEGMENTATION_ROLES, "--segmentation_channels")
            index, guesses = chosen[0][role], chosen[1]
        elif one_file:
            raise ValueError(
                f"{path}: is given as label image of the cells and of the nuclei: give one of each, or the channels of "
                "one file: --segmentation_channels=cell:0,nucleus:1."
            )
        print_guesses(path, stack.guesses + guesses)
        try:
            check_shape(stack.shape[1:], image.shape[1:])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        return stack, index


def find_fields(paths, structure="", cell_labels=(), nucleus_labels=(), **common) -> list[Field]:
    """Returns the fields of a command line: those of a fields.csv, or images, whose ids are their files' names.

    Args:
      paths: images, or one .csv.
      structure: one for all, or empty.
      cell_labels, nucleus_labels: a label image for each path, or none at all.
      **common: `Field`'s channels, scale, axes, segmentation_channels, scene and choices.

    Raises: ValueError: the numbers of label images and fields differ, or other arguments contradict the .csv.
    """
    if any(str(path).lower().endswith(".csv") for path in paths):
        if len(paths) > 1 or structure or cell_labels or nucleus_labels:
            raise ValueError(
                f"{' '.join(map(str, paths))}: give a list of fields alone; structures and label images are in its "
                "columns structure_name, cell_labels and nucleus_labels"
            )
        return read_fields(on_disk(paths[0]), **common)
    for flag, labels in (("cell_labels", cell_labels), ("nucleus_labels", nucleus_labels)):
        if labels and len(labels) != len(paths):
            raise ValueError(
                f"--{flag} names {counted(len(labels), 'file')} for {counted(len(paths), 'field')}: give one for each, "
                "in their order, separated by commas"
            )
    if not cell_labels and not nucleus_labels and common.get("choices", Choices()).mask_threshold:
        raise ValueError(
            "--mask_threshold says what is inside label images, but there are none: leave it out, or give "
            "--cell_labels or --nucleus_labels"
        )
    none = [""] * len(paths)
    return [
        Field(stem(path), on_disk(path), structure, on_disk(cells), on_disk(nuclei), **common)
        for path, cells, nuclei in zip(paths, cell_labels or none, nucleus_labels or none, strict=True)
    ]


def read_fields(path, **common) -> list[Field]:
    """Reads a fields.csv: columns FieldId and path, and optionally structure_name, cell_labels, nucleus_labels,
    scale_micron ([z, y, x]), channels (membrane:0,nucleus:1,structure:2), scene and mask_threshold (0.5 or
    cell:0.5,nucleus:0.5). Paths are relative to it.

    Args: path: the file. **common: as in `find_fields`; channels, scale, scene and choices are for rows without.
    Raises: ValueError: it can't be read, a column is missing, or rows are bad; each is named by its line and reason.
    """
    path = Path(path)
    fields, errors = [], []
    for line, values, problem in read_table(path, REQUIRED, COLUMNS, "A list of fields"):
        try:
            if problem:
                raise ValueError(problem)
            fields.append(_parse_row(values, path.parent, common))
        except ValueError as error:
            errors.append(f"line {line}: {error}")
    if errors:
        raise ValueError(f"{path}: {counted(len(errors), 'row')} can't be used:\n  " + "\n  ".join(errors))
    if not fields:
        raise ValueError(f"{path}: there are no rows in it.")
    return fields


def check_fields(fields):
    """Opens every field before any work is done. Raises: ValueError: names each one that can't be used."""
    counts = collections.Counter(field.field_id for field in fields)
    errors = [
        f"FieldId {name}: {n} fields have this id; give each an id of its own, in the column FieldId of a fields.csv"
        for name, n in counts.items()
        if n > 1
    ]
    for field in fields:
        missing = [p for p in (field.path, field.cell_labels, field.nucleus_labels) if p and not os.path.exists(p)]
        errors += [f"FieldId {field.field_id}, {file}: there is no such file" for file in missing]
        if not missing:
            try:
                stack, roles = field.open()
                field.check_writable(stack, roles)
                for role in field.labels:
                    field.open_labels(role, stack)
            except (ValueError, OSError, ImportError) as error:  # the last where a format needs another package
                errors.append(f"FieldId {field.field_id}, {error}")
    if errors:
        raise ValueError("\n  ".join([f"{counted(len(errors), 'field')} can't be used; nothing was written:", *errors]))


def _label_hint(path, axes, channels):
    """Returns advice on a label image whose axes are not understood, or which has several channels."""

    def opened(names):
        try:
            return read_stack(path, axes=fitting_axes(path, axes), channels=names, scale=1)
        except ValueError:
            return None

    if dimensions(path) is None or opened(channels):  # it can't be read at all, or the error has another reason
        return ""
    unnamed = channels and opened(None)
    several = unnamed is not None and unnamed.shape[0] > 1
    hint = " If cells and nuclei are its channels, name them: --segmentation_channels=cell:0,nucleus:1." * several
    return f"{hint} --axes applies to label images of as many dimensions as the field; else save them as YX or ZYX."


def _parse_row(row, root, common):
    cells = {column: row.get(column, "").strip() for column in COLUMNS}
    empty = [column for column in REQUIRED if not cells[column]]
    if empty:
        raise ValueError(f"the column {empty[0]} is empty")
    given = dict(common)
    if cells["channels"]:
        given["channels"] = parse_channels(cells["channels"], CHANNEL_ROLES, "the column channels")
    if cells["scale_micron"]:
        given["scale"] = parse_scale(cells["scale_micron"])
    if cells["scene"]:
        given["scene"] = cells["scene"]
    paths = (on_disk(root / cells[name]) if cells[name] else "" for name in ("path", "cell_labels", "nucleus_labels"))
    image, cell_labels, nucleus_labels = paths
    given["choices"] = Choices.parse({THRESHOLD: cells[THRESHOLD]}, "the column {}").over(
        given.get("choices", Choices())
    )
    return Field(cells["FieldId"], image, cells["structure_name"], cell_labels, nucleus_labels, **given)
