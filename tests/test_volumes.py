"""The whole way in three dimensions, on tiny volumes of 8 x 16 x 16 voxels: the same commands, the same code."""

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

import icell_tf
from icell_tf import paper
from icell_tf.config import ConditionalConfig, ReferenceConfig
from icell_tf.data.prepared import PreparedCells
from icell_tf.evaluation.subject import load_subject
from icell_tf.inference import inputs, outputs
from icell_tf.reports import pooled, report
from icell_tf.runs.weights import LAST
from icell_tf.spec import CellSpec
from icell_tf.training import experiment

from .building import build_tiny_3d
from .short_evaluation import evaluate

SETTINGS = dict(epochs=2, width=1 / 16, latent_dim=4, batch_size=8, mirror=True, dark_start=True)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """A prepared data set of volumes."""
    return PreparedCells(Path(build_tiny_3d(tmp_path_factory.mktemp("volumes")).data_dir))


@pytest.fixture(scope="module")
def runs(volumes, tmp_path_factory):
    """The folders of phase 1 and phase 2."""
    folder, settings = tmp_path_factory.mktemp("runs"), SETTINGS | {"dataset": str(volumes.folder)}
    reference = experiment.train_reference(ReferenceConfig(**settings), folder / "reference")
    return reference, experiment.train_conditional(ConditionalConfig(**settings), reference, folder / "conditional")


@pytest.fixture(scope="module")
def integrator(runs):
    return icell_tf.load(runs[1])


def arrays(path):
    """All arrays of a weights file by their names."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node[()]} if isinstance(node, h5py.Dataset) else {}))
    return found


def test_a_run_that_is_continued_ends_as_one_that_was_not(runs, volumes, tmp_path):
    reference, whole = runs
    config = ConditionalConfig(**SETTINGS, dataset=str(volumes.folder))
    for epochs in (1, 2):
        experiment.train_conditional(dataclasses.replace(config, epochs=epochs), reference, tmp_path)
    once, continued = arrays(Path(whole) / LAST), arrays(tmp_path / LAST)
    assert once.keys() == continued.keys()
    for name, values in once.items():
        np.testing.assert_array_equal(continued[name], values, err_msg=name)


def test_every_structure_is_predicted_in_every_cell(integrator, volumes):
    spec = volumes.spec
    assert integrator.spec == spec and spec.axes == "ZYX" and spec.shape == (8, 16, 16)
    x_rs, _ = volumes.first("test", 3)
    result = integrator.integrate(spec.reference(x_rs), samples=2)
    for name in ("structures", "mean", "std"):
        assert result[name].shape == (3, *spec.shape, len(spec.structures)) and np.isfinite(result[name]).all()
    mirrored = integrator.integrate(spec.reference(x_rs)[:, :, ::-1, :])["structures"]
    np.testing.assert_allclose(mirrored, result["structures"][:, :, ::-1, :], atol=1e-5)  # the mean of four poses


def test_an_export_answers_as_the_run_does(integrator, volumes, tmp_path):
    from icell_tf.export.saved_model import export_integrator

    exported = icell_tf.load(export_integrator(integrator, tmp_path))
    x_rs, _ = volumes.first("test", 2)
    assert exported.spec == volumes.spec
    for method, images in (("integrate", volumes.spec.reference(x_rs)), ("encode", x_rs), ("reconstruct", x_rs)):
        here, there = getattr(integrator, method)(images), getattr(exported, method)(images)
        for name in here:
            np.testing.assert_allclose(there[name], here[name], atol=1e-5, err_msg=f"{method}: {name}")


def test_volumes_are_written_as_volumes_and_shown_as_pictures(integrator, volumes, tmp_path):
    cells = inputs.read_inputs([volumes.folder], integrator, inputs.Reading(limit=1))
    picture, composite, stack, _ = outputs.integrate_cells(integrator, cells, tmp_path)
    with tifffile.TiffFile(stack) as tiff:
        series = tiff.series[0]
        assert (series.axes, series.shape) == ("CZYX", (2 + 10 + 1, 8, 16, 16))
        assert 'PhysicalSizeZ="2.0"' in tiff.ome_metadata
    assert picture.stat().st_size > 0 and composite.stat().st_size > 0
    (path, *_) = [
        path for path in outputs.sample_cells(integrator, ["tom20"], 2, tmp_path / "new") if path.suffix == ".tif"
    ]
    with tifffile.TiffFile(path) as tiff:
        assert [series.shape for series in tiff.series] == [(3, 8, 16, 16)] * 2


def test_pictures_are_refused_by_a_model_of_volumes(integrator, prepared, volumes):
    with pytest.raises(ValueError, match="axes are ZYX in the model, YX here"):
        inputs.read_inputs([prepared.folder], integrator)
    x_rs, _ = volumes.first("test", 1)
    with pytest.raises(ValueError, match=r"x_r has shape .*\(B, 8, 16, 16, 2\)"):
        integrator.integrate(volumes.spec.plane(volumes.spec.reference(x_rs)))


def test_folds_are_measured_and_pooled(integrator, volumes, tmp_path):
    """As `icell cross-validate` does, but for the training."""
    folders = [tmp_path / part for part in "12"]
    for part, folder in zip("12", folders, strict=True):
        fold = PreparedCells(volumes.folder, fold=f"{part}/2")
        pooled.measure_fold(integrator, fold, folder, draws=2)
    content = pooled.pool(folders, fold, tmp_path)
    assert content["spec"] == volumes.spec.to_dict() and content["test_cells"] == sum(volumes.splits.values())
    assert content["compared_with"] == "observed" and set(content["integration"]) == set(volumes.spec.structures)
    found = {(score["part"], score["metric"]) for score in content["scores"] if score["structure"] is None}
    assert {("integration", "shape_p"), ("integration", "margin"), ("distribution", "crps_gain")} <= found
    rivals = {"class_mean", "nearest", "mean_of_nearest", "nearest_pixels", "mean_of_nearest_pixels"}
    assert rivals < content["integration_mean"].keys() and "permutation p" in pooled.table(content)


def test_the_whole_report_is_of_volumes(runs, volumes, tmp_path):
    subject = load_subject(runs[1])
    context, parts = evaluate(subject)
    exhibits = paper.draw(subject, context.cells)
    content, paths = report.write(context, parts, tmp_path, exhibits)
    assert CellSpec.from_dict(content["spec"]) == volumes.spec and content["test_cells"] == volumes.size("test")
    assert {f"Figure {number}" for number in ("2", "3", "S1", "S2", "S3")} <= {exhibit.paper for exhibit in exhibits}
    assert all(path.stat().st_size > 0 for path in paths)
    assert "integrated.png" in content["files"] and "drawn.png" in content["files"]
