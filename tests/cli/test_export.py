"""train/export.py, on a run."""

import zipfile

import yaml

from icell_tf.export import onnx

from ..in_process import run_command
from .conftest import run


def test_export_takes_a_run_and_counts_versions(folder):
    for version in (1, 2):
        run(folder, "export.py", "--model=runs/demo-conditional")
        assert (folder / "saved_models" / "integrator" / str(version) / "saved_model.pb").is_file()


def test_export_writes_onnx_graphs_once(folder, monkeypatch):
    monkeypatch.setattr(onnx, "write_graph", lambda networks, function, path: path.touch())
    given = ["--model=runs/demo-conditional", "--format=onnx"]
    assert "saved_models/onnx" in run(folder, "export.py", *given)
    assert (folder / "saved_models" / "onnx" / "integrate.onnx").is_file()
    for more, refusal in ([], "exists and is not overwritten"), (["--version=2"], "has no versions"):
        message, _ = run_command(folder, "export.py", *given, *more)
        assert refusal in message


def test_export_writes_a_package_for_bioimage_io(folder):
    given = ["--model=runs/demo-conditional", "--format=bioimageio", "--license=MIT", "--authors=Ann Lee,Bo"]
    out = run(folder, "export.py", *given, "--output=package.zip")
    assert "to package.zip" in out and "becomes public" in out
    with zipfile.ZipFile(folder / "package.zip") as package:
        content = yaml.safe_load(package.read("rdf.yaml"))
    assert [author["name"] for author in content["authors"]] == ["Ann Lee", "Bo"]


def test_flags_of_packages_are_refused_for_other_formats(folder):
    message, _ = run_command(folder, "export.py", "--model=runs/demo-conditional", "--license=MIT", "--authors=Bo")
    assert "--license, --authors: only for --format=bioimageio, not for --format=saved_model" in message
