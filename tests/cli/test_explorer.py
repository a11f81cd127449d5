"""The command that writes the explorer."""

import json

import pytest
from absl.testing import flagsaver

from icell_tf.cli import explorer


def test_it_writes_the_page_and_says_what_becomes_public(ships, prepared, tmp_path, capsys):
    flags = {"model": "tiny", "backend": "rest", "output": str(tmp_path / "site"), "cells": [str(prepared.folder)]}
    with flagsaver.flagsaver(**flags, limit=1):
        explorer.main()
    about = json.loads((tmp_path / "site" / "explorer.json").read_text())
    assert about["model"]["name"] == "tiny" and len(about["cells"]) == 2 and about["examples"] == 1
    told = capsys.readouterr().out
    assert "1 cell of --cells: whoever can open the page can copy them." in told
    assert "2 cells" in told and "python -m http.server" in told


def test_what_is_missing_is_said_before_anything_is_written(ships, tmp_path):
    flags = {"model": "tiny", "output": str(tmp_path / "site"), "onnxruntime": "nowhere.tgz"}
    with flagsaver.flagsaver(**flags), pytest.raises(FileNotFoundError, match="npm pack onnxruntime-web@"):
        explorer.main()
    assert not (tmp_path / "site").exists()
