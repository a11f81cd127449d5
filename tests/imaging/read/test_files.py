"""Files and folders that are no stacks, each with what to do."""

import builtins

import pytest

from icell_tf.imaging.read import read_stack


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"b\.tif: there is no such file"):
        read_stack(tmp_path / "b.tif")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.czi"])
def test_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=rf"{name}: .*empty.*again"):
        read_stack(tmp_path / name)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "表.txt"])
def test_no_image(tmp_path, name):
    (tmp_path / name).write_bytes(b"CellId,structure_name\n")
    with pytest.raises(ValueError, match=rf"{name}: .*b'CellId,s'.*TIFF, .*ND2"):
        read_stack(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "start", "message"),
    [
        ("a.ims", b"\x89HDF\r\n\x1a\n", "is an HDF5.*Export it as OME-TIFF"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "is a JPEG.*original"),
        ("a.zvi", b"\xd0\xcf\x11\xe0", "zvi.*Export it as OME-TIFF"),
        ("a.tif.gz", b"\x1f\x8b\x08", "gzip.*Unpack"),
        ("a.tif", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS.*git lfs pull"),
        ("a.tif", b"<!DOCTYPE html>", "web page.*Download it again"),
        ("a.tif", b"<html>", "web page.*Download it again"),
    ],
)
def test_what_is_no_image_is_named(tmp_path, name, start, message):
    (tmp_path / name).write_bytes(start)
    with pytest.raises(ValueError, match=rf"{name}: can't be read: .*{message}") as caught:
        read_stack(tmp_path / name)
    assert "copy it again" not in str(caught.value)


def test_no_permission(tmp_path, monkeypatch):
    (tmp_path / "a.tif").write_bytes(b"II*\0")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(builtins, "open", refuse)  # root may read anything
    with pytest.raises(PermissionError, match=r"a\.tif: .*permissions"):
        read_stack(tmp_path / "a.tif")


def test_folder_that_is_no_zarr(tmp_path):
    (tmp_path / "images.zarr").mkdir()
    with pytest.raises(ValueError, match=r"images\.zarr: .*OME-Zarr.*zarr\.json"):
        read_stack(tmp_path / "images.zarr")
