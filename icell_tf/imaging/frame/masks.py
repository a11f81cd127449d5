"""Masks and label images: the one rule for what they may hold, wherever they come from.

A mask is 0 outside and has one number inside. Whatever else segmentation tools write becomes a mask by a choice, which
only the user can make: the label of the cell, or a threshold of probabilities, soft edges and pictures.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
from skimage import measure

from icell_tf.imaging.components import MAX_STRAY, largest_component
from icell_tf.imaging.read.channels import CHANNEL_ROLES, SEGMENTATION_ROLES

LABEL, THRESHOLD, CHANNEL_THRESHOLD = "mask_label", "mask_threshold", "channel_threshold"  # columns, flags and keys
# How the user says what is inside a mask, for errors: in a manifest, for a build, and by flags. half: of its maximum.
BY_COLUMN = "give the manifest a column {label}, or {threshold}"
BY_CONFIG = BY_COLUMN + '; a threshold for all cells is also a key of --config: "{threshold}": {half:g}'
BY_FLAG = "give --{label}={role}:NUMBER, or --{threshold}={role}:NUMBER; a manifest.csv has columns of these names"
_LISTED = 5  # values in a message
LEAST_WITHIN = 0.5  # share of a nucleus within its cell; if it is less, the nucleus is another cell's
_SPECK = 5  # pixels; a label whose pieces are smaller is none


class MaskError(ValueError):
    """A mask that can't be used, or doesn't belong to its stack."""


@dataclasses.dataclass(frozen=True)
class Choices:
    """What the user says about masks: which label is the cell, and above which value a cell or nucleus begins.

    Attributes:
      mask_label: {cell, nucleus: number}, the label of this cell in a label image; or of some of them.
      mask_threshold: {cell, nucleus: number}; what is higher is inside.
      channel_threshold: {membrane, nucleus, structure: number}, of channels that are segmentations.
      how: how the user makes a choice, for errors: one of the texts above.
    """

    mask_label: Mapping[str, float] = dataclasses.field(default_factory=dict)
    mask_threshold: Mapping[str, float] = dataclasses.field(default_factory=dict)
    channel_threshold: Mapping[str, float] = dataclasses.field(default_factory=dict)
    how: str = dataclasses.field(default=BY_FLAG, compare=False)

    @classmethod
    def parse(cls, texts, where, how=BY_FLAG) -> "Choices":
        """Reads {mask_label, mask_threshold, channel_threshold: text}, as cell:2,nucleus:5, or 2 for both masks.

        Args: texts: those that are given. where: the source, for errors, such as "the column {}". how: see above.
        Raises: ValueError: a text is something else, a label is 0 or less, or a mask has a label and a threshold.
        """
        roles = {LABEL: SEGMENTATION_ROLES, THRESHOLD: SEGMENTATION_ROLES, CHANNEL_THRESHOLD: CHANNEL_ROLES}
        given = {
            name: _parse_numbers(texts[name], known, where.format(name))
            for name, known in roles.items()
            if texts.get(name)
        }
        if any(label <= 0 for label in given.get(LABEL, {}).values()):
            raise ValueError(f"{where.format(LABEL)} is {texts[LABEL]!r}, but labels are above 0, which is the outside")
        if both := given.get(LABEL, {}).keys() & given.get(THRESHOLD, {}).keys():
            raise ValueError(
                f"{where.format(LABEL)} and {where.format(THRESHOLD)} are both given for the {min(both)} mask: a label "
                "image needs the first, probabilities the second."
            )
        return cls(**given, how=how)

    def over(self, others: "Choices") -> "Choices":
        """Returns these choices, completed by the others where these say nothing of a mask or channel."""
        mine, theirs = (
            {name: dict(getattr(given, name)) for name in (LABEL, THRESHOLD, CHANNEL_THRESHOLD)}
            for given in (self, others)
        )
        for first, second in ((LABEL, THRESHOLD), (THRESHOLD, LABEL)):  # a label replaces a threshold
            theirs[first] = {role: value for role, value in theirs[first].items() if role not in mine[second]}
        return Choices(**{name: theirs[name] | mine[name] for name in mine}, how=self.how)

    def mask(self, mask, role) -> np.ndarray:
        """Returns a mask as bool, by the choice for its role if there is one. Raises: as `binary_mask`."""
        return binary_mask(mask, role, self.mask_label.get(role), self.mask_threshold.get(role), self.how)

    def channel(self, channel, role) -> np.ndarray:
        """Returns a channel as it is, or as 0 and 1 if there is a threshold for it."""
        threshold = self.channel_threshold.get(role)
        return channel if threshold is None else (channel > threshold).astype(np.uint8)


def _parse_numbers(text, roles, where):
    pairs = [part.rpartition(":") for part in str(text).split(",")]
    try:
        numbers = {role.strip(): float(number) for role, _, number in pairs}
    except ValueError:
        numbers = {}
    once = len(numbers) == len(pairs)  # 0,5 is no number
    if set(numbers) == {""} and roles == SEGMENTATION_ROLES:  # which channels are segmentations has to be said
        numbers = dict.fromkeys(roles, numbers[""])
    known = set(numbers) <= set(roles) and all(map(math.isfinite, numbers.values()))
    if not once or not known:
        example = ",".join(f"{role}:NUMBER" for role in roles)
        raise ValueError(f"{where} is {text!r}, but must look like {example}; a role may be left out")
    return numbers


def binary_mask(
    mask, role: str, label: float | None = None, threshold: float | None = None, how: str = BY_FLAG
) -> np.ndarray:
    """Returns a mask as bool.

    Args:
      mask: of any shape: bools; or numbers, 0 outside and one number inside, unless a label or a threshold is given.
      role: "cell" or "nucleus", for errors.
      label: the number inside; all others are outside.
      threshold: what is higher is inside.
      how: how the user gives them, for errors; see `Choices`.

    Raises: MaskError: the mask has several numbers inside and none is chosen, or nothing is inside, or it has negative
      numbers (unless there is a threshold), NaN or infinite ones.
    """
    mask = _numbers_of(mask, f"{role} mask", threshold is not None)
    if threshold is not None:
        inside = mask > threshold
        if not inside.any():
            raise MaskError(
                f"the {role} mask has nothing above the threshold of {threshold:g}: its values go from {mask.min():g} "
                f"to {mask.max():g}."
            )
        return inside
    if label is not None:
        inside = mask == label
        if not inside.any():
            raise MaskError(f"the {role} mask has no label {label:g}: found {_listed(mask)}.")
        return inside
    inside = mask != 0
    if not inside.any():
        raise MaskError(f"the {role} mask is empty.")
    if mask.dtype != bool and not np.array_equal(inside, mask == mask.max()):
        chosen = how.format(role=role, label=LABEL, threshold=THRESHOLD, half=mask.max() / 2)
        raise MaskError(
            f"the {role} mask has several values beside 0: {_listed(mask)}. Expected 0 outside and one value inside. "
            f"Say which label is the cell's, in a label image, or above which value the {role} begins, in "
            f"probabilities, soft edges or a picture: {chosen}."
        )
    return inside


def check_masks(cell_mask, nucleus_mask, shape) -> list[np.ndarray]:
    """Returns the masks of a cell and its nucleus as bool arrays of their stack's shape.

    Args: cell_mask, nucleus_mask: as `binary_mask` takes them, (Z, Y, X), (1, Y, X) or (Y, X). shape: (Z, Y, X).
    Raises: MaskError: one of them can't be used, or they don't belong together or to the stack.
    """
    masks = []
    for role, mask in zip(SEGMENTATION_ROLES, (cell_mask, nucleus_mask), strict=True):
        mask = np.asarray(mask)
        mask = mask[None] if mask.ndim == 2 else mask
        check_shape(mask.shape, shape, f"the {role} mask", "the stack")
        masks.append(np.broadcast_to(binary_mask(mask, role), shape))
    cell, nucleus = masks
    if np.count_nonzero(nucleus) > np.count_nonzero(cell):
        raise MaskError(
            "the nucleus mask is larger than the cell mask: are they exchanged? Check the names of their "
            "channels: in a manifest name_dict, else --segmentation_channels."
        )
    if cell.all():
        raise MaskError(
            "the cell mask fills the whole stack, so the cell has no outline: expected a mask that is 0 outside the "
            "cell, and a crop with a margin around it."
        )
    outline = cell.any(axis=0)
    if outline[[0, -1]].all() and outline[:, [0, -1]].all():
        raise MaskError("the cell mask is inside all along the stack's border: is it inverted? Expected 0 outside.")
    share = sum(np.count_nonzero(c & n) for c, n in zip(*masks, strict=True)) / np.count_nonzero(nucleus)
    if share < LEAST_WITHIN:
        where = f"only {share:.0%} of the nucleus mask lies within" if share else "the nucleus mask lies outside"
        raise MaskError(f"{where} the cell mask: are both of one cell, and of no other?")
    if np.array_equal(cell, nucleus):
        raise MaskError(
            "the nucleus mask is the same as the cell mask: give each its own channel: in a manifest by "
            "name_dict, else by --segmentation_channels."
        )
    return masks


def describe_pieces(cell) -> str:
    """Says that a cell is in pieces, if it is; "" if not. Args: cell: (Y, X) bool, its projected mask, or (Z, Y, X)."""
    _, share, count = largest_component(cell, corners=True)
    if share >= 1 - MAX_STRAY:
        return ""
    return f"the cell mask is in {count} pieces, the largest {share:.0%} of it: they are taken for one cell"


def check_shape(mask_shape, shape, what: str = "the label image", whose: str = "the field"):
    """Checks that a mask or label image belongs to a stack, by their shapes (Z, Y, X). Raises: MaskError: no."""
    if len(mask_shape) != 3 or mask_shape[0] not in (1, shape[0]) or tuple(mask_shape[1:]) != tuple(shape[1:]):
        raise MaskError(
            f"{what} has the shape {tuple(mask_shape)}, {whose} {tuple(shape)} (Z, Y, X); expected the same shape, or "
            "one plane of it. Are they of one image, at one resolution?"
        )


def label_image(labels, role: str, threshold: float | None = None) -> tuple[np.ndarray, bool]:
    """Returns the labels of all cells, or nuclei, of a field as integers.

    Args:
      labels: (1 or Z, Y, X): whole numbers of any type, 0 for background, another number for each cell; or a mask of
        all cells.
      role: "cell" or "nucleus", for errors.
      threshold: what is higher is inside, of probabilities; None: the image has labels.

    Returns: (1 or Z, Y, X) integers; and whether they were a mask: its connected pieces have then been numbered.
    Raises: MaskError: it is empty, or no label image: its numbers are not whole, or are no pieces but a picture's.
    """
    what = f"label image of {'cells' if role == 'cell' else 'nuclei'}"
    labels = _numbers_of(labels, what, threshold is not None)
    if threshold is not None:
        labels = binary_mask(labels, role, threshold=threshold)
    if labels.dtype.kind == "f":
        if not np.array_equal(labels, np.rint(labels)):
            raise MaskError(
                f"the {what} has values that are not whole numbers, {_listed(labels)}: of probabilities give the "
                f"threshold, --{THRESHOLD}={role}:NUMBER."
            )
        labels = labels.astype(np.int64)
    if labels.dtype.kind == "b":
        labels = labels.astype(np.uint8)
    if labels.dtype == np.uint64:
        labels = labels.astype(np.int64)  # np.bincount takes any other type of labels
    highest = labels.max()
    if not highest:
        raise MaskError(f"the {what} is empty: it holds 0 only.")
    if np.array_equal(labels != 0, labels == highest):
        pieces, count = measure.label(labels != 0, return_num=True)
        return (pieces.astype(np.int32), True) if count > 1 else (labels, False)
    _check_pieces(labels, what, role)
    return labels, False


def _check_pieces(labels, what, role):
    """Refuses a picture in place of labels: one in which most labels are in pieces or are specks.

    Args: labels: (Z, Y, X) integers; only the plane with the fewest zeros is looked at. what, role: for errors.
    Raises: MaskError: it is a picture.
    """
    plane = labels[np.argmax(np.count_nonzero(labels, axis=(1, 2)))]
    pieces = measure.label(plane, background=0)
    places = np.flatnonzero(np.diff(pieces.ravel(), prepend=0))  # at least one in each piece
    label_of = np.zeros(pieces.max() + 1, plane.dtype)
    label_of[pieces.ravel()[places]] = plane.ravel()[places]
    sizes = np.bincount(pieces.ravel())[1:]
    numbers, index = np.unique(label_of[1:], return_inverse=True)
    total, largest = np.bincount(index, sizes), np.zeros(len(numbers))
    np.maximum.at(largest, index, sizes)
    scattered = np.count_nonzero((largest < (1 - MAX_STRAY) * total) | (largest < _SPECK))
    if len(numbers) > 1 and 2 * scattered > len(numbers):
        raise MaskError(
            f"the {what} has {len(numbers)} values, {_listed(plane)}, and {scattered} of them are in several pieces or "
            "specks: a picture, probabilities, or classes, but no labels of single cells. Give "
            f"--{THRESHOLD}={role}:NUMBER, and what is higher is divided into connected pieces; or label them in your "
            "segmentation tool."
        )


def _numbers_of(mask, what, may_be_negative):
    """Returns a mask as an array. Raises: MaskError: it has no numbers, or such as no mask has."""
    mask = np.asarray(mask)
    if mask.dtype.kind not in "buif":
        raise MaskError(f"expected a {what} of bools or numbers, found {mask.dtype}.")
    if not mask.size:
        raise MaskError(f"the {what} is empty.")
    if mask.dtype.kind == "f" and not (np.isfinite(mask.min()) and np.isfinite(mask.max())):
        raise MaskError(f"the {what} has NaN or infinite values: expected 0 outside, more inside.")
    if mask.dtype.kind in "if" and mask.min() < 0 and not may_be_negative:
        raise MaskError(f"the {what} has negative values, down to {mask.min():g}: expected 0 outside, more inside.")
    return mask


def _listed(mask):
    """Returns the values of a mask but 0, in words: the first few, and how many there are."""
    values = np.unique(mask)
    values = values[values != 0]
    more = f" and {len(values) - _LISTED} more, up to {values[-1]:g}" if len(values) > _LISTED else ""
    return ", ".join(f"{value:g}" for value in values[:_LISTED]) + more
