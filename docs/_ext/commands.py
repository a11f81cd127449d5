"""The directive `icell-commands`: every command with its flags, as the commands themselves define them."""

import importlib
import re
import sys

from absl import flags
from sphinx.util.docutils import SphinxDirective

from icell_tf.cli.icell import COMMANDS
from icell_tf.messages import DATA_SET_README

PACKAGE = "icell_tf.cli."
FLAG = re.compile(r"(?<=[\s(])(--\w+(?:=[\w./-]*\w)?)")  # in a sentence, where -- would become a dash


class IcellCommands(SphinxDirective):
    """Parses the Markdown of `markdown` in its place."""

    def run(self):
        return self.parse_text_to_nodes("\n\n".join(map(markdown, COMMANDS)), allow_section_headings=True)


def setup(app):
    app.add_directive("icell-commands", IcellCommands)
    return {"parallel_read_safe": True}


def markdown(name):
    """Returns a section on a command: what it does, and a table of its flags with their defaults."""
    module = importlib.import_module(f"{PACKAGE}{COMMANDS[name][0]}")
    doc = module.__doc__.replace(DATA_SET_README, "[Data sets](datasets.md)")
    lines = [f"## icell {name}", "", _text(doc.strip()), "", "| flag | default | what |", "|---|---|---|"]
    for flag in sorted(flags.FLAGS.get_flags_for_module(module.__name__), key=lambda flag: flag.name):
        lines.append(f"| `--{flag.name}` | {_default(flag)} | {_cell(flag.help)} |")
        delattr(flags.FLAGS, flag.name)  # another command may have one of that name
    del sys.modules[module.__name__]  # so that a later build finds the flags again
    return "\n".join(lines)


def _text(doc):
    """A docstring in Markdown: a command, and what is indented, becomes code."""
    return "\n".join(
        f"    {line.removeprefix('  ')}" if line.startswith(("icell ", " ")) else FLAG.sub(r"`\1`", line)
        for line in doc.splitlines()
    )


def _default(flag):
    if flag.default in (None, [], ""):
        return ""
    return f"`{flag.default_as_str.strip(chr(39))}`"


def _cell(text):
    return FLAG.sub(r"`\1`", re.sub(r"([|<*])", r"\\\1", " ".join(text.split())))
