"""Files appear whole, or stay as they were."""

import errno
import os
import unicodedata
from pathlib import Path

import pytest

from icell_tf.files import atomic_folder, atomic_write, on_disk, prepare_output, safe_names, stem
from icell_tf.messages import explain


def test_a_file_takes_its_name_when_all_of_it_is_there(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with atomic_write(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.json": "new"}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_file_before_and_no_part(tmp_path, error):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(error), atomic_write(path) as partial:
        partial.write_text("ne")
        raise error
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.json": "old"}


def names_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_takes_its_name_when_all_of_it_is_there(tmp_path):
    for names in (["one"], ["two", "three"]):
        with atomic_folder(tmp_path / "a") as partial:
            for name in names:
                (partial / name).mkdir()
        assert names_in(tmp_path) == ["a", *sorted(f"a/{name}" for name in names)]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_folder_before_and_no_part(tmp_path, error):
    (tmp_path / "a" / "old").mkdir(parents=True)
    with pytest.raises(error), atomic_folder(tmp_path / "a") as partial:
        (partial / "new").touch()
        raise error
    assert names_in(tmp_path) == ["a", "a/old"]


@pytest.mark.parametrize("kind", ["file", "link", "broken link"])
def test_a_folder_takes_the_place_of_what_is_none(tmp_path, kind):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kept").touch()
    if kind == "file":
        (tmp_path / "a").touch()
    else:
        (tmp_path / "a").symlink_to(tmp_path / ("other" if kind == "link" else "gone"))
    with atomic_folder(tmp_path / "a") as partial:
        (partial / "new").touch()
    assert names_in(tmp_path) == ["a", "a/new", "other", "other/kept"] and not (tmp_path / "a").is_symlink()


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path):
    (tmp_path / "a.tif" / "old").mkdir(parents=True)
    with pytest.raises(IsADirectoryError) as raised, atomic_write(tmp_path / "a.tif"):
        pytest.fail("nothing is written")
    assert raised.value.filename == str(tmp_path / "a.tif") and names_in(tmp_path) == ["a.tif", "a.tif/old"]


@pytest.mark.parametrize("name", ["a", "a/b"])
def test_a_file_in_place_of_the_output_is_named(tmp_path, name):
    (tmp_path / "a").touch()
    with pytest.raises(NotADirectoryError) as raised:
        prepare_output(tmp_path / name, [], False)
    assert explain(raised.value) == f"--output: {tmp_path / name} can't be a folder: a file lies there; give another"


def test_a_folder_that_can_not_take_its_name_leaves_the_one_before(tmp_path, monkeypatch):
    (tmp_path / "a" / "old").mkdir(parents=True)
    rename = Path.rename

    def fail_for_parts(path, target):
        if path.name.startswith("partial."):
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_for_parts)
    with pytest.raises(OSError, match="no"), atomic_folder(tmp_path / "a") as partial:
        (partial / "new").touch()
    assert names_in(tmp_path) == ["a", "a/old"]


def test_a_folder_that_is_missing_is_the_error_that_is_told(tmp_path):
    path = tmp_path / "gone" / "a.json"
    with pytest.raises(FileNotFoundError, match="partial.a.json"), atomic_write(path) as partial:
        partial.write_text("new")


@pytest.mark.parametrize(("there", "asked"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_names_that_look_the_same_are_the_same(tmp_path, there, asked):
    """macOS and some file servers write é as two characters; tables that were written elsewhere, as one."""
    name = "größe é/細胞 ä.tif"
    path, wanted = (tmp_path / unicodedata.normalize(form, name) for form in (there, asked))
    path.parent.mkdir()
    path.touch()
    assert on_disk(wanted) == str(path)
    assert on_disk(wanted.with_name("ö.tif")) == str(path.with_name("ö.tif"))  # of which there is none
    other = path.with_name("ä" + unicodedata.normalize("NFD", "ä"))
    for twin in (unicodedata.normalize("NFC", other.name), unicodedata.normalize("NFD", other.name)):
        other.with_name(twin).touch()
    assert on_disk(other) == str(other)  # two files: only the exact name will do


def test_an_error_without_a_name_is_given_that_of_the_file(tmp_path):
    with pytest.raises(OSError, match="No space left on device.*a.json") as raised, atomic_write(tmp_path / "a.json"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert raised.value.filename == str(tmp_path / "a.json")


def test_numpys_error_on_a_full_disk_is_told_as_such(tmp_path):
    with pytest.raises(OSError, match="No space left on device") as raised, atomic_write(tmp_path / "a.npy"):
        raise OSError("100000 requested and 8176 written")
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(tmp_path / "a.npy"))


def test_stem():
    paths = ("a/b.c.tif", "A.OME.TIF", "a.ome.zarr/", "plate", ".ome.tif")
    assert [stem(path) for path in paths] == ["b.c", "A", "a", "plate", ".ome"]


def test_safe_names():
    names = ["a/b", "A b", "..", "é", "a_b-2", "a/b", "x" * 300]
    assert safe_names(names) == ["a_b", "A_b-2", "cell", "cell-2", "a_b-2-2", "a_b-3", "x" * 100]
