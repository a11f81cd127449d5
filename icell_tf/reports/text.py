"""Numbers, scores and tables as text, for people."""

import math

FIGURES = 3  # significant, of a number without a number of decimals


def number(value, decimals=None):
    """Returns a number as a reader expects it; a dash for None, NaN and infinity.

    Without decimals it has three significant figures, or three decimals: 0.012, 12.3, 1,234. Numbers in a column are
    easier to compare with the same decimals.
    """
    if value is None or not math.isfinite(value):
        return "–"
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 0.01:
        return f"{value:.{FIGURES}g}"
    decimals = max(0, FIGURES - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(decimals, FIGURES)}f}"


def words(name):
    """Returns the name of a score or a baseline in words: membrane_r -> membrane r."""
    return name.replace("_", " ")


def with_interval(score, decimals=None):
    """Returns the value of a score, as JSON has it, with its interval: 0.123 (0.100 to 0.150).

    Args: the score, a dict; decimals, as of `number`.
    """
    value = number(score["value"], decimals)
    if not score["interval"]:
        return value
    low, high = (number(end, decimals) for end in score["interval"])
    return f"{value} ({low} to {high})"


def aligned(rows):
    """Returns rows of texts as lines, with columns of one width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
