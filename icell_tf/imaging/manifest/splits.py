"""Divides cells into train, validation and test by field of view, from a hash of their ids."""

import hashlib
from collections import Counter
from collections.abc import Iterable

SPLITS = ("train", "validation", "test")


def check_fractions(validation_fraction: float, test_fraction: float) -> None:
    """Raises a ValueError unless both fractions are numbers in [0, 1) that leave cells to train on."""
    fractions = validation_fraction, test_fraction
    # NaN is not in the range either.
    if not all(type(value) in (int, float) and 0 <= value < 1 for value in fractions) or sum(fractions) >= 1:
        raise ValueError(
            f"validation_fraction is {validation_fraction!r} and test_fraction {test_fraction!r}: expected numbers of "
            "at least 0 that leave cells to train on (a sum below 1)."
        )


def split_fields(fields: Iterable[str], validation_fraction: float, test_fraction: float, salt: str) -> dict[str, str]:
    """Assigns each field of view to a split, of one structure or of all.

    Fields are ordered by a hash of their id. Test, then validation, get fields until they hold their share of the
    cells, at least one field each; the others are for training. With three fields each split thus has a cell; with two,
    only train and test have.

    Args:
      fields: the field of each cell: a field occurs once for each of its cells.
      validation_fraction, test_fraction: shares of the cells; 0 leaves a split empty.
      salt: the structure's name, so that structures are divided independently; or one text for all of them together.

    Returns: {field: "train", "validation" or "test"}.
    """
    check_fractions(validation_fraction, test_fraction)
    sizes = Counter(fields)
    waiting = sorted(sizes, key=lambda field: (_hash(salt, field), field))
    total = sum(sizes.values())
    assigned = {}
    # How many fields must be left for the splits that follow.
    left_for_others = 2 if validation_fraction > 0 and len(waiting) >= 3 else 1
    for split, fraction, reserve in (("test", test_fraction, left_for_others), ("validation", validation_fraction, 1)):
        cells = 0
        while fraction > 0 and len(waiting) > reserve:
            size = sizes[waiting[0]]
            if cells and cells + size / 2 > fraction * total + 1e-9:
                break
            assigned[waiting.pop(0)] = split
            cells += size
    return assigned | dict.fromkeys(waiting, "train")


def _hash(salt, field):
    return hashlib.sha256(f"{salt}\0{field}".encode()).hexdigest()
