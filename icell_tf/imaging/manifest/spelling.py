"""Structure names that look like a misspelling of another name, so that a typing error doesn't become a class.

A slip of the pen is rare beside the name that it resembles. Two similar frequent names are two structures.

The distance is Levenshtein's, written here, because the messages count letters, and difflib's ratios count none.
"""

import difflib
import os
from collections.abc import Mapping

from icell_tf.structures import KNOWN, canonical_name, spelling_key

_MAX_DISTANCE = 2
_FREQUENT = 10  # cells; names of fewer may be slips even if another is no more frequent
_RARE = 0.1  # of the other name's cells; a name of fewer may be a slip
_MANY = 100  # cells; a name of so many is none, however many the other has
SUSPECT, ALLOW = SIMILAR_NAMES = ("suspect", "allow")
MAX_NAMES = 1000  # no data set has so many structures: the column holds something else
_REMEDY = (
    'Correct it; or, if all names are right, give "similar_names": "allow" in the config, or list the right ones in '
    "its argument structures"
)


def misspelt(counts: Mapping[str, int], allowed=None, similar=SUSPECT) -> dict[str, str]:
    """Finds the names that can't be used.

    Args:
      counts: {structure name as it was found: number of cells}.
      allowed: the correct names; any other is wrong. None: a name is suspected if it lies within edit distance 2 of
        another, or differs from it only in case, space or hyphens, and one of them is rare: it has fewer than 10 cells,
        or fewer than a tenth of the other's and than 100. Of the two the rarer one is suspected, or both if they are
        equally frequent. Known names (`structures.KNOWN`) are never suspected, but the names that resemble them are.
      similar: "allow" suspects no name.

    Returns: {name: why it can't be used}, with the other name.
    Raises: ValueError: there are more than `MAX_NAMES` names; or two frequent names differ only in case, space or
      hyphens, so that neither can be set aside.
    """
    if allowed is not None:
        right = {canonical_name(name) for name in allowed}
        wrong = [name for name in counts if canonical_name(name) not in right]
        return {name: _not_allowed(name, counts, allowed) for name in wrong}
    if len(counts) > MAX_NAMES:
        raise ValueError(
            f"found {len(counts)} different structure names: does this column really hold the structure? If it does, "
            "list all names in the config's argument structures."
        )
    reasons = {}
    for name, near in _similar(counts).items() if similar != ALLOW else ():
        suspects = [(distance, other) for distance, other in near if not _both_frequent(counts[name], counts[other])]
        if suspects:
            reasons[name] = f"{_compared(name, *suspects[0], counts)}: is it the same? {_REMEDY}"
        elif not near[0][0]:
            raise ValueError(f"{_compared(name, *near[0], counts)}: are they the same? {_REMEDY}")
    return reasons


def resembling(counts: Mapping[str, int]) -> list[str]:
    """Returns a sentence for each name that resembles another, though both are used. Args: counts: see `misspelt`."""
    nearest = {frozenset((name, near[0][1])): (name, *near[0]) for name, near in _similar(counts).items()}
    return [f"{_compared(*pair, counts)}: they are two structures." for pair in nearest.values()]


def _similar(counts):
    """Returns {name: [(distance, other)]}: which names each one may be a misspelling of, the nearest first.

    The others are at least as frequent, or known; of equally near ones the most frequent is first. Known names, and
    those that resemble no other, are left out.
    """
    known = {name for name in counts if canonical_name(name) in KNOWN}
    keys = {name: spelling_key(name) for name in counts}
    found = {}
    for name, count in counts.items():
        near = []
        for other in counts:
            if name not in known and other != name and (other in known or counts[other] >= count):
                distance = edit_distance(keys[name], keys[other], _MAX_DISTANCE)
                # Two names of one or two letters (ER, PM) are never far apart, so the names must share a letter.
                if distance <= _MAX_DISTANCE and distance < max(1, min(len(keys[name]), len(keys[other]))):
                    near.append((distance, -counts[other], other))
        if near:
            found[name] = [(distance, other) for distance, _, other in sorted(near)]
    return found


def _both_frequent(count, other):
    return count >= max(_FREQUENT, min(_RARE * other, _MANY)) and other >= _FREQUENT


def _compared(name, distance, other, counts):
    letters = f"{distance} letter{'s' * (distance > 1)}"
    how = f"differs by {letters} from" if distance else "differs only in case, space or hyphens from"
    return f"structure_name {name!r} ({_cells(counts[name])}) {how} {other!r} ({_cells(counts[other])})"


def _not_allowed(name, counts, allowed):
    keys = {spelling_key(other): other for other in allowed}
    near = difflib.get_close_matches(spelling_key(name), keys, 1)
    guess = f"; did you mean {keys[near[0]]!r}?" if near else ""
    found = f"structure_name {name!r} ({_cells(counts[name])})"
    return f"{found} is none of the config's structures {', '.join(allowed)}{guess}"


def _cells(count):
    return f"{count} cell{'s' * (count != 1)}"


def edit_distance(a: str, b: str, limit: int) -> int:
    """Returns Levenshtein's distance of two strings, or limit + 1 if it is larger."""
    if abs(len(a) - len(b)) > limit or len({*a} ^ {*b}) > 2 * limit:  # each edit adds or removes two letters at most
        return limit + 1
    start, end = len(os.path.commonprefix((a, b))), len(os.path.commonprefix((a[::-1], b[::-1])))
    end = min(end, len(a) - start, len(b) - start)  # what they share at either end adds no distance
    a, b = a[start : len(a) - end], b[start : len(b) - end]
    previous = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        current = [i]
        for j, other in enumerate(b, 1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (letter != other)))
        if min(current) > limit:
            return limit + 1
        previous = current
    return min(previous[-1], limit + 1)
