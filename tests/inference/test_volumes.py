"""What `icell integrate` makes of stacks and manifests where a model takes volumes, and what it refuses."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.read import read_stack
from icell_tf.inference import inputs, outputs

from ..bad_volumes import FAULTS, MASKS, NAME_DICT, NAMES, SCALE, SPEC, make_cell, write, write_array
from .test_inputs import write_manifest

MODEL = SimpleNamespace(spec=SPEC)
INDICES = {
    "channels": {"membrane": 0, "nucleus": 1, "structure": 2},
    "segmentation_channels": {"cell": 0, "nucleus": 1},
}
FLAT = dataclasses.replace(SPEC, axes="YX", shape=SPEC.plane_shape, pixel_size=SPEC.plane_pixel_size)


def read(stack, masks, model=MODEL, **how):
    """The cell of a stack."""
    (cell,) = inputs.read_inputs([stack], model, inputs.Reading((str(masks),), **how))
    return cell


@pytest.fixture(scope="module")
def cell():
    return make_cell()


def test_a_good_stack_becomes_a_volume_and_a_picture(tmp_path, cell):
    stack, masks = write(tmp_path / "a.ome.tif", cell[0], NAMES), write(tmp_path / "m.ome.tif", cell[1], MASKS)
    for spec in (SPEC, FLAT):
        expected = preprocess(cell[0], *cell[1], SCALE, Frame(spec.shape, spec.pixel_size)).image
        np.testing.assert_array_equal(read(stack, masks, SimpleNamespace(spec=spec)).image, expected)


@pytest.mark.parametrize("axes", ["CZYX", "ZCYX", "ZYXC"])
def test_arrays_become_volumes_by_the_axes_that_are_given(tmp_path, cell, axes):
    """As a stack and in a manifest: arrays say nothing of their axes."""
    order = ["CZYX".index(axis) for axis in axes]
    stack, masks = (write_array(tmp_path / name, part.transpose(order)) for name, part in zip("am", cell, strict=True))
    expected = preprocess(cell[0], *cell[1], SCALE, Frame(SPEC.shape, SPEC.pixel_size)).image
    found = read(stack, masks, **INDICES, axes=axes, pixel_size=SCALE)
    np.testing.assert_array_equal(found.image, expected)
    manifest = write_manifest(tmp_path, [("a", "tom20", stack.name, masks.name, NAME_DICT, str(list(SCALE)))])
    (found,) = inputs.read_inputs([manifest], MODEL, inputs.Reading(axes=axes))
    np.testing.assert_array_equal(found.image, expected)


@pytest.mark.parametrize("name", FAULTS)
def test_bad_stacks_are_refused_by_name(tmp_path, cell, name):
    fault = FAULTS[name]
    stack, masks = fault.write(tmp_path, *cell)
    for indices in ({}, INDICES):
        with pytest.raises(ValueError, match=fault.message) as error:
            read(stack, masks, **indices, axes=fault.axes, pixel_size=fault.pixel_size)
        assert str(stack) in str(error.value)


@pytest.mark.parametrize("name", FAULTS)
def test_bad_cells_of_a_manifest_are_refused_by_name(tmp_path, cell, name):
    fault = FAULTS[name]
    stack, masks = fault.write(tmp_path, *cell)
    scale = str(list(fault.pixel_size)) if fault.pixel_size else ""
    manifest = write_manifest(tmp_path, [("cell 7", "tom20", stack.name, masks.name, NAME_DICT, scale)])
    with pytest.raises(ValueError, match=f"(?s)CellId cell 7, .*{fault.of_names or fault.message}") as error:
        inputs.read_inputs([manifest], MODEL, inputs.Reading(axes=fault.axes))
    assert str(stack) in str(error.value)


def test_a_stack_beyond_the_memory_is_named(tmp_path, cell, monkeypatch):
    def fail(*_):
        raise MemoryError("Unable to allocate 90 GiB")

    monkeypatch.setattr("icell_tf.imaging.frame.preprocess.align", fail)
    stack, masks = write(tmp_path / "a.ome.tif", cell[0], NAMES), write(tmp_path / "m.ome.tif", cell[1], MASKS)
    manifest = write_manifest(tmp_path, [("cell 7", "tom20", stack.name, masks.name, NAME_DICT, "")])
    for path, masks_of in ((stack, (str(masks),)), (manifest, ())):
        sentence = r"a\.ome\.tif: the stack needs more memory than there is \(Unable to allocate 90 GiB\): crop it"
        with pytest.raises(ValueError, match=sentence):
            inputs.read_inputs([path], MODEL, inputs.Reading(masks_of))


@pytest.mark.parametrize("masks", [(), ("m.ome.tif",), (inputs.AUTO,)])
def test_a_folder_that_is_neither_a_stack_nor_prepared_is_named(tmp_path, cell, monkeypatch, masks):
    """As an OME-Zarr whose hidden files were not copied; the number of masks would be right if it were one."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "m.ome.tif", cell[1], MASKS)
    (tmp_path / "a.ome.zarr" / "0").mkdir(parents=True)
    with pytest.raises(ValueError, match="a.ome.zarr: the folder is no prepared data set, .*; and no stack: it is no"):
        inputs.read_inputs(["a.ome.zarr"], MODEL, inputs.Reading(masks))


def test_masks_that_name_their_own_axes_keep_them_where_the_images_are_wrong(tmp_path, cell):
    """A time axis that is z in the image, and not in the masks: the one flag holds for the image."""
    stack, masks = FAULTS["time points"].write(tmp_path, *cell)
    found = read(stack, masks, axes="ZCYX", pixel_size=SCALE)
    expected = preprocess(cell[0], *cell[1], SCALE, Frame(SPEC.shape, SPEC.pixel_size)).image
    np.testing.assert_array_equal(found.image, expected)


class Copies:
    """A model that predicts the nucleus as every structure."""

    spec, structures, known = SPEC, SPEC.structures, None

    def integrate(self, x_r):
        return {"structures": np.repeat(x_r[..., 1:], len(self.structures), axis=-1)}

    def draw(self, x_r, count, seed=0):
        return iter(())

    def classify(self, x_rs):
        return {"probabilities": np.full((len(x_rs), len(self.structures)), 0.5)}


def test_the_original_frame_of_a_volume_is_the_stacks(tmp_path, cell):
    """Turned back and scaled back, voxel by voxel; also where the stack lies the other way round."""
    channels, masks = cell
    turned = channels[..., ::-1, :].swapaxes(2, 3), masks[..., ::-1, :].swapaxes(2, 3)
    for i, (data, inside) in enumerate((cell, turned)):
        stack, of_masks = write(tmp_path / f"{i}.ome.tif", data, NAMES), write(tmp_path / f"m{i}.tif", inside, MASKS)
        given = read(stack, of_masks)
        outputs.integrate_cells(Copies(), [given], tmp_path / f"out-{i}", outputs.Settings(original_frame=True))
        found = read_stack(tmp_path / f"out-{i}" / f"{i}.ome.tif")
        assert found.shape[1:] == data.shape[1:] and found.scale == SCALE and found.source.axes == "ZCYX"
        within = ndimage.binary_erosion(inside[0], iterations=3)  # voxels at the rim are of the outside, too
        names = ("membrane", "nucleus", "tom20", "observed structure")
        for name, channel in zip(names, (0, 1, 1, 2), strict=True):
            signal, restored = np.where(inside[0], data[channel] - 100.0, 0), found.channel(name)
            assert np.corrcoef(restored.ravel(), signal.ravel())[0, 1] > 0.92, name
            if channel != 1:  # the nucleus is 0 in most of it
                assert np.corrcoef(restored[within], signal[within])[0, 1] > 0.9, name
            middles = [ndimage.center_of_mass(np.clip(image, 0, None)) for image in (restored, signal)]
            np.testing.assert_allclose(*middles, atol=0.3)
