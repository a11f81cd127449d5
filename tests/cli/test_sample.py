"""train/sample.py, on an export."""

import pytest

from ..in_process import run_icell
from .conftest import run


def test_sample(make_export, tmp_path):
    given = [f"--model={make_export()}", "--structures=TOMM20,zo1", "--n=2", f"--output={tmp_path}"]
    run(tmp_path, "sample.py", *given, "--format=ome-zarr")
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / "tom20_samples.png").is_file() and (tmp_path / "zo1_samples.ome.zarr").is_dir()


@pytest.mark.parametrize("command", ["sample", "integrate", "evaluate"])
def test_a_seed_of_more_than_64_bits_is_refused_before_work_starts(tmp_path, command):
    status, _ = run_icell(tmp_path, command, "--model=no", f"--seed={2**63}")
    assert f"flag --seed={2**63}: " in status and not list(tmp_path.iterdir())
