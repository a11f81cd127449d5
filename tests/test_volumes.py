"""The whole way in three dimensions, on tiny volumes of 8 x 16 x 16 voxels: the same commands, the same code."""

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

import icell_tf
from icell_tf.config import ConditionalConfig, ReferenceConfig
from icell_tf.data.prepared import PreparedCells
from icell_tf.inference import inputs, outputs
from icell_tf.runs.weights import LAST
from icell_tf.training import experiment

from .building import build_tiny_3d

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
