"""The whole way in three dimensions, on tiny volumes of 8 x 16 x 16 voxels: the same commands, the same code."""

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from starlette.testclient import TestClient

import icell_tf
from icell_tf import paper
from icell_tf.config import ConditionalConfig, ReferenceConfig
from icell_tf.data.prepared import PreparedCells
from icell_tf.evaluation.subject import load_subject
from icell_tf.imaging.ome import OmeTiff
from icell_tf.imaging.read import read_stack
from icell_tf.inference import inputs, latent_walks, outputs, stacks
from icell_tf.reports import pooled, report
from icell_tf.runs.weights import LAST
from icell_tf.serve.app import create_app
from icell_tf.serve.settings import Settings as ServerSettings
from icell_tf.simulate import simulate_cell
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
    *pictures, stack, _ = outputs.integrate_cells(integrator, cells, tmp_path)
    assert len(pictures) == 4 and all(path.stat().st_size for path in pictures)
    with tifffile.TiffFile(stack) as tiff:
        series = tiff.series[0]
        assert (series.axes, series.shape) == ("ZCYX", (8, 2 + 10 + 1, 16, 16))
        assert 'PhysicalSizeZ="2.0"' in tiff.ome_metadata
    (path, *_) = [
        path for path in outputs.sample_cells(integrator, ["tom20"], 2, tmp_path / "new") if path.suffix == ".tif"
    ]
    with tifffile.TiffFile(path) as tiff:
        assert [series.shape for series in tiff.series] == [(8, 3, 16, 16)] * 2


def test_pictures_are_refused_by_a_model_of_volumes(integrator, prepared, volumes):
    sentence = "the model takes volumes, and these are planes"
    with pytest.raises(ValueError, match=r"\(axes are ZYX \(volumes\) in the model, YX \(planes\) here"):
        inputs.read_inputs([prepared.folder], integrator)
    with pytest.raises(ValueError, match=r"--dataset: .*YX \(planes\) here"):
        latent_walks.find_cell(integrator, prepared, "any", "--cell")
    x_rs, _ = volumes.first("test", 1)
    for method, images in (("integrate", volumes.spec.reference(x_rs)), ("classify", x_rs), ("encode", x_rs)):
        with pytest.raises(ValueError, match=rf"has shape .*\(B, 8, 16, 16, .*; {sentence}$"):
            getattr(integrator, method)(volumes.spec.plane(images))


def test_volumes_are_refused_by_a_model_of_pictures(make_integrator, volumes):
    model, sentence = make_integrator(), "the model takes planes, and these are volumes"
    with pytest.raises(ValueError, match=r"\(axes are YX \(planes\) in the model, ZYX \(volumes\) here"):
        inputs.read_inputs([volumes.folder], model)
    x_rs, _ = volumes.first("test", 1)
    with pytest.raises(ValueError, match=rf"x_rs has shape \(1, 8, 16, 16, 3\), .*; {sentence}$"):
        model.classify(x_rs)


@pytest.fixture(scope="module")
def made():
    """A simulated cell whose stack suits the model's frame."""
    return simulate_cell(seed=1, y=8, pixel_size=2.5, depth=2.0)


@pytest.fixture(scope="module")
def stack(made, tmp_path_factory):
    """Its file, with the masks, and how to read it."""
    path = tmp_path_factory.mktemp("stack") / "cell.ome.tif"
    masks = np.stack([made.cell_mask, made.nucleus_mask]).astype(np.uint16)
    with OmeTiff(path) as tiff:
        tiff.add(np.concatenate([made.channels, masks]), [f"channel {i}" for i in range(5)], made.scale)
    channels = {"membrane": 0, "nucleus": 1, "structure": 2}
    return path, inputs.Reading((str(path),), channels, {"cell": 3, "nucleus": 4})


AXES = {stacks.TIFF: "ZCYX", stacks.ZARR: "CZYX"}


@pytest.mark.parametrize("format", AXES)
def test_a_stack_goes_through_the_model_and_back(integrator, made, stack, tmp_path, format):
    path, reading = stack
    cells = inputs.read_inputs([path], integrator, reading)
    settings = stacks.Settings(samples=2, original_frame=True, format=format)
    outputs.integrate_cells(integrator, cells, tmp_path, settings)

    def read(name, scene=None):  # coarse planes differ more than channels do, so the axes are given
        return read_stack(tmp_path / f"{name}{settings.ending}", axes=AXES[format], scene=scene)

    found, draws, second = read("cell"), read("cell_draws", 0), read("cell_draws", 1)
    names = integrator.structures
    statistics = [f"{name} {what} of 2" for what in ("mean", "std") for name in names]
    assert list(found.channels) == ["membrane", "nucleus", *names, *statistics, "observed structure"]
    assert list(draws.channels) == list(names)
    for each in (found, draws):
        assert each.data.shape[1:] == made.channels.shape[1:] and each.scale == pytest.approx(made.scale)
    inside = found.channel("membrane") > 0
    assert inside[made.cell_mask].mean() > 0.9 and inside[~made.cell_mask].mean() < 0.5
    mean = (draws.channel("zo1") + second.channel("zo1")) / 2
    np.testing.assert_allclose(found.channel("zo1 mean of 2"), mean, atol=1e-5)


def test_a_served_model_takes_volumes_and_stacks(integrator, volumes, stack, tmp_path):
    path, reading = stack
    x_rs, _ = volumes.first("test", 1)
    fields = {"channels": "membrane:0,nucleus:1,structure:2", "segmentation_channels": "cell:3,nucleus:4"}
    with TestClient(create_app(integrator, ServerSettings()), base_url="http://localhost") as http:

        def send(**more):
            answer = http.post("/integrate", files={"stack": (path.name, path.read_bytes())}, data=fields | more)
            assert answer.status_code == 200, answer.text
            return answer

        (cell,) = inputs.read_inputs([path], integrator, reading)
        expected = integrator.integrate(volumes.spec.reference(cell.image[None]) / np.float32(255))["structures"][0]
        found = send(format="json").json()
        np.testing.assert_allclose(found["structures"], expected, atol=1e-5)
        assert found["pixel_size"] == list(volumes.spec.pixel_size)
        (tmp_path / "a.ome.tif").write_bytes(send(format="tiff", original_frame="true").content)
        with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
            assert tiff.series[0].axes == "ZCYX"
        assert read_stack(tmp_path / "a.ome.tif", axes="ZCYX").scale == pytest.approx(read_stack(path).scale)
        for picture in ("structures", "composite", "slices"):
            assert send(format="png", picture=picture).content.startswith(b"\x89PNG")
        url = "/v1/models/integrator:predict"
        planes = volumes.spec.plane(x_rs).tolist()
        answer = http.post(url, json={"signature_name": "classify", "inputs": {"x_rs": planes}})
        assert "the model takes volumes, and these are planes" in answer.json()["error"]
        answer = http.post(url, json={"signature_name": "classify", "inputs": {"x_rs": x_rs.tolist()}})
        probabilities = answer.json()["outputs"]["probabilities"]
        np.testing.assert_allclose(probabilities, integrator.classify(x_rs)["probabilities"], atol=1e-5)


def test_walks_through_the_codes_of_volumes(integrator, volumes, tmp_path):
    ends = [
        latent_walks.find_cell(integrator, volumes, volumes.labels("test")["cell_id"][row].decode(), "--from")
        for row in (0, 1)
    ]
    paths = latent_walks.interpolate(integrator, ends, latent_walks.CODES, ["tom20"], steps=3, output=tmp_path)
    assert [path.suffix for path in paths] == [".png", ".png", ".gif"] and all(path.stat().st_size for path in paths)


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
