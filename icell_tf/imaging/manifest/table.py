"""Reads a CSV row by row, so that one row that can't be read doesn't cost the others."""

import csv
from collections.abc import Iterator
from typing import NamedTuple

_ROW_LINES = 50  # a quoted value may hold line breaks; a quote still open after so many lines was never meant
csv.field_size_limit(1 << 30)  # 131,072 characters otherwise: less than some tables hold in a value


class Row(NamedTuple):
    """One row: its first line's number, its values by column, and why it can't be used, or ""."""

    line: int
    values: dict[str, str]
    problem: str = ""


def read_table(path, required, columns, noun="A manifest") -> Iterator[Row]:
    """Yields the rows of a CSV in UTF-8, the bad ones too.

    Args:
      path: a pathlib.Path.
      required: columns that must be there.
      columns: all columns to return; what else the table has is passed over.
      noun: what the table is, for errors.

    Raises:
      ValueError: no header can be read, or columns are missing; said at the first row asked for.
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
        semicolons = " Its values are divided by semicolons or tabs." if any(c in names[0] for c in ";\t") else ""
        raise ValueError(
            f"{path}: the columns {', '.join(missing)} are missing; found {', '.join(names)}.{semicolons} "
            f"It needs {', '.join(required)}, and may have {', '.join(optional)}. {explanation}"
        )
    twice = [name for name in columns if names.count(name) > 1]
    if twice:
        raise ValueError(f"{path}: the columns {', '.join(twice)} occur twice in its header.")
    meant = {_bare(name): name for name in columns if name not in names}
    for name in names:  # an optional column that is spelt otherwise would be passed over in silence
        if name not in columns and _bare(name) in meant:
            raise ValueError(f"{path}: its header has the column {name!r}; write {meant[_bare(name)]!r}, or rename it.")
    return names


def _bare(name):
    return name.lower().replace("_", "").replace(" ", "")


def _split(file):
    """Yields (line number, values, problem) for each row, where blank lines are rows without values."""
    number, width, waiting, lines = 0, None, [], iter(file)
    while True:
        first = waiting.pop(0) if waiting else next(lines, None)
        if first is None:
            return
        number += 1
        taken, values, problem = [first], *_parse([first])
        while values is None and len(taken) < _ROW_LINES:  # a quote is open
            following = waiting.pop(0) if waiting else next(lines, None)
            if following is None:
                break
            taken.append(following)
            values, problem = _parse(taken)
        if len(taken) > 1 and (values is None or problem or len(values) != (width or len(values))):
            # The quote is closed by another row's, or never: only its own line is lost.
            waiting = taken[1:] + waiting
            taken, values = taken[:1], None
        if values is None:
            problem = "a quotation mark is opened and not closed"
            values = next(csv.reader([first]), [])  # as far as it goes: to name the cell
        width = width or len(values)
        yield number, values, problem or _encoding_problem("".join(taken))
        number += len(taken) - 1


def _parse(lines):
    """The values of one row's lines, and why they are no good or ""; None and "" where a quote is open at the end."""
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
