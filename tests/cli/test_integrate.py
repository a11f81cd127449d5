"""train/integrate.py, on a stack and an export."""

import csv

import numpy as np
import pytest
import tifffile

from icell_tf.simulate import simulate_cell

from ..conftest import STRUCTURES
from ..in_process import run_command
from .conftest import run


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A simulated cell, membrane, nucleus, structure and the two masks in one file without a pixel size."""
    cell = simulate_cell(seed=1, y=0, pixel_size=1.2)
    channels = np.concatenate([cell.channels, np.stack([cell.cell_mask, cell.nucleus_mask]).astype(np.uint16)])
    path = tmp_path_factory.mktemp("stack") / "cell.tif"
    tifffile.imwrite(path, channels, photometric="minisblack", metadata={"axes": "CZYX"}, ome=True)
    return path, ",".join(map(str, cell.scale))


def test_integrate(make_export, stack, tmp_path):
    path, scale = stack
    given = [path, f"--model={make_export()}", f"--segmentation={path}", f"--output={tmp_path}/out"]
    given += ["--channels=membrane:0,nucleus:1,structure:2", "--segmentation_channels=cell:3,nucleus:4"]
    told, _ = run_command(tmp_path, "integrate.py", *given)
    assert told.startswith("Error: ") and "cell.tif" in told and "--pixel_size" in told
    assert not (tmp_path / "out").exists()

    out = run(tmp_path, "integrate.py", *given, f"--pixel_size={scale}", "--samples=2", "--original_frame")
    assert "1 cell, 3 structures each: 5 files" in out
    found = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert found == ["cell.ome.tif", "cell_composite.png", "cell_draws.ome.tif", "cell_structures.png", "classes.csv"]
    told, _ = run_command(tmp_path, "integrate.py", *given, f"--model={tmp_path}")  # no model, which is found out later
    assert told.startswith(f"Error: {tmp_path}/out/cell_structures.png exists, and 2 more: ")
    with open(tmp_path / "out" / "classes.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert sum(float(row[name]) for name in STRUCTURES) == pytest.approx(1, abs=1e-5)
