"""Fails a build whose pages ask another host for anything: fonts, scripts, styles, pictures. Links are allowed."""

import pathlib
import re

OTHER = r"(?:https?:)?//[^\"'\s)>]+"
LOADED = re.compile(rf"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc(?:set)?=[\"']?({OTHER})", re.I)
LINKED = re.compile(rf"<link\b[^>]*\bhref=[\"']?({OTHER})", re.I)
STYLED = re.compile(rf"(?:url\(\s*[\"']?|@import\s+[\"'])({OTHER})", re.I)


def setup(app):
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True}


def _check(app, exception):
    from sphinx.errors import ExtensionError  # here, so that the tests need no Sphinx

    if exception is None and app.builder.format == "html":
        if found := requests_in(pathlib.Path(app.outdir)):
            raise ExtensionError("these pages ask another host for something:\n" + "\n".join(found))


def requests_in(folder):
    """Returns a line for each address in a folder's HTML and CSS that a browser would fetch by itself."""
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".html", ".css"):
            text = path.read_text(encoding="utf-8")
            patterns = (STYLED,) if path.suffix == ".css" else (LOADED, LINKED, STYLED)
            lines += [f"{path.relative_to(folder)}: {found}" for pattern in patterns for found in pattern.findall(text)]
    return lines
