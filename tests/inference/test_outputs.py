import csv
import json
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import tifffile
from PIL import Image

from icell_tf.imaging.frame.frame import Frame, Transform
from icell_tf.imaging.ome import OmeTiff
from icell_tf.imaging.read import read_stack
from icell_tf.inference import outputs, stacks
from icell_tf.inference.inputs import InputCell
from icell_tf.spec import CellSpec

SIZE, NAMES = 32, ("tom20", "zo1", "other")


VOLUMES = CellSpec("ZYX", (8, 16, 32), (2.0, 0.5, 0.5), NAMES)


class FakeIntegrator:
    """Predicts structure k as (k + 1) / 10 of the nucleus, and the class by the structure channel's mean."""

    structures, spec = NAMES, CellSpec("YX", (SIZE, SIZE), (0.5, 0.5), NAMES)
    known = None

    def integrate(self, x_r):
        return {"structures": x_r[..., 1:] * np.array([0.1, 0.2, 0.3], np.float32)}

    def draw(self, x_r, count, seed=0):
        for i in range(count):
            yield self.integrate(x_r)["structures"] * (i + 1 + seed) / 4

    def classify(self, x_rs):
        likely = (x_rs[..., 2].reshape(len(x_rs), -1).mean(axis=1) > 0.5).astype(int)
        return {"probabilities": 0.05 + 0.85 * np.eye(3)[likely]}

    def sample(self, y, seed=0):
        return {"x_rs": np.random.default_rng(seed).random((len(y), SIZE, SIZE, 3), np.float32)}


def cell(name, channels=2, transform=None, structure=None):
    rng = np.random.default_rng(len(name))
    image = rng.integers(0, 256, (SIZE, SIZE, channels), np.uint8)
    image[..., 2:] = 255
    return InputCell(name, f"{name}.tif", image, structure, transform)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_of_a_cell_with_two_channels(tmp_path):
    paths = outputs.integrate_cells(FakeIntegrator(), [cell("a")], tmp_path / "out")
    assert names_in(tmp_path / "out") == ["a.ome.tif", "a_composite.png", "a_structures.png"]
    assert sorted(path.name for path in paths) == names_in(tmp_path / "out")
    for kind in ("composite", "structures"):
        with Image.open(tmp_path / "out" / f"a_{kind}.png") as picture:
            assert picture.width > 500


def test_ome_tiff_has_names_sizes_and_values(tmp_path):
    given = cell("a", channels=3)
    outputs.integrate_cells(FakeIntegrator(), [given], tmp_path, outputs.Settings(samples=2))
    stack = read_stack(tmp_path / "a.ome.tif")
    means, stds = ([f"{name} {key} of 2" for name in NAMES] for key in ("mean", "std"))
    assert list(stack.channels) == ["membrane", "nucleus", *NAMES, *means, *stds, "observed structure"]
    assert stack.scale[1:] == (0.5, 0.5)
    assert names_in(tmp_path) == ["a.ome.tif", "a_composite.png", "a_draws.ome.tif", "a_structures.png", "classes.csv"]
    assert stack.data.dtype == np.float32
    image = given.image / np.float32(255)
    np.testing.assert_array_equal(stack.channel("membrane")[0], image[..., 0])
    np.testing.assert_allclose(stack.channel("zo1")[0], 0.2 * image[..., 1], rtol=1e-6)
    np.testing.assert_allclose(stack.channel("other mean of 2")[0], 0.3 * 0.375 * image[..., 1], rtol=1e-6)
    np.testing.assert_allclose(stack.channel("other std of 2")[0], 0.3 * 0.125 * image[..., 1], rtol=1e-5)
    np.testing.assert_array_equal(stack.channel("observed structure")[0], image[..., 2])


def test_draws_are_series_of_one_file(tmp_path):
    given = [cell("a"), cell("bb")]
    outputs.integrate_cells(FakeIntegrator(), given, tmp_path, outputs.Settings(samples=5, seed=1))
    for one in given:
        with tifffile.TiffFile(tmp_path / f"{one.name}_draws.ome.tif") as tiff:
            assert [series.name for series in tiff.series] == [f"{one.name} draw {i}" for i in range(1, 6)]
            nucleus = one.image[..., 1] / np.float32(255)
            np.testing.assert_allclose(tiff.series[4].asarray()[1], 0.2 * 6 / 4 * nucleus, rtol=1e-6)
        second = read_stack(tmp_path / f"{one.name}_draws.ome.tif", scene=1)
        assert (tuple(second.channels), second.scale[1:]) == (NAMES, (0.5, 0.5))


def annotations(path):
    """The content of a file's annotations in the namespace of the spec."""
    with tifffile.TiffFile(path) as tiff:
        root = ElementTree.fromstring(tiff.ome_metadata)
    found = root.iterfind("{*}StructuredAnnotations/{*}CommentAnnotation[@Namespace='icell_tf/spec']/{*}Value")
    return [CellSpec.from_dict(json.loads(value.text)) for value in found]


def test_files_in_the_models_frame_carry_its_spec(tmp_path):
    outputs.integrate_cells(FakeIntegrator(), [cell("a")], tmp_path, outputs.Settings(samples=2))
    assert annotations(tmp_path / "a.ome.tif") == [FakeIntegrator.spec]
    assert annotations(tmp_path / "a_draws.ome.tif") == [FakeIntegrator.spec] * 2  # one for each series
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        assert tiff.is_ome and len(tiff.series) == 1 and tiff.series[0].axes == "CYX"


def test_original_frame_is_the_inputs(tmp_path):
    matrix = np.array([[0.0, 2.0, 3.0], [2.0, 0.0, 4.0]])  # transposed, twice the input's pixel size
    transform = Transform(matrix, (90, 80), (0.25, 0.25), Frame((SIZE, SIZE), (0.5, 0.5)))
    image = np.zeros((SIZE, SIZE, 2), np.uint8)
    image[10, 20] = 255
    given = InputCell("a", "a.tif", image, None, transform)
    outputs.integrate_cells(FakeIntegrator(), [given], tmp_path, outputs.Settings(original_frame=True))
    stack = read_stack(tmp_path / "a.ome.tif")
    assert stack.data.shape == (5, 1, 90, 80)
    assert stack.scale[1:] == (0.25, 0.25)
    assert not annotations(tmp_path / "a.ome.tif")
    brightest = np.unravel_index(stack.channel("tom20")[0].argmax(), (90, 80))
    assert brightest == (2 * 20 + 3, 2 * 10 + 4)


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


class FakeOfVolumes(FakeIntegrator):
    """The same, of volumes."""

    spec = VOLUMES

    def sample(self, y, seed=0):
        return {"x_rs": np.random.default_rng(seed).random((len(y), *VOLUMES.image_shape), np.float32)}


def volume(name="a"):
    """A cell: a box with a smaller one in it, and noise as its structure."""
    image = np.zeros(VOLUMES.image_shape, np.uint8)
    image[2:6, 4:12, 4:28, 0] = image[3:5, 6:10, 10:20, 1] = 200
    image[2:6, 4:12, 4:28, 2] = np.random.default_rng(0).integers(0, 256, (4, 8, 24))
    return InputCell(name, f"{name}.tif", image, "tom20")


def test_files_of_a_volume(tmp_path):
    paths = outputs.integrate_cells(FakeOfVolumes(), [volume()], tmp_path, outputs.Settings(samples=2))
    endings = [".ome.tif", "_composite.png", "_draws.ome.tif", "_slices.png", "_structures.png", "_z.gif"]
    assert names_in(tmp_path) == [*(f"a{ending}" for ending in endings), "classes.csv"]
    assert sorted(path.name for path in paths) == names_in(tmp_path)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        assert tiff.series[0].axes == "ZCYX" and tiff.series[0].shape == (8, 2 + 3 * 3 + 1, 16, 32)
    assert annotations(tmp_path / "a.ome.tif") == [VOLUMES]
    (tmp_path / "a_z.gif").unlink()
    with pytest.raises(FileExistsError, match="a_structures.png exists, and 5 more"):
        outputs.integrate_cells(FakeOfVolumes(), [volume()], tmp_path, outputs.Settings(samples=2))


@pytest.mark.parametrize("integrator, given", [(FakeIntegrator(), cell("a", 3)), (FakeOfVolumes(), volume())])
def test_both_formats_hold_the_same(tmp_path, integrator, given):
    spec, depth = integrator.spec, integrator.spec.shape[:-2] or (1,)
    for kind in stacks.ENDINGS:
        settings = outputs.Settings(samples=2, format=kind)
        outputs.integrate_cells(integrator, [given], tmp_path / kind, settings)
        outputs.sample_cells(integrator, ["zo1"], 2, tmp_path / kind, seed=3, format=kind)
    for name, scene in (("a", None), ("a_draws", 1), ("zo1_samples", 1)):
        tiff, zarr = (read_stack(tmp_path / kind / f"{name}{end}", scene=scene) for kind, end in stacks.ENDINGS.items())
        assert tiff.channels == zarr.channels and len(tiff.channels) >= 3
        assert tiff.scale[-spec.rank :] == zarr.scale[-spec.rank :] == spec.pixel_size
        assert tiff.data.shape == (len(tiff.channels), *depth, *spec.shape[-2:])
        np.testing.assert_array_equal(tiff.data, zarr.data)
    found = json.loads((tmp_path / "ome-zarr" / "a.ome.zarr" / ".zattrs").read_text())
    assert CellSpec.from_dict(found["icell_tf/spec"]) == spec
    colors = [channel["color"] for channel in found["omero"]["channels"]]
    assert colors[:3] == ["990099", "009999", "F273A6"] and colors[-1] == "FFFF00"  # tom20 has the paper's colour


def test_a_volume_goes_back_into_the_voxels_of_its_stack(tmp_path):
    matrix = np.array([[0.5, 0.0, 0.0, 1.0], [0.0, 0.0, 2.0, 3.0], [0.0, 2.0, 0.0, 4.0]])  # x and y exchanged
    transform = Transform(matrix, (10, 90, 80), (4.0, 0.25, 0.25), Frame(VOLUMES.shape, VOLUMES.pixel_size))
    given, image = volume(), np.zeros((*VOLUMES.shape, 2), np.uint8)
    image[4, 10, 20] = 255
    given = InputCell("a", "a.tif", image, None, transform)
    for kind, ending in stacks.ENDINGS.items():
        settings = outputs.Settings(original_frame=True, samples=1, format=kind, overwrite=True)
        outputs.integrate_cells(FakeOfVolumes(), [given], tmp_path, settings)
        for name in ("a", "a_draws"):
            stack = read_stack(tmp_path / f"{name}{ending}")
            assert stack.data.shape[1:] == (10, 90, 80) and stack.scale == (4.0, 0.25, 0.25)
            brightest = np.unravel_index(stack.channel("tom20").argmax(), (10, 90, 80))
            assert brightest == (3, 2 * 20 + 3, 2 * 10 + 4)


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
