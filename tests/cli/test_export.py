"""train/export.py, on a run."""

from .conftest import run


def test_export_takes_a_run_and_counts_versions(folder):
    for version in (1, 2):
        run(folder, "export.py", "--model=runs/demo-conditional")
        assert (folder / "saved_models" / "integrator" / str(version) / "saved_model.pb").is_file()
