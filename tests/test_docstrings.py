"""The examples in docstrings, run with a tiny model and a tiny data set in place of those that they name."""

import doctest
import importlib

import pytest

WITH_A_MODEL = ("icell_tf", "icell_tf.inference.integrator", "icell_tf.data.prepared", "icell_tf.data.folders")
ALONE = ("icell_tf.simulate", "icell_tf.simulate.fields", "icell_tf.imaging.frame.preprocess", "icell_tf.viz.figures")


def run(name, given=None):
    """Runs a module's examples. Returns: how many failed, and how many lines there were."""
    module, runner = importlib.import_module(name), doctest.DocTestRunner()
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name, extraglobs=given):
        runner.run(test)
    return runner.failures, runner.tries


@pytest.fixture
def named(prepared, conditional_run, tmp_path, monkeypatch):
    """The folder in which the examples run: runs/small-conditional, and the data set simulated_64 of TFDS' folder."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "small-conditional").symlink_to(conditional_run)
    (tmp_path / "data" / "integrated_cell" / "simulated_64").mkdir(parents=True)
    (tmp_path / "data" / "integrated_cell" / "simulated_64" / "3.0.0").symlink_to(prepared.folder)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def test_examples_of_models_and_data_sets(named, prepared, conditional_run):
    import icell_tf

    x_rs, y = prepared.first("test", 5)
    model = icell_tf.load(conditional_run)
    given = {"model": model, "x_rs": x_rs, "x_r": model.spec.reference(x_rs), "y": y}
    for name in WITH_A_MODEL:
        failed, lines = run(name, given if name.endswith("integrator") else None)
        assert not failed and lines, name


@pytest.mark.parametrize("name", ALONE)
def test_examples_that_need_no_model(name):
    failed, lines = run(name)
    assert not failed and lines
