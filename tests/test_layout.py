"""The order of modules in CONTRIBUTING.md, and the size of files."""

import ast
import pathlib
import re

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "icell_tf"
# A module imports only from those before it. The package's own __init__ imports on demand and may import any.
ORDER = (
    "messages files spec structures config viz simulate imaging data networks models runs inference training "
    "evaluation reports paper export serve cli"
).split()
NOT_INSTALLED = {"datasets", "train", "tests", "benchmarks"}
MAX_LINES = 320
# What a message or a command's help must not send anybody to, because it doesn't come with the package.
OF_THE_CHECKOUT = re.compile(r"\b(datasets|train|benchmarks|docs|tests)/\w|README|CONTRIBUTING|`make\b")

MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
FOLDERS = ("icell_tf", "datasets", "train", "benchmarks", "docs", "tests")
SOURCES = [path for folder in FOLDERS for path in sorted((REPOSITORY / folder).rglob("*.py"))]


def name_of(path):
    return str(path.relative_to(REPOSITORY))


def imports_of(source):
    """Dotted names that `source` imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            base = "." * node.level + f"{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
            yield from (base + alias.name for alias in node.names)


def misplaced(source, rank):
    """The imports of `source` that stand later in ORDER than `rank`, are relative, or of what is not installed."""
    wrong = []
    for name in imports_of(source):
        root, *rest = name.split(".")
        later = root == "icell_tf" and rest and rest[0] in ORDER and ORDER.index(rest[0]) > rank
        if later or not root or root in NOT_INSTALLED:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_only_from_above(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    assert parts[0] in ORDER, f"{name_of(path)}: give {parts[0]} a place in ORDER, here and in CONTRIBUTING.md"
    wrong = misplaced(path.read_text(encoding="utf-8"), ORDER.index(parts[0]))
    assert not wrong, f"{name_of(path)} imports {', '.join(wrong)}, which is not above it"


@pytest.mark.parametrize("path", sorted((REPOSITORY / "train").glob("*.py")), ids=name_of)
def test_commands_import_only_what_is_installed(path):
    assert not misplaced(path.read_text(encoding="utf-8"), len(ORDER))


@pytest.mark.parametrize(
    "source, wrong",
    [
        ("import icell_tf.export", ["icell_tf.export"]),
        ("from icell_tf import export, networks", ["icell_tf.export"]),
        ("from icell_tf.runs import weights", ["icell_tf.runs.weights"]),
        ("def f():\n    from icell_tf import runs", ["icell_tf.runs"]),
        ("from .. import runs", ["...runs"]),
        ("from .reference import ReferenceModel", [".reference.ReferenceModel"]),
        ("from icell_tf.models.reference import ReferenceModel", []),
        ("import datasets.integrated_cell", ["datasets.integrated_cell"]),
        ("from datasets import integrated_cell", ["datasets.integrated_cell"]),
        ("import tensorflow_datasets\nfrom icell_tf import config, networks\nimport keras", []),
    ],
)
def test_misplaced_import_is_found(source, wrong):
    assert misplaced(source, ORDER.index("models")) == wrong


def test_contributing_lists_modules_in_this_order():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `icell_tf/")]
    assert [pathlib.PurePath(row).stem for row in rows] == ORDER


def misleading(source, command=False):
    """The strings of `source` that name files of the checkout: no docstrings, though a command's is its help."""
    tree = ast.parse(source)
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = {node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    texts = [node.value for node in strings - docstrings] + [ast.get_docstring(tree)] * command
    return [text for text in texts if OF_THE_CHECKOUT.search(text) and text != "README.md"]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_messages_name_only_files_of_the_package(path):
    command = path.parent.name == "cli" and not path.stem.startswith("_")
    assert not misleading(path.read_text(encoding="utf-8"), command)


@pytest.mark.parametrize(
    "source, found",
    [
        ('"""As docs/paper.md says."""\nERROR = f"{path}: see docs/paper.md"', 2),
        ('"""Trains."""\ndef f():\n    """As docs/paper.md says."""\n    raise ValueError("run `make setup`")', 1),
        ('"""Trains; make sure that all is there."""\nFILE = "README.md"', 0),
    ],
)
def test_misleading_message_is_found(source, found):
    assert len(misleading(source, command=True)) == found


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_file_is_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < MAX_LINES, f"{name_of(path)} has {lines} lines: split it"
