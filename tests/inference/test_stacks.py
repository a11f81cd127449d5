"""What stacks of predictions hold, as OME-TIFF and as OME-Zarr."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.frame.frame import Frame, Transform
from icell_tf.imaging.read import read_stack
from icell_tf.inference import outputs, stacks
from icell_tf.inference.inputs import InputCell
from icell_tf.spec import CellSpec

from .predicting import NAMES, SIZE, VOLUMES, FakeIntegrator, FakeOfVolumes, cell, names_in, volume


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
    assert CellSpec.from_dict(found["icell_tf/spec"]) == spec == annotations(tmp_path / "ome-tiff" / "a.ome.tif")[0]
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


@pytest.mark.parametrize("samples", [0, 1])
def test_an_original_frame_beyond_the_memory_is_refused_with_its_cell(tmp_path, samples):
    transform = Transform(
        np.eye(3, 4), (10**4, 10**5, 10**5), (2.0, 0.5, 0.5), Frame(VOLUMES.shape, VOLUMES.pixel_size)
    )
    given = InputCell("a", "big.tif", volume().image, None, transform)
    sentence = r"big\.tif: --original_frame: the stack of a .*more memory than there is \(Unable .*\): crop the input"
    with pytest.raises(ValueError, match=sentence):
        outputs.integrate_cells(FakeOfVolumes(), [given], tmp_path, outputs.Settings(samples, original_frame=True))
    assert not [name for name in names_in(tmp_path) if "tif" in name]
