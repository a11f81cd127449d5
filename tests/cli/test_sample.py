"""train/sample.py, on an export."""

from .conftest import run


def test_sample(make_export, tmp_path):
    given = [f"--model={make_export()}", "--structures=TOMM20,zo1", "--n=2", f"--output={tmp_path}"]
    run(tmp_path, "sample.py", *given, "--format=ome-zarr")
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / "tom20_samples.png").is_file() and (tmp_path / "zo1_samples.ome.zarr").is_dir()
