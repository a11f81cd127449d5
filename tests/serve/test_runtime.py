"""ONNX Runtime's files for the page: taken by their hashes, from npm's package or from where they were put."""

import hashlib
import io
import json
import tarfile

import pytest

from icell_tf.serve import runtime

FILES = {"ort.js": b"script", "ort.wasm": b"binary"}


def package(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(autouse=True)
def record(tmp_path, monkeypatch):
    """A record of FILES, and no files where they would be installed."""
    listed = {
        name: {"path": f"package/dist/{name}", "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in FILES.items()
    }
    path = tmp_path / "vendor.json"
    path.write_text(json.dumps({"name": "ort", "version": "1.2", "files": listed}))
    monkeypatch.setattr(runtime, "RECORD", path)
    monkeypatch.setattr(runtime, "INSTALLED", tmp_path / "vendor")


def test_a_package_is_read_and_installed(tmp_path):
    path = package(tmp_path / "ort.tgz", {**FILES, "other.js": b"not asked for"})
    assert runtime.read_runtime(path) == FILES
    runtime.install(path)
    assert runtime.read_runtime() == FILES
    assert {file.name for file in (tmp_path / "vendor").iterdir()} == FILES.keys()


def test_without_files_one_is_told_how_to_get_them():
    with pytest.raises(FileNotFoundError, match=r"came without ort.*`npm pack ort@1.2`.*--onnxruntime=ort-1.2.tgz"):
        runtime.read_runtime()


@pytest.mark.parametrize("files", [{"ort.js": b"changed", "ort.wasm": b"binary"}, {"ort.js": b"script"}])
def test_other_files_are_refused(tmp_path, files):
    with pytest.raises(ValueError, match="is not that of ort 1.2"):
        runtime.install(package(tmp_path / "ort.tgz", files))
    assert not runtime.INSTALLED.exists()
    runtime.INSTALLED.mkdir()
    for name, content in files.items():
        (runtime.INSTALLED / name).write_bytes(content)
    with pytest.raises(ValueError, match="is not that of ort 1.2"):
        runtime.read_runtime()


def test_a_file_that_is_no_package_is_refused(tmp_path):
    (tmp_path / "ort.tgz").write_bytes(b"an answer in HTML")
    with pytest.raises(ValueError, match="no package of npm"):
        runtime.read_runtime(tmp_path / "ort.tgz")
    with pytest.raises(FileNotFoundError, match="there is no file .*missing.tgz"):
        runtime.read_runtime(tmp_path / "missing.tgz")
