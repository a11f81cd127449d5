"""Our docstrings as reStructuredText, before napoleon reads them.

A section of one line, `Returns: (B, K).`, has its text on the line of its name, and what follows is indented. In
reStructuredText that would be a list of definitions. A `*` or a `|` is only itself, and what stands in backticks is
code.
"""

import re

SECTION = re.compile(r"(Args|Returns|Raises|Yields|Attributes|Example): (.+)")
AFTER_A_SENTENCE = re.compile(r"(?<=\.) (?=(Args|Returns|Raises|Yields): )")
NAMES = re.compile(r"^\s+\w+(, \w+)+(?=: )")  # that share a text; Sphinx would take all but the last for a type
CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
NAME = re.compile(r"[A-Z]\w*[a-z]\w*|\w+(\.\w+)+")  # of a class, or with its module: may become a link
SPECIAL = re.compile(r"([*|\\]|(?<=\w)_(?!\w))")
COLON = "\ue000"  # stands for a colon while napoleon reads


def setup(app):
    app.connect("autodoc-process-docstring", _mend, priority=400)  # before napoleon's 500
    app.connect("autodoc-process-docstring", _restore, priority=600)
    return {"parallel_read_safe": True}


def _mend(app, what, name, obj, options, lines):
    lines[:] = mended(lines)
    if what in ("attribute", "property"):  # napoleon takes what stands before a colon for its type
        lines[:] = [line.replace(":", COLON) for line in lines]


def _restore(app, what, name, obj, options, lines):
    lines[:] = [line.replace(COLON, ":") for line in lines]


def mended(lines):
    """Returns the lines of a docstring with sections of one line as paragraphs, and special characters escaped."""
    result, hanging = [], None  # hanging: the indentation of a section of one line that goes on
    for line in _divided(lines):
        line = NAMES.sub(lambda found: found[0].replace(", ", ",\u200b"), line)
        indent = len(line) - len(line.lstrip())
        if hanging is not None and line.strip() and indent > hanging:
            line, indent = " " * hanging + line.lstrip(), hanging
        else:
            hanging = None
        if found := SECTION.fullmatch(line.strip()):
            hanging = indent
            line = f"{' ' * indent}**{found[1]}:** {escaped(found[2])}"
            if result and result[-1].strip():
                result.append("")
        else:
            line = escaped(line)
        result.append(line)
    return result


def _divided(lines):
    """Gives a section that begins within a line, after a sentence, a line of its own."""
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()))
        yield from AFTER_A_SENTENCE.sub(rf"\n{indent}", line).split("\n")


def escaped(line):
    """Escapes what reStructuredText takes for markup, except in code and examples; names become links, or code."""
    if line.lstrip().startswith((">>> ", "... ")):
        return line
    return "".join(_code(part) if CODE.fullmatch(part) else SPECIAL.sub(r"\\\1", part) for part in CODE.split(line))


def _code(part):
    name = part.strip("`")
    return part if NAME.fullmatch(name) else f"``{name}``"
