"""Folders that appear complete or not at all."""

import subprocess
import sys

import pytest

from icell_tf.export.folders import complete_folder

KILLED = """
import os, signal, sys
from icell_tf.export.folders import complete_folder
with complete_folder(sys.argv[1]) as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "new" / "target"
    with complete_folder(target) as folder:
        (folder / "file").write_text("content")
        assert not target.exists()
    assert (target / "file").read_text() == "content"
    assert [path.name for path in target.parent.iterdir()] == ["target"]
    assert target.stat().st_mode & 0o777 == 0o755


def test_what_another_export_wrote_meanwhile_is_kept(tmp_path):
    target = tmp_path / "target"
    with pytest.raises(FileExistsError, match="target exists and is not overwritten: give another --output"):
        with complete_folder(target) as ours, complete_folder(target) as theirs:
            (ours / "file").write_text("ours")
            (theirs / "file").write_text("theirs")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert (target / "file").read_text() == "theirs"


def test_an_error_of_the_system_names_the_folder_and_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="No space left.*target") as raised, complete_folder(tmp_path / "target"):
        raise RuntimeError("/elsewhere/partial; No space left on device")
    assert raised.value.filename == str(tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


def test_after_a_kill_there_is_no_folder_and_the_next_is_written(tmp_path):
    target = tmp_path / "target"
    assert subprocess.run([sys.executable, "-c", KILLED, target]).returncode < 0
    assert not target.exists()
    with complete_folder(target) as folder:
        (folder / "whole").touch()
    assert [path.name for path in target.iterdir()] == ["whole"]
