"""Pages lead to files that exist, the README is short, and what builds the site reads docstrings and pages rightly."""

import importlib.util
import re

import pytest

from ..conftest import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
PAGES += [REPOSITORY / "datasets/integrated_cell/README.md", REPOSITORY / "saved_models/README.md"]
INCLUDE = re.compile(r"```{include} (\S+)")


def extension(name):
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "docs" / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_to_files(path):
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text) + INCLUDE.findall(text)
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert not missing


def test_the_readme_is_short():
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


def test_no_command_of_a_checkout_in_the_pages():
    """`icell` runs anywhere; only what is about the checkout itself names train/."""
    allowed = {"CHANGELOG.md", "CONTRIBUTING.md"}
    for path in PAGES:
        if path.name not in allowed:
            found = re.findall(r"^python train/\w+\.py.*", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert not found, path


def test_docstrings_become_restructuredtext():
    lines = ["Draws y.", "", "Args: x_, (B, *shape)", "  or |x|. Returns: `x_`, a `Frame`.", "  >>> f(*x)"]
    assert extension("docstrings").mended(lines) == [
        "Draws y.",
        "",
        "**Args:** x\\_, (B, \\*shape)",
        "or \\|x\\|.",
        "",
        "**Returns:** ``x_``, a `Frame`.",
        ">>> f(*x)",
    ]


def test_requests_to_other_hosts_are_found(tmp_path):
    page = '<a href="https://a.org">link</a><link rel="stylesheet" href="here.css"><script src="//b.org/c.js"></script>'
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "site.css").write_text(
        '@import "https://d.org/e.css"; body { background: url(data:image/png;base64,) }'
    )
    assert extension("offline").requests_in(tmp_path) == ["index.html: //b.org/c.js", "site.css: https://d.org/e.css"]
    (tmp_path / "index.html").write_text('<img src="a.png"><a href="https://a.org">link</a>')
    (tmp_path / "site.css").unlink()
    assert extension("offline").requests_in(tmp_path) == []


def test_code_of_the_tutorial_is_run_or_only_shown():
    text = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^```(\w+)$", text, re.MULTILINE)) == {"sh", "python"}
    assert "icell integrate" in text and text.count("```") % 2 == 0
