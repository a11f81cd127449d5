"""One row of a manifest: its values checked one by one, so that all that is wrong with it is said at once."""

import ast
import functools
import math
import os

REQUIRED = ("CellId", "structure_name", "crop_raw", "crop_seg", "name_dict")
OPTIONAL = ("FOVId", "scale_micron")
_SHOWN_LENGTH = 200

# The names a role's channel goes by, the best first. A filled mask is preferred to one that may be a shell.
RAW_NAMES = {
    "membrane": ("membrane", "cell_membrane", "cell"),
    "nucleus": ("dna", "dna_dye", "nucleus", "hoechst", "dapi"),
    "structure": ("structure", "struct", "gfp", "egfp"),
}
SEGMENTATION_NAMES = {
    "cell": (
        "membrane_segmentation_fill",
        "membrane_segmentation",
        "cell_segmentation",
        "cell_seg",
        "membrane_seg",
        "cell",
        "membrane",
    ),
    "nucleus": (
        "dna_segmentation_fill",
        "dna_segmentation",
        "nucleus_segmentation",
        "dna_seg",
        "nucleus_seg",
        "nuc_seg",
        "nucleus",
        "dna",
    ),
}


class RowParser:
    """Checks the rows of one manifest."""

    def __init__(self, root, required, labelled):
        self._root, self._required, self._labelled = str(root), required, labelled
        self._folders = Folders()

    def parse(self, row) -> tuple[dict | None, list[str], bool]:
        """Checks a row, {column: text}.

        Returns: the fields of a `ManifestCell` but its structure, or None; why not; whether it only lacks both files.
        """
        reasons = [f"the column {column} is empty" for column in self._required if not row[column].strip()]
        for column in ("CellId", "FOVId", "structure_name"):  # TFDS keeps the names one a line
            if not row.get(column, "").strip().isprintable():
                reasons.append(f"{column} is {shown(row[column])!r}, expected printable text on one line")
        channels = self._try(reasons, parse_name_dict, row["name_dict"].strip(), self._labelled)
        scale = self._try(reasons, parse_scale, row.get("scale_micron", "").strip())
        paths, absent = {}, []
        for column in ("crop_raw", "crop_seg"):
            text = row[column].strip()
            paths[column] = self._try(reasons, resolve, text, self._root, column)
            if paths[column] and (why := self._folders.problem(paths[column])):
                absent.append(f"{column} {text}: {why}")
        if reasons or absent:
            return None, reasons + ["; ".join(absent)] * bool(absent), len(absent) == 2 and not reasons
        cell_id = row["CellId"].strip()
        raw_channels, segmentation_channels, roles = channels
        fields = {
            "cell_id": cell_id,
            "fov_id": row.get("FOVId", "").strip() or cell_id,
            "raw": paths["crop_raw"],
            "segmentation": paths["crop_seg"],
            "raw_channels": raw_channels,
            "segmentation_channels": segmentation_channels,
            "roles": roles,
            "scale": scale,
        }
        return fields, [], False

    @staticmethod
    def _try(reasons, parse, text, *arguments):
        """The parsed value; None, with the reason added, if it can't be parsed; None if the column is empty."""
        try:
            return parse(text, *arguments) if text else None
        except ValueError as error:
            reasons.append(str(error))


@functools.lru_cache(maxsize=1024)  # most manifests have one and the same name_dict in every row
def parse_name_dict(text, labelled):
    """All channels of crop_raw, of crop_seg, and {role: channel}, from name_dict. Raises: ValueError."""
    raw_channels, segmentation_channels = _channel_names(text)
    roles = {}
    for role, names in RAW_NAMES.items():
        if labelled or role != "structure" or _named(raw_channels, names) is not None:
            roles[role] = _find(raw_channels, names, role, "crop_raw")
    for role, names in SEGMENTATION_NAMES.items():
        roles[f"{role}_mask"] = _find(segmentation_channels, names, f"{role} mask", "crop_seg")
    return raw_channels, segmentation_channels, roles


def _channel_names(text):
    """The channel names of crop_raw and crop_seg from a Python literal; nothing is ever evaluated."""
    expected = "expected {'crop_raw': [channel names], 'crop_seg': [channel names]}"
    try:
        names = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"name_dict {shown(text)!r} is not a Python literal; {expected}") from error
    if not isinstance(names, dict) or not {"crop_raw", "crop_seg"} <= set(names):
        raise ValueError(f"name_dict is {shown(text)!r}; {expected}")
    for key in ("crop_raw", "crop_seg"):
        if not isinstance(names[key], list | tuple) or not all(isinstance(name, str) for name in names[key]):
            raise ValueError(f"name_dict has {names[key]!r} as {key}; {expected}")
    return tuple(names["crop_raw"]), tuple(names["crop_seg"])


def _named(channels, names):
    """The channel with the best of the names, or None."""
    lower = [channel.strip().lower() for channel in channels]
    return next((channels[lower.index(name)] for name in names if name in lower), None)


def _find(channels, names, role, column):
    found = _named(channels, names)
    if found is None:
        raise ValueError(
            f"name_dict names no channel of {column} for the {role}: found {', '.join(channels)}, expected one of "
            f"{', '.join(names)}"
        )
    return found


def resolve(text, root, column):
    """A path of the manifest: absolute, or within the manifest's own folder. Raises: ValueError: it leaves that."""
    path = os.path.normpath(text)
    if os.path.isabs(path):
        return path
    if path.split(os.sep, 1)[0] == os.pardir:
        raise ValueError(f"{column} {text} leaves the manifest's folder; move the file there or give its full path")
    return os.path.join(root, path)


@functools.lru_cache(maxsize=1024)
def parse_scale(text):
    """(z, y, x) in µm from a Python literal. Raises: ValueError."""
    try:
        scale = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"scale_micron is {shown(text)!r}, expected [z, y, x] in µm") from error
    numbers = isinstance(scale, list | tuple) and all(type(value) in (int, float) for value in scale)
    if not numbers or len(scale) != 3 or not all(math.isfinite(value) and value > 0 for value in scale):
        raise ValueError(f"scale_micron is {shown(text)!r}, expected three positive numbers [z, y, x] in µm")
    return tuple(map(float, scale))


class Folders:
    """Which files there are. Each folder is listed once: asking file by file takes minutes for 200,000 on a network."""

    def __init__(self):
        self._listed = {}

    def problem(self, path) -> str:
        """Why a path can't be opened, or "" if it is a file or an OME-Zarr folder."""
        folder, name = os.path.split(path)
        if folder not in self._listed:
            self._listed[folder] = self._list(folder)
        files, others = self._listed[folder]
        if name in files:
            return ""
        if name not in others:
            return f"there is no such file ({path})"
        if os.path.isfile(path) or (os.path.isdir(path) and ".zarr" in path.lower()):
            return ""
        return f"it is a folder or a broken link, not a file ({path})"

    @staticmethod
    def _list(folder):
        files, others = set(), set()
        try:
            with os.scandir(folder or os.curdir) as entries:
                for entry in entries:
                    (files if entry.is_file(follow_symlinks=False) else others).add(entry.name)
        except OSError:
            pass  # nothing that lies there can be opened: each file is reported
        return files, others


def shown(text):
    """A value as an error shows it, cut where it is long."""
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "..."
