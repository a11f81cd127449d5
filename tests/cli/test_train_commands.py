"""The commands that train, evaluate and export, as a user runs them one after the other; the README's quick start."""

import functools
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

import icell_tf
from icell_tf.evaluation import judge

from ..in_process import run_command

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SHORT = ["--preset=demo", "--width=0.0625", "--batch_size=16", "--epochs=1"]


def run(folder, command, *arguments):
    status, out = run_command(folder, command, *arguments)
    assert status == 0, out
    return out


def run_alone(folder, command, *arguments):
    """As `run`, in a process of its own."""
    done = subprocess.run(
        [sys.executable, REPOSITORY / "train" / command, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(prepared, tmp_path_factory):
    """A folder in which both phases were trained, in the runs that the commands choose themselves."""
    folder = tmp_path_factory.mktemp("commands")
    for phase, run_it in (("reference", run_alone), ("conditional", run)):
        out = run_it(folder, f"{phase}.py", *SHORT, f"--dataset={prepared.folder}")
        assert f"Trained the {phase} model" in out.splitlines()[-1]
        assert out.splitlines()[-1].endswith(f"runs/demo-{phase}")
    return folder


def test_evaluate_prints_the_table_and_writes_where_the_run_lies(folder, monkeypatch):
    monkeypatch.setattr(judge, "train_judge", functools.partial(judge.train_judge, steps=3))
    out = run(folder, "evaluate.py", "--model=runs/demo-conditional", "--draws=2", "--weights=last")
    assert "classification accuracy" in out and "wrote runs/demo-conditional/evaluation/metrics.json" in out
    content = json.loads((folder / "runs/demo-conditional/evaluation/metrics.json").read_text())
    assert set(content["integration"]["tom20"]) >= {"model", "class_mean"} and 0 <= content["accuracy"] <= 1
    for line in out.splitlines():
        assert not line.startswith("wrote ") or (folder / line.removeprefix("wrote ")).is_file()


def test_evaluate_measures_parts_alone_and_leaves_the_models_card(folder):
    card = folder / "runs/demo-conditional/model_card.md"
    before = card.read_text()
    out = run(folder, "evaluate.py", "--model=runs/demo-conditional", "--parts=latent,classification")
    assert "model card and TensorBoard of runs/demo-conditional are left" in out and card.read_text() == before
    output = folder / "runs/demo-conditional/evaluation-classification-latent"
    content = json.loads((output / "metrics.json").read_text())
    assert {score["part"] for score in content["scores"]} == {"classification", "latent"}
    assert {path.name for path in output.iterdir()} == {*content["files"], "metrics.json"}


def test_traverse_walks_from_the_mean_cell_and_from_one_of_the_data_set(folder):
    model = ["--model=runs/demo-conditional", "--steps=2", "--structures=TOM20"]
    out = run(folder, "traverse.py", *model, "--cell=tom20-0001", "--code=z_s", "--dimensions=1,2")
    files = [line.removeprefix("wrote traversed/") for line in out.splitlines()]
    assert files == [f"tom20-0001_z_s_1_2_tom20.{ending}" for ending in ("png", "gif")]
    assert all((folder / "traversed" / file).is_file() for file in files)


def test_export_takes_a_run_and_counts_versions(folder):
    for version in (1, 2):
        run(folder, "export.py", "--model=runs/demo-conditional")
        assert (folder / "saved_models" / "integrator" / str(version) / "saved_model.pb").is_file()


def test_the_quick_start_of_the_readme_works_as_it_stands(folder, prepared, monkeypatch):
    (code,) = re.findall(r"```python\n(.+?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    for there, here in (
        ("runs/small-conditional", "runs/demo-conditional"),
        ("integrated_cell/simulated_64", str(prepared.folder)),
    ):
        assert there in code
        code = code.replace(there, here)
    monkeypatch.chdir(folder)
    exec(code, {})
    assert (folder / "cells.png").stat().st_size > 1000
    assert icell_tf.load("runs/demo-conditional").structures[8] == "tom20"
