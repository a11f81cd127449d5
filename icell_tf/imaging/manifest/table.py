"""Reads a CSV row by row, so that a row that can't be read costs no other row, and its error names its line.

The csv module alone, or pandas, would read on to the end of the file after a quotation mark that is never closed.
"""

import collections
import csv
from collections.abc import Iterator
from typing import NamedTuple

_ROW_LINES = 50  # a quoted value may hold line breaks; after so many lines its quotation mark was an error
csv.field_size_limit(1 << 30)  # the default of 131,072 characters is less than some tables hold in a value


class Row(NamedTuple):
    """One row: the number of its first line, its values by column, and why it can't be used, or ""."""

    line: int
    values: dict[str, str]
    problem: str = ""


def read_table(path, required, columns, noun="A manifest") -> Iterator[Row]:
    """Yields the rows of a CSV in UTF-8, the bad ones too.

    Args:
      path: a pathlib.Path.
      required: columns that the table must have.
      columns: all columns to return; others are ignored.
      noun: what the table is, for errors.

    Raises: ValueError: no header can be read, or columns are missing; raised before the first row.
    """
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        rows = _split(file)
        header = next((row for row in rows if row[1]), None)
        names = _check_header(path, header, required, columns, noun)
        where = {name: names.index(name) for name in columns if name in names}
        for line, values, problem in rows:
            if not values:
                continue
            if not problem and len(values) != len(names):
                problem = f"found {len(values)} values, expected {len(names)}: one for each column of the header"
            yield Row(line, {name: values[i] for name, i in where.items() if i < len(values)}, problem)


def _check_header(path, header, required, columns, noun):
    explanation = f"{noun} is a table saved as CSV in UTF-8, with commas."
    if header is None:
        raise ValueError(f"{path}: can't be read: it is empty. {explanation}")
    _, names, problem = header
    names = [name.strip() for name in names]
    if problem:
        raise ValueError(f"{path}: can't be read: {problem}, in its header. {explanation}")
    missing = [name for name in required if name not in names]
    if missing:
        optional = [name for name in columns if name not in required]
        separators = " It separates values by semicolons or tabs." if any(c in names[0] for c in ";\t") else ""
        raise ValueError(
            f"{path}: the columns {', '.join(missing)} are missing; found {', '.join(names)}.{separators} "
            f"It needs {', '.join(required)}, and may have {', '.join(optional)}. {explanation}"
        )
    twice = [name for name in columns if names.count(name) > 1]
    if twice:
        raise ValueError(f"{path}: the columns {', '.join(twice)} occur twice in its header.")
    meant = {_simplified(name): name for name in columns if name not in names}
    for name in names:  # an optional column with another spelling would be ignored without notice
        if name not in columns and (other := meant.get(_simplified(name))):
            raise ValueError(f"{path}: its header has the column {name!r}; write {other!r}, or rename it.")
    return names


def _simplified(name):
    return name.lower().replace("_", "").replace(" ", "")


def _split(file):
    """Yields (line number, values, problem) for each row; a blank line is a row without values."""
    number, width, waiting = 1, None, collections.deque()

    def next_line():
        return waiting.popleft() if waiting else next(file, None)

    while (first := next_line()) is not None:
        lines = [first]
        values, problem = _parse(lines)
        while values is None and len(lines) < _ROW_LINES and (line := next_line()) is not None:  # a quote is open
            lines.append(line)
            values, problem = _parse(lines)
        if len(lines) > 1 and (values is None or problem or len(values) != (width or len(values))):
            # A quote of another row closes it, or none does: only its own line is lost.
            waiting.extendleft(reversed(lines[1:]))
            lines, values = lines[:1], None
        if values is None:
            problem = "a quotation mark is opened and not closed"
            values = next(csv.reader(lines), [])  # the values before the mark name the cell
        width = width or len(values)
        yield number, values, problem or _encoding_problem("".join(lines))
        number += len(lines)


def _parse(lines):
    """Returns the values of one row's lines, and what is wrong with them or ""; (None, "") if a quote is still open."""
    try:
        return next(csv.reader(lines, strict=True), []), ""
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None, ""
        return next(csv.reader(lines[:1]), []), f"it is no CSV: {error}"


def _encoding_problem(text):
    if "\0" in text:
        return "found NUL bytes: the file is damaged, or not in UTF-8"
    undecoded = not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)  # by surrogateescape
    return "found bytes that are not UTF-8" if undecoded else ""
