"""The README's quick start, as it stands."""

import re

import icell_tf

from ..conftest import REPOSITORY


def test_the_quick_start_of_the_readme_works_as_it_stands(folder, prepared, monkeypatch):
    (code,) = re.findall(r"```python\n(.+?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    for there, here in (
        ("runs/mine-conditional", "runs/demo-conditional"),
        ("integrated_cell/mine", str(prepared.folder)),
    ):
        assert there in code
        code = code.replace(there, here)
    monkeypatch.chdir(folder)
    exec(code, {})
    assert (folder / "cells.png").stat().st_size > 1000
    assert icell_tf.load("runs/demo-conditional").structures[8] == "tom20"
