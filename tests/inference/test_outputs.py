import csv
import dataclasses
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from icell_tf.imaging.ome import OmeTiff
from icell_tf.imaging.read import read_stack
from icell_tf.inference import outputs

from .predicting import NAMES, SIZE, FakeIntegrator, FakeOfVolumes, cell, names_in, volume


def test_files_of_a_cell_with_two_channels(tmp_path):
    paths = outputs.integrate_cells(FakeIntegrator(), [cell("a")], tmp_path / "out")
    assert names_in(tmp_path / "out") == ["a.ome.tif", "a_composite.png", "a_structures.png"]
    assert sorted(path.name for path in paths) == names_in(tmp_path / "out")
    for kind in ("composite", "structures"):
        with Image.open(tmp_path / "out" / f"a_{kind}.png") as picture:
            assert picture.width > 500


def test_original_frame_of_a_prepared_cell_is_refused(tmp_path):
    with pytest.raises(ValueError, match="--original_frame: a is a prepared cell"):
        outputs.integrate_cells(FakeIntegrator(), [cell("a")], tmp_path / "out", outputs.Settings(original_frame=True))
    assert not (tmp_path / "out").exists()


def test_classes_of_the_cells_with_a_structure(tmp_path):
    cells = [cell(f"c{i}", channels=2 + (i != 1), structure="tom20") for i in range(outputs.BATCH + 2)]
    cells[2].image[..., 2] = 0
    outputs.integrate_cells(FakeIntegrator(), cells, tmp_path)
    with open(tmp_path / "classes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["cell"] for row in rows] == ["c0", *(f"c{i}" for i in range(2, len(cells)))]
    assert [row["predicted_structure"] for row in rows[:2]] == ["zo1", "tom20"]
    assert {row["labelled_structure"] for row in rows} == {"tom20"}
    assert [float(rows[0][name]) for name in NAMES] == pytest.approx([0.05, 0.9, 0.05])
    assert "unknown" not in rows[0]


class Knowing(FakeIntegrator):
    """Calls cells unknown whose structure channel is bright."""

    known = {"threshold": 0.5}

    def classify(self, x_rs):
        distance = x_rs[..., 2].mean(axis=(1, 2))
        return super().classify(x_rs) | {"distance": distance, "unknown": distance > self.known["threshold"]}


def test_classes_say_which_cells_are_unknown_where_the_model_can_tell(tmp_path):
    cells = [cell("a", channels=3), cell("b", channels=3)]
    cells[1].image[:, ::4, 2] = 0
    cells[1].image[:, 1::4, 2] = cells[1].image[:, 2::4, 2] = 0
    outputs.integrate_cells(Knowing(), cells, tmp_path)
    with open(tmp_path / "classes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[3:7] == ["predicted_structure", "unknown", "distance", "tom20"]
    assert [(row["unknown"], float(row["distance"])) for row in rows] == [("True", 1.0), ("False", 0.25)]


def test_nothing_is_overwritten_unasked(tmp_path):
    (tmp_path / "b.ome.tif").write_text("precious")
    cells = [cell("a"), cell("b")]
    with pytest.raises(FileExistsError, match=r"b\.ome\.tif exists.*--overwrite"):
        outputs.integrate_cells(FakeIntegrator(), cells, tmp_path)
    assert names_in(tmp_path) == ["b.ome.tif"]
    outputs.integrate_cells(FakeIntegrator(), cells, tmp_path, outputs.Settings(overwrite=True))
    assert read_stack(tmp_path / "b.ome.tif").data.shape == (5, 1, SIZE, SIZE)


@pytest.mark.parametrize("ending, format", [(".ome.tif", "ome-tiff"), (".ome.zarr", "ome-zarr")])
def test_an_input_is_never_replaced(tmp_path, ending, format):
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / f"b{ending}").write_text("precious")
    given = dataclasses.replace(cell("b"), files=(str(tmp_path / "masks.tif"), str(tmp_path / "link" / f"b{ending}")))
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=rf"--output: .*b{ending} is an input"):
            settings = outputs.Settings(overwrite=overwrite, format=format)
            outputs.integrate_cells(FakeIntegrator(), [cell("a"), given], tmp_path, settings)
    assert names_in(tmp_path) == [f"b{ending}", "link"] and (tmp_path / f"b{ending}").read_text() == "precious"


def test_draws_of_a_cell_do_not_take_the_name_of_another(tmp_path):
    cells, settings = [cell("a"), cell("A_draws")], outputs.Settings(samples=1)
    with pytest.raises(ValueError, match=r"a_draws\.ome\.tif would be written twice"):
        outputs.integrate_cells(FakeIntegrator(), cells, tmp_path / "out", settings)
    with pytest.raises(ValueError, match=r"a_draws\.ome\.zarr would be written twice"):
        outputs.check_output(["a", "a_draws"], tmp_path, outputs.Settings(samples=1, format="ome-zarr"))
    assert not (tmp_path / "out").exists()
    outputs.integrate_cells(FakeIntegrator(), cells, tmp_path / "out")
    assert len(names_in(tmp_path / "out")) == 6


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(OmeTiff, "add", interrupted)
    with pytest.raises(OSError, match="disk full"):
        outputs.integrate_cells(FakeIntegrator(), [cell("a")], tmp_path)
    assert names_in(tmp_path) == ["a_composite.png", "a_structures.png"]


def test_sampled_cells(tmp_path):
    outputs.sample_cells(FakeIntegrator(), ["zo1", "tom20"], 3, tmp_path, seed=5)
    assert names_in(tmp_path) == [f"{name}_samples.{kind}" for name in ("tom20", "zo1") for kind in ("ome.tif", "png")]
    with tifffile.TiffFile(tmp_path / "zo1_samples.ome.tif") as tiff:
        assert [series.shape for series in tiff.series] == [(3, SIZE, SIZE)] * 3
        x_rs = FakeIntegrator().sample([1] * 3, 5)["x_rs"]
        np.testing.assert_array_equal(tiff.series[2].asarray(), np.moveaxis(x_rs[2], -1, 0))
    assert read_stack(tmp_path / "zo1_samples.ome.tif", scene=0).channels == ("membrane", "nucleus", "zo1")
    with pytest.raises(FileExistsError, match="--overwrite"):
        outputs.sample_cells(FakeIntegrator(), ["zo1"], 3, tmp_path)
    with pytest.raises(ValueError, match="--structures.*nothing.*zo1"):
        outputs.sample_cells(FakeIntegrator(), ["nothing"], 3, tmp_path)
    with pytest.raises(ValueError, match="--n"):
        outputs.sample_cells(FakeIntegrator(), ["zo1"], 0, tmp_path)


def test_files_of_a_volume(tmp_path):
    paths = outputs.integrate_cells(FakeOfVolumes(), [volume()], tmp_path, outputs.Settings(samples=2))
    endings = [".ome.tif", "_composite.png", "_draws.ome.tif", "_slices.png", "_structures.png", "_z.gif"]
    assert names_in(tmp_path) == [*(f"a{ending}" for ending in endings), "classes.csv"]
    assert sorted(path.name for path in paths) == names_in(tmp_path)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        assert tiff.series[0].axes == "ZCYX" and tiff.series[0].shape == (8, 2 + 3 * 3 + 1, 16, 32)
    (tmp_path / "a_z.gif").unlink()
    with pytest.raises(FileExistsError, match="a_structures.png exists, and 5 more"):
        outputs.integrate_cells(FakeOfVolumes(), [volume()], tmp_path, outputs.Settings(samples=2))


def test_zarrs_are_replaced_only_if_asked(tmp_path):
    zarr = outputs.Settings(format="ome-zarr")
    outputs.integrate_cells(FakeIntegrator(), [cell("a")], tmp_path, zarr)
    before = (tmp_path / "a.ome.zarr" / ".zattrs").stat().st_mtime_ns
    with pytest.raises(FileExistsError, match="a_structures.png exists, and 2 more"):
        outputs.integrate_cells(FakeIntegrator(), [cell("a")], tmp_path, zarr)
    assert (tmp_path / "a.ome.zarr" / ".zattrs").stat().st_mtime_ns == before
    anew = outputs.Settings(format="ome-zarr", overwrite=True)
    outputs.integrate_cells(FakeIntegrator(), [cell("a")], tmp_path, anew)
    assert (tmp_path / "a.ome.zarr" / ".zattrs").stat().st_mtime_ns > before
    assert names_in(tmp_path) == ["a.ome.zarr", "a_composite.png", "a_structures.png"]


def test_without_zarr_its_format_is_refused_before_work_starts(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    settings = outputs.Settings(format="ome-zarr")
    for check in (
        lambda: outputs.check_output(["a"], tmp_path / "out", settings),
        lambda: outputs.integrate_cells(FakeIntegrator(), [cell("a")], tmp_path / "out", settings),
        lambda: outputs.sample_cells(FakeIntegrator(), ["zo1"], 3, tmp_path / "out", format="ome-zarr"),
    ):
        with pytest.raises(ImportError, match=r"--format=ome-zarr needs.*icell_tf\[zarr\]"):
            check()
    assert not (tmp_path / "out").exists()


def test_sampled_volumes(tmp_path):
    outputs.sample_cells(FakeOfVolumes(), ["zo1"], 9, tmp_path)
    assert names_in(tmp_path) == ["zo1_samples.ome.tif", "zo1_samples.png", "zo1_samples_z.gif"]
    with tifffile.TiffFile(tmp_path / "zo1_samples.ome.tif") as tiff:
        assert [(series.axes, series.shape) for series in tiff.series] == [("ZCYX", (8, 3, 16, 32))] * 9
