"""Rivals without a model, resolution along z, and models of volumes against models of pictures."""

import dataclasses
import sys

import numpy as np
import pytest
from scipy import ndimage

from benchmarks import depth_resolution, rivals, volumes_against_pictures
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.parallel import WorkerPool
from icell_tf.spec import CellSpec
from tests.made_up import VOLUMES, MadeUpCells

PICTURES = CellSpec("YX", VOLUMES.plane_shape, VOLUMES.plane_pixel_size, VOLUMES.structures)
SHARE = np.float32([1.0, 0.5, 0.25])  # of the nucleus in each structure's prediction


class Projections(MadeUpCells):
    """Made-up volumes as pictures, in another order."""

    def __init__(self, volumes):
        self.spec, self.splits, self.dataset = PICTURES, volumes.splits, "made_up/pictures/1.0.0"
        images = ("image", "expected")
        self._records = {
            split: {name: (VOLUMES.plane(of) if name in images else of)[::-1] for name, of in records.items()}
            for split, records in volumes._records.items()
        }


class Model:
    """Predicts mixtures of membrane and nucleus. Its draws are equal but for their brightness."""

    def __init__(self, spec, shift=0):
        self.spec, self.structures, self.shift = spec, spec.structures, shift

    def integrate(self, x_r):
        mixed = x_r[..., :1] * (1 - SHARE) + x_r[..., 1:2] * SHARE
        return {"structures": np.roll(mixed, self.shift, axis=-2)}

    def draw(self, x_r, count, seed):
        for number in range(count):
            yield self.integrate(x_r)["structures"] * np.float32(number + seed)


@pytest.fixture
def prepared():
    volumes = MadeUpCells(VOLUMES, {"train": 12, "test": 9})
    return {"volumes": volumes, "pictures": Projections(volumes)}


def test_equal_predictions_do_not_differ_and_worse_ones_lose(prepared):
    models = {"volumes": Model(VOLUMES), "pictures": Model(PICTURES)}
    r, alike = volumes_against_pictures.measure(models, prepared, draws=3, seed=1)
    np.testing.assert_allclose(alike, 1)
    for region in ("frame", "inside"):
        for first, second in volumes_against_pictures.PAIRS.values():
            np.testing.assert_allclose(r[region][first], r[region][second], atol=1e-6)
        np.testing.assert_allclose(r[region]["mean_volume"], r[region]["draws"], atol=1e-6)
    image, expected = (prepared["pictures"].read("test", [0])[name][0] for name in ("image", "expected"))
    assert r["frame"]["algorithm_3"][0, 0] == pytest.approx(
        np.corrcoef(image[..., 1].ravel(), expected[..., 0].ravel())[0, 1]
    )
    r, _ = volumes_against_pictures.measure(models | {"pictures": Model(PICTURES, shift=3)}, prepared, draws=2, seed=1)
    text = volumes_against_pictures.report(r["frame"], PICTURES.structures, "over the frame", "expected")
    last = text.splitlines()[-1].split()
    assert last[0] == "mean" and float(last[6]) > 0 and float(last[7].strip("(")) > 0


def test_draws_are_projected_before_they_are_averaged(prepared):
    class Spots(Model):
        def draw(self, x_r, count, seed):
            for number in range(count):
                drawn = np.zeros((*x_r.shape[:-1], 3), np.float32)
                drawn[:, number, 4, 4] = 1  # at another height in each draw
                yield drawn

    x_r = np.zeros((1, *VOLUMES.reference_shape), np.float32)
    found = volumes_against_pictures.predict(Spots(VOLUMES), x_r, draws=4, seed=0)
    assert (found["draws"][0, 4, 4] == 1).all() and (found["mean_volume"][0, 4, 4] == 0.25).all()


def test_real_cells_are_compared_in_the_structure_that_they_show(prepared):
    for cells in prepared.values():
        for records in cells._records.values():
            records.pop("expected", None)
    models = {"volumes": Model(VOLUMES), "pictures": Model(PICTURES)}
    r, _ = volumes_against_pictures.measure(models, prepared, draws=2, seed=1, most=6)
    shown = np.eye(3, dtype=bool)[prepared["pictures"].read("test", np.arange(6))["structure"]]
    np.testing.assert_array_equal(np.isnan(r["frame"]["draws"]), ~shown)
    assert "observed" in volumes_against_pictures.report(r["inside"], PICTURES.structures, "inside", "observed")
    both, alike = volumes_against_pictures.pooled([(r, np.ones(6)), (r, np.zeros(6))])
    assert len(alike) == 12 and both["frame"].keys() == r["frame"].keys()
    for name, values in r["inside"].items():
        np.testing.assert_array_equal(both["inside"][name], np.concatenate([values, values]))


def test_only_test_cells_of_both_in_one_frame_are_compared(prepared):
    rows = volumes_against_pictures.common_cells(prepared["volumes"], prepared["pictures"])
    np.testing.assert_array_equal(rows, [np.arange(9)[::-1], np.arange(9)])
    prepared["pictures"].spec = dataclasses.replace(PICTURES, pixel_size=(0.6, 0.6))
    with pytest.raises(SystemExit, match=r"plane_pixel_size is \(0.5, 0.5\) in .*, but \(0.6, 0.6\) in"):
        volumes_against_pictures.common_cells(prepared["volumes"], prepared["pictures"])


@pytest.mark.parametrize("given", ["--draws=0", "--cells=0", "--cells=-1"])
def test_counts_below_1_are_refused_before_a_model_is_loaded(monkeypatch, capsys, given):
    monkeypatch.setattr(sys, "argv", ["volumes_against_pictures.py", "--volumes=no", "--pictures=no", given])
    with pytest.raises(SystemExit):
        volumes_against_pictures.main()
    assert "but must be at least 1" in capsys.readouterr().err


def test_power_along_z_is_that_in_the_plane_until_z_is_blurred():
    volumes = np.zeros((1, 32, 32, 32))
    volumes[0, 16, 16, 16] = 1  # a point, with the same power at all frequencies
    np.testing.assert_allclose(depth_resolution.depth_power(volumes), 1)
    ratios = depth_resolution.depth_power(ndimage.gaussian_filter(volumes, (0, 1, 0, 0)))
    middles = np.array([(low + high) / 2 for low, high in depth_resolution.BANDS[:2]])
    np.testing.assert_allclose(ratios[:2], np.exp(-((2 * np.pi * middles) ** 2)), rtol=0.3)
    assert (np.diff(ratios) < 0).all() and ratios[-1] < 0.02


@pytest.mark.parametrize("frame", [Frame((16, 32, 32), (1.2, 1.2, 1.2)), Frame((16, 16), (2.5, 2.5))])
def test_each_resolution_has_its_figures(frame):
    with WorkerPool(1) as pool:
        found = depth_resolution.row(0.55, frame, training=1, test=1, draws=2, pool=pool)
    assert set(rivals.PREDICTIONS) <= set(found) and -1 <= found["class_mean"] < found["ceiling"] <= 1
    assert ("z / plane 4" in found) == (frame.axes == "ZYX")
    shown = depth_resolution.line(found, ["sigma", "axes", "class_mean", "z / plane 4"]).split()
    assert shown[:3] == ["0.550", frame.axes, f"{found['class_mean']:.3f}"]
    assert shown[3:] == [f"{found[name]:.3f}" for name in ("z / plane 4",) if name in found]


def test_rivals_need_no_model(prepared):
    of = prepared["volumes"]
    test, training = (code_cells(rivals.NoModel(), of, split) for split in ("test", "train"))
    rows = rivals.measure(test, training)
    assert list(rows) == [*VOLUMES.structures, "mean"] and list(rows["mean"]) == list(rivals.PREDICTIONS)
    records, expected = of.read("train", slice(None)), of.read("test", slice(None))["expected"]
    class_mean = VOLUMES.structure(records["image"])[records["structure"] == 2].mean(axis=0).ravel()
    r = [np.corrcoef(class_mean, of_cell[..., 2].ravel())[0, 1] for of_cell in expected]
    assert rows["zo1"]["class_mean"] == pytest.approx(np.mean(r), abs=1e-6)
    assert rows["mean"]["ceiling"] == pytest.approx(0.9)
    assert rivals.table(rows).splitlines()[-1].startswith("mean")
