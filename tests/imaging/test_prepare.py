"""Records of single cells: a bad stack is named by cell, file and reason; simulated cells have seeds of their own."""

import dataclasses
import io
import pathlib
import types

import numpy as np
import pytest
import tifffile
from PIL import Image

from icell_tf import simulate, structures
from icell_tf.imaging import prepare
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.manifest.manifest import read_manifest
from icell_tf.imaging.prepare import SimulatedId, prepare_cell, prepare_simulated

DUMMY = pathlib.Path(__file__).parents[2] / "datasets" / "integrated_cell" / "dummy_data"
FRAME = Frame((32, 32), (1.0, 1.0))


@pytest.fixture
def cell():
    return read_manifest(DUMMY / "manifest.csv")[0]


def test_record_of_a_stack(cell):
    record, findings = prepare_cell(cell, FRAME)
    assert record["image"].shape == (32, 32, 3)
    assert (record["cell_id"], record["structure"], record["fov_id"]) == ("tomm20_0", "tom20", "tomm20-field-0")
    assert record["ambiguous_pose"] == findings.ambiguous_pose
    assert len(findings.ranges) == 3


def test_the_picture_of_a_record_is_that_of_its_voxels(cell):
    loaded, prepared = prepare.load_and_preprocess(cell, FRAME)
    assert [channel.shape for channel in loaded.channels] == [loaded.cell_mask.shape] * 3
    np.testing.assert_array_equal(prepared.image, prepare_cell(cell, FRAME)[0]["image"])


def test_errors_name_cell_file_and_reason(cell, tmp_path):
    with pytest.raises(ValueError, match=r"CellId tomm20_0, .*tomm20_0_raw.ome.tif: .*2 channels"):
        prepare_cell(dataclasses.replace(cell, raw_channels=("membrane", "dna")), FRAME)
    path = tmp_path / "seg.tif"
    masks = np.ones((2, 4, 20, 20), np.uint8) * [[[[1]]], [[[2]]]]
    tifffile.imwrite(path, masks.astype(np.uint8), ome=True, metadata={"axes": "CZYX"})
    with pytest.raises(ValueError, match=r"CellId tomm20_0, .*cell mask .*\(4, 20, 20\).* 24, 28\)"):
        prepare_cell(dataclasses.replace(cell, segmentation=str(path)), FRAME)


def test_a_worker_sends_back_a_png_without_loss_or_the_bad_cell(cell):
    record, findings = prepare.examine(cell, FRAME)
    np.testing.assert_array_equal(prepare.decoded(record["image"]), prepare_cell(cell, FRAME)[0]["image"])
    expected, expected_findings = prepare_cell(cell, FRAME)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(record["image"]))), expected["image"])
    assert findings == dataclasses.replace(expected_findings, digest=findings.digest)
    moved = prepare.examine(dataclasses.replace(cell, structure="golgi"), FRAME)[1]
    assert (
        len({findings.digest, prepare.examine(cell, FRAME)[1].digest, moved.digest}) == 2
    )  # it is that of the labels, too
    bad = prepare.examine(dataclasses.replace(cell, raw="nowhere.tif"), FRAME)
    assert isinstance(bad, prepare.BadCell) and bad.reason == "there is no such file."


def test_a_worker_sends_back_a_volume_as_it_is(cell):
    frame = Frame((8, 32, 32), (1.0, 1.0, 1.0))
    record, findings = prepare.examine(cell, frame)
    assert record["image"].shape == (8, 32, 32, 3) and findings.scale == (1.0, 1.0, 1.0)
    assert prepare.decoded(record["image"]) is record["image"]
    bad = prepare.examine(dataclasses.replace(cell, scale=(3.0, 1.0, 1.0)), frame)
    assert isinstance(bad, prepare.BadCell) and "along z" in bad.reason


def test_any_error_of_a_parser_names_the_cell():
    def load():
        raise KeyError("tag 270")

    cell = types.SimpleNamespace(cell_id="7", source="odd.tif", load=load)
    with pytest.raises(prepare.BadCell, match="CellId 7, odd.tif: KeyError: 'tag 270'"):
        prepare_cell(cell, FRAME)


def test_simulated_cells_have_seeds_of_their_own():
    seeds = {SimulatedId(s, n, k).cell_seed for s in ("tom20", "zo1") for n in range(50) for k in range(3)}
    assert len(seeds) == 300
    assert SimulatedId("tom20", 3).cell_seed == SimulatedId("tom20", 3).cell_seed


def test_a_simulated_cell_without_noise_and_how_its_structures_vary():
    frame, cell = Frame((32, 32), (1.2, 1.2)), SimulatedId("tom20", 0, expected_draws=2)
    plain, record = (prepare_simulated(dataclasses.replace(cell, expected_draws=n), frame)[0] for n in (0, 2))
    np.testing.assert_array_equal(record["image"], plain["image"])
    planes = [record[name].reshape(-1, 3).T for name in ("noise_free", "image")]
    assert min(np.corrcoef(a, b)[0, 1] for a, b in zip(*planes, strict=True)) > 0.97
    # By hand: the draws of TOM20, through the cell's own transform.
    y = 8
    simulated = simulate.simulate_cell(cell.cell_seed, y, frame.pixel_size[0])
    masks = simulated.cell_mask, simulated.nucleus_mask
    transform = preprocess(simulated.channels, *masks, simulated.scale, frame).transform
    planes = [transform.apply(plane) for part in simulate.draw_structure(simulated, y, 16, seed=2) for plane in part]
    mean = sum(planes) / 16
    variance = sum((plane - mean) ** 2 for plane in planes) / 15
    assert record["spread"].shape == (10,)
    assert record["spread"][y] == pytest.approx(np.sqrt(variance.mean()), rel=1e-4)
    assert (record["spread"] > 0).all() and (record["spread"] < 0.2).all()


def test_a_simulated_cell_in_3d_has_its_truths_as_volumes():
    frame, cell = Frame((8, 16, 16), (2.0, 2.5, 2.5)), SimulatedId("lamin-b1", 3, expected_draws=2)
    record, findings = prepare_simulated(cell, frame)
    assert findings.scale == pytest.approx((1.8, 2.25, 2.25))
    assert record["image"].shape == record["noise_free"].shape == (8, 16, 16, 3)
    assert record["expected"].shape == (8, 16, 16, 10)
    planes = [record[name].reshape(-1, 3).T for name in ("noise_free", "image")]
    assert min(np.corrcoef(a, b)[0, 1] for a, b in zip(*planes, strict=True)) > 0.95
    lamin, zo1 = (record["expected"][..., k].astype(float) for k in (5, 9))
    seen = record["image"][..., 2].ravel()
    assert np.corrcoef(lamin.ravel(), seen)[0, 1] > 0.8 > np.corrcoef(zo1.ravel(), seen)[0, 1]
    assert (record["ceiling"] > 0.2).all() and (record["spread"] > 0).all()
    plain, _ = prepare_simulated(dataclasses.replace(cell, expected_draws=0), frame)
    np.testing.assert_array_equal(plain["image"], record["image"])
    assert plain["expected"].shape == (0, 0, 0, 10) and plain["noise_free"].shape == (0, 0, 0, 3)


@pytest.mark.parametrize("shape", [(32, 32), (8, 16, 16)])
def test_observations_of_a_simulated_cell_are_prepared_as_its_own_image(shape):
    frame = Frame(shape, (2.4,) * len(shape) if len(shape) == 3 else (1.2, 1.2))
    cell = prepare.SimulatedId("lamin-b1", 0, observations=3)
    record, _ = prepare.prepare_simulated(cell, frame)
    observations, own = record["observations"], record["image"][..., 2]
    assert observations.shape == (3, *shape, 10) and observations.dtype == np.uint8
    lamin = observations[..., structures.NAMES.index("lamin-b1")]
    assert all(np.corrcoef(own.ravel(), each.ravel())[0, 1] > 0.6 for each in lamin)
    assert not np.array_equal(lamin[0], lamin[1])
    assert observations[:, record["image"].max(axis=-1) == 0].mean() < 1  # outside the cell
    without, _ = prepare.prepare_simulated(dataclasses.replace(cell, observations=0), frame)
    assert without["observations"].shape == (0, *shape, 10)
    np.testing.assert_array_equal(without["image"], record["image"])
