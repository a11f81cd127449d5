"""train/export.py's model in train/integrate.py and train/sample.py, as a user runs them."""

import csv

import numpy as np
import pytest
import tifffile

from icell_tf.simulate import simulate_cell

from ..conftest import STRUCTURES
from ..in_process import run_command


@pytest.fixture(scope="module")
def model(make_export):
    return make_export()


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A simulated cell, membrane, nucleus, structure and the two masks in one file without a pixel size."""
    cell = simulate_cell(seed=1, y=0, pixel_size=1.2)
    channels = np.concatenate([cell.channels, np.stack([cell.cell_mask, cell.nucleus_mask]).astype(np.uint16)])
    path = tmp_path_factory.mktemp("stack") / "cell.tif"
    tifffile.imwrite(path, channels, photometric="minisblack", metadata={"axes": "CZYX"}, ome=True)
    return path, ",".join(map(str, cell.scale))


def run(folder, command, *arguments, **flags):
    return run_command(folder, command, *arguments, *(f"--{name}={value}" for name, value in flags.items()))


def test_integrate(model, stack, tmp_path):
    path, scale = stack
    flags = {"model": model, "segmentation": path, "output": tmp_path / "out"}
    flags |= {"channels": "membrane:0,nucleus:1,structure:2", "segmentation_channels": "cell:3,nucleus:4"}
    told, _ = run(tmp_path, "integrate.py", path, **flags)
    assert told.startswith("Error: ") and "cell.tif" in told and "--pixel_size" in told
    assert not (tmp_path / "out").exists()

    status, out = run(tmp_path, "integrate.py", path, pixel_size=scale, samples=2, original_frame=True, **flags)
    assert status == 0 and "1 cells, 3 structures each: 4 files" in out
    found = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert found == ["cell.ome.tif", "cell_composite.png", "cell_structures.png", "classes.csv"]
    with open(tmp_path / "out" / "classes.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert sum(float(row[name]) for name in STRUCTURES) == pytest.approx(1, abs=1e-5)


def test_sample(model, tmp_path):
    status, _ = run(tmp_path, "sample.py", model=model, structures="TOMM20,zo1", n=2, output=tmp_path)
    assert status == 0
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / "tom20_samples.png").is_file()
