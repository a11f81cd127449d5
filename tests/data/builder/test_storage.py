"""The folder of a build: what a full or read-only disk, a killed build and a second one leave, and what they say."""

import errno
import os
import pathlib
import pickle
import signal
import subprocess
import sys

import pytest
import tensorflow as tf
from array_record.python import array_record_module

from icell_tf.data.builder import storage
from tests.building import DUMMY, STACKS, build

from ...conftest import REPOSITORY

FULL = os.strerror(errno.ENOSPC)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, FULL),
        RuntimeError(f'Failed to finalize writing of split "test": write() failed: {FULL}; writing x at byte 5'),
        tf.errors.ResourceExhaustedError(None, None, f"x; {FULL}"),
    ],
)
def test_a_full_disk_is_one_sentence_whoever_says_it(tmp_path, error):
    with pytest.raises(
        storage.BuildError, match=f"can't be written in {tmp_path}/a/b .{FULL}.*Free space.*same command"
    ):
        with storage.building(tmp_path / "a" / "b"):
            raise error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_is_read_only(tmp_path, monkeypatch, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code), "folder")

    monkeypatch.setattr(storage.pathlib.Path, "mkdir", refuse)
    with pytest.raises(storage.BuildError, match=f"{os.strerror(code)}.*Make it writable, or give another --data_dir"):
        with storage.building(tmp_path / "a"):
            pass


def test_other_errors_are_passed_on(tmp_path):
    for error in (RuntimeError("A worker process died"), ValueError(FULL), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, storage.building(tmp_path / "a"):
            raise error
        assert caught.value is error


def test_one_build_at_a_time(tmp_path):
    with storage.building(tmp_path / "a"):
        with pytest.raises(storage.BuildError, match="Another process builds in .*/a: let it end"):
            with storage.building(tmp_path / "a"):
                pass
    with storage.building(tmp_path / "a"):
        pass


def test_what_a_killed_build_left_is_removed(tmp_path):
    folder = tmp_path / "integrated_cell" / "stacks"
    for name in ("incomplete.A1B2C3_2.0.0", "incomplete.examination_0123abcd", "1.9.0"):
        (folder / name).mkdir(parents=True)
        (folder / name / "records").write_bytes(b"half")
    build(tmp_path, STACKS, DUMMY)
    assert sorted(path.name for path in folder.iterdir()) == ["1.9.0", build(tmp_path, STACKS, DUMMY).data_path.name]


@pytest.mark.parametrize("place", [(pickle, "dump"), (array_record_module.ArrayRecordWriter, "close")])
def test_a_disk_that_is_full_during_the_build_leaves_nothing(tmp_path, monkeypatch, place):
    def fill(*_):
        raise OSError(errno.ENOSPC, FULL)

    with monkeypatch.context() as patch:
        patch.setattr(*place, fill)
        with pytest.raises(storage.BuildError, match=FULL):
            build(tmp_path / "data", STACKS, DUMMY)
    assert not list(tmp_path.glob("data/integrated_cell/*/*/*.array_record*"))
    assert not list(tmp_path.glob("data/integrated_cell/stacks"))
    assert sum(split.num_examples for split in build(tmp_path / "data", STACKS, DUMMY).info.splits.values()) == 8


def test_an_old_data_set_is_put_back_if_there_is_no_new_one(tmp_path):
    folder = tmp_path / "cells" / "mine" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "records").write_bytes(b"old")
    with pytest.raises(storage.BuildError, match=f"cells/mine .*The data set in {folder} is as it was"):
        with storage.replacing(folder) as beside:
            (beside / "cells").mkdir()  # but nothing that could take the old one's place
    assert (folder / "records").read_bytes() == b"old"
    assert list(folder.parent.iterdir()) == [folder]


KILLED = """
import os, pathlib, signal, sys
from icell_tf.data.builder import storage

renamed = []
rename = pathlib.Path.rename

def rename_and_die(path, target):
    rename(path, target)
    renamed.append(target)
    if len(renamed) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

pathlib.Path.rename = rename_and_die
folder = pathlib.Path(sys.argv[1])
with storage.replacing(folder) as beside:
    new = beside.joinpath(*folder.parts[-3:])
    new.mkdir(parents=True)
    (new / "records").write_bytes(b"new")
"""


@pytest.mark.parametrize(("renames", "there", "expected"), [(1, False, b"old"), (2, True, b"new")])
def test_a_build_that_is_killed_while_it_replaces_a_data_set_loses_none(tmp_path, capsys, renames, there, expected):
    folder = tmp_path / "cells" / "mine" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "records").write_bytes(b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED, folder, str(renames)], cwd=REPOSITORY)
    assert killed.returncode == -signal.SIGKILL and folder.exists() is there
    storage.restore(folder.parent)
    assert (folder / "records").read_bytes() == expected
    assert list(folder.parent.iterdir()) == [folder]
    assert ("is back in its place" in capsys.readouterr().out) is not there


def test_the_next_build_finds_the_data_set_that_a_killed_one_had_set_aside(tmp_path):
    folder = pathlib.Path(build(tmp_path, STACKS, DUMMY).data_path)
    (folder / "mark").touch()
    folder.rename(folder.with_name(f"replaced.{folder.name}"))
    build(tmp_path, STACKS, DUMMY)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name] and (folder / "mark").exists()


def test_a_file_as_data_dir_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(storage.BuildError, match="can't be written in .*/file/integrated_cell/stacks"):
        build(tmp_path / "file", STACKS, DUMMY)
