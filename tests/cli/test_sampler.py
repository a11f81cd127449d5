"""train/sampler.py, and the commands that use its run."""

import json

import tifffile

from .conftest import SHORT, run


def test_phase_three_is_trained_evaluated_and_draws(folder, prepared):
    out = run(folder, "sampler.py", *SHORT)
    assert f"on {prepared.dataset}" in out
    assert "Trained the sampler model" in out and out.splitlines()[-1].endswith("runs/demo-sampler")
    out = run(folder, "evaluate.py", "--model=runs/demo-sampler", "--parts=draws", "--draws=2")
    content = json.loads((folder / "runs/demo-sampler/evaluation-draws/metrics.json").read_text())
    assert "spread_ratio" in {score["metric"] for score in content["scores"]}
    run(folder, "sample.py", "--model=runs/demo-sampler", "--structures=tom20", "--n=3", "--output=drawn")
    with tifffile.TiffFile(folder / "drawn/tom20_samples.ome.tif") as tiff:
        assert len(tiff.series) == 3
