"""Structure names that look like another's misspelling, so that a slip of the pen doesn't become a class of its own."""

import os
from collections.abc import Mapping

from icell_tf.structures import KNOWN, canonical_name, spelling_key

_DISTANCE = 2
MAX_NAMES = 1000  # no data set has so many structures; it is another column then


def misspelt(counts: Mapping[str, int], allowed=None) -> dict[str, str]:
    """Finds the names that can't stand.

    Args:
      counts: {structure name as it was found: number of cells}.
      allowed: names that are right; any other is wrong. None: a name is suspected within edit distance 2 of another, or
        if it differs from that only in case, space or hyphens. Of two names the rarer is suspected, or both where
        neither is rarer; those we know never are, and may lie as close to each other as they do (ACTB, ACTN1).

    Returns:
      {name: why it can't stand}, with the other name.

    Raises:
      ValueError: there are more than `MAX_NAMES` names.
    """
    if allowed is not None:
        right = {canonical_name(name) for name in allowed}
        wrong = [name for name in counts if canonical_name(name) not in right]
        return {name: _not_allowed(name, counts, allowed) for name in wrong}
    if len(counts) > MAX_NAMES:
        raise ValueError(
            f"found {len(counts)} different structure names: is that really where the "
            "structure stands? If it is, list them in the config's argument structures."
        )
    known = {name for name in counts if canonical_name(name) in KNOWN}
    signs = {name: _sign(name) for name in counts}
    reasons = {}
    for name, count in counts.items():
        if name in known:
            continue
        rivals = (other for other in counts if other != name and (other in known or counts[other] >= count))
        near = [(_difference(name, other, signs), -counts[other], other) for other in rivals]
        near = [found for found in near if found[0] is not None]
        if near:
            distance, _, other = min(near)
            letters = f"{distance} letter{'s' * (distance > 1)}"
            how = f"differs by {letters} from" if distance else "is, but for case, space or hyphens,"
            reasons[name] = (
                f"structure_name {name!r} ({_cells(count)}) {how} {other!r} ({_cells(counts[other])}): is it the same? "
                "Correct it, or list all that are right in the config's argument structures"
            )
    return reasons


def _not_allowed(name, counts, allowed):
    key = spelling_key(name)
    near = [other for other in allowed if edit_distance(key, spelling_key(other), _DISTANCE) <= _DISTANCE]
    guess = f"; did you mean {near[0]!r}?" if near else ""
    found = f"structure_name {name!r} ({_cells(counts[name])})"
    return f"{found} is none of the config's structures {', '.join(allowed)}{guess}"


def _cells(count):
    return f"{count} cell{'s' * (count != 1)}"


def _sign(name):
    """The name without case, space and hyphens, and the letters in it as bits: two names far apart differ in many."""
    key = spelling_key(name)
    return key, sum({1 << (ord(letter) % 64) for letter in key})


def _difference(name, other, signs):
    """The edit distance of two names without case, space and hyphens if that makes them suspicious, else None."""
    (key, bits), (other_key, other_bits) = signs[name], signs[other]
    if abs(len(key) - len(other_key)) > _DISTANCE or (bits ^ other_bits).bit_count() > 2 * _DISTANCE:
        return None
    distance = edit_distance(key, other_key, _DISTANCE)
    # Two names of one or two letters (ER, PM) are never far apart; what shares no letter is no misspelling.
    return distance if distance <= _DISTANCE and distance < max(1, min(len(key), len(other_key))) else None


def edit_distance(a: str, b: str, limit: int) -> int:
    """Levenshtein's distance of two strings, or limit + 1 where it is larger."""
    start, end = len(os.path.commonprefix((a, b))), len(os.path.commonprefix((a[::-1], b[::-1])))
    end = min(end, len(a) - start, len(b) - start)  # what they share at either end costs nothing
    a, b = a[start : len(a) - end], b[start : len(b) - end]
    if not a or not b or abs(len(a) - len(b)) > limit:
        return min(max(len(a), len(b)), limit + 1)
    previous = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        current = [i]
        for j, other in enumerate(b, 1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (letter != other)))
        if min(current) > limit:
            return limit + 1
        previous = current
    return min(previous[-1], limit + 1)
