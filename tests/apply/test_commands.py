"""train/export.py's model in train/integrate.py and train/sample.py, as a user runs them."""

import csv
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from icell_tf import export
from icell_tf.imaging.simulate import simulate_cell

from ..conftest import STRUCTURES

TRAIN = pathlib.Path(__file__).resolve().parents[2] / "train"


@pytest.fixture(scope="module")
def model(make_integrator, tmp_path_factory):
    return export.export_integrator(make_integrator(), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A simulated cell, membrane, nucleus, structure and the two masks in one file without a pixel size."""
    cell = simulate_cell(seed=1, y=0, pixel_size=1.2)
    channels = np.concatenate([cell.channels, np.stack([cell.cell_mask, cell.nucleus_mask]).astype(np.uint16)])
    path = tmp_path_factory.mktemp("stack") / "cell.tif"
    tifffile.imwrite(path, channels, photometric="minisblack", metadata={"axes": "CZYX"}, ome=True)
    return path, ",".join(map(str, cell.scale))


def run(command, *arguments, **flags):
    arguments = [*map(str, arguments), *(f"--{name}={value}" for name, value in flags.items())]
    return subprocess.run(
        [sys.executable, TRAIN / command, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def test_integrate(model, stack, tmp_path):
    path, scale = stack
    flags = {"model": model, "segmentation": path, "output": tmp_path / "out"}
    flags |= {"channels": "membrane:0,nucleus:1,structure:2", "segmentation_channels": "cell:3,nucleus:4"}
    refused = run("integrate.py", path, **flags)
    assert refused.returncode == 1
    assert "cell.tif" in refused.stderr and "--pixel_size" in refused.stderr and "Traceback" not in refused.stderr
    assert not (tmp_path / "out").exists()

    done = run("integrate.py", path, pixel_size=scale, samples=2, original_frame=True, **flags)
    assert done.returncode == 0, done.stderr
    assert "1 cells, 3 structures each: 4 files" in done.stdout
    found = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert found == ["cell.ome.tif", "cell_composite.png", "cell_structures.png", "classes.csv"]
    with open(tmp_path / "out" / "classes.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert sum(float(row[name]) for name in STRUCTURES) == pytest.approx(1, abs=1e-5)


def test_sample(model, tmp_path):
    done = run("sample.py", model=model, structures="TOMM20,zo1", n=2, output=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / "tom20_samples.png").is_file()
