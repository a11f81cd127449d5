"""train/traverse.py, on a run and on an export."""

from ..in_process import run_command
from .conftest import run

SHORT = ["--steps=2", "--structures=TOM20"]


def test_walks_start_at_the_mean_cell_and_at_one_of_the_data_set(folder):
    model = "--model=runs/demo-conditional"
    for start, given in {"mean": [], "tom20-0001": ["--cell=tom20-0001"]}.items():
        out = run(folder, "traverse.py", model, *SHORT, *given, "--code=z_s", "--dimensions=1,2")
        files = [line.removeprefix("wrote traversed/") for line in out.splitlines()]
        assert files == [f"{start}_z_s_1_2_tom20.{ending}" for ending in ("png", "gif")]
        assert all((folder / "traversed" / file).is_file() for file in files)


def test_an_export_needs_a_data_set_for_cells(make_export, prepared, tmp_path):
    given = [f"--model={make_export()}", *SHORT, "--from=tom20-0001", "--to=zo1-0001"]
    status, _ = run_command(tmp_path, "traverse.py", *given)
    assert status.startswith("Error: ") and "config.json" in status
    out = run(tmp_path, "traverse.py", *given, f"--dataset={prepared.folder}")
    assert out.splitlines()[0] == "wrote traversed/tom20-0001_to_zo1-0001.png"
