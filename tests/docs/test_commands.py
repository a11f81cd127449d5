"""Every `icell` command in the pages is one, and has the flags that it is given there."""

import importlib
import re
import shlex

import pytest
from absl import flags

from icell_tf.cli import icell

from ..conftest import REPOSITORY
from ..in_process import own_flags
from .test_docs import PAGES

NAME = re.compile(r"icell ((?:train )?[a-z-]+)")
FLAG = re.compile(r"--(\w+)")


def commands(text):
    """Yields the lines that begin with icell, in blocks of code or in backticks, each as a list of words."""
    blocks = [block for _, block in re.findall(r"^ *```(sh|)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)]
    lines = "\n".join(blocks).replace("\\\n", " ")
    lines = re.sub(r"'\{.*?\}'", "'{}'", lines, flags=re.DOTALL).splitlines()  # of --config
    lines += re.findall(r"`(icell [^`\n]+)`", text)
    for line in lines:
        if line.startswith("icell ") and "COMMAND" not in line:
            yield shlex.split(line, comments=True)


@pytest.fixture(scope="module")
def known():
    """{command: its flags}."""
    found = {}
    for name, (module, _) in icell.COMMANDS.items():
        with own_flags(module):
            importlib.import_module(f"icell_tf.cli.{module}")
            found[name] = {flag.name for flag in flags.FLAGS.get_flags_for_module(f"icell_tf.cli.{module}")}
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_commands_in_a_page_exist(path, known):
    if path.name == "CHANGELOG.md":  # of all versions
        return
    for words in commands(path.read_text(encoding="utf-8")):
        line = " ".join(words)
        name = NAME.match(line)[1] if NAME.match(line) else ""
        if words[1].startswith("-") or words[1:] == ["train", "..."]:
            continue
        assert name in known, line
        unknown = {flag for word in words for flag in FLAG.findall(word) if word.startswith("--")} - known[name]
        assert not unknown, line


def test_commands_are_found():
    text = "`icell doctor`\n```sh\nicell train reference --a=1 \\\n    --b   # why\nls\n```\n```\nicell sample\n```\n"
    found = list(commands(text))
    assert found == [["icell", "train", "reference", "--a=1", "--b"], ["icell", "sample"], ["icell", "doctor"]]
