import csv
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.masks import Choices
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.read.channels import CHANNEL_ROLES, parse_channels
from icell_tf.inference import inputs
from icell_tf.spec import CellSpec, Preparation

SPEC = CellSpec("YX", (32, 32), (1.0, 1.0), ("tom20", "zo1"))
MODEL = SimpleNamespace(spec=SPEC)
SCALE = (0.5, 0.4, 0.4)


def cell_stack(seed=0):
    """Channels (3, Z, Y, X) uint16 and masks (2, Z, Y, X) bool of an ellipsoid cell with its nucleus off its centre."""
    z, y, x = np.meshgrid(np.arange(6), np.arange(50), np.arange(60), indexing="ij")
    cell = ((z - 2.5) / 3) ** 2 + ((y - 25) / 14) ** 2 + ((x - 30) / 22) ** 2 < 1
    nucleus = ((z - 2.5) / 2) ** 2 + ((y - 26) / 5) ** 2 + ((x - 36) / 7) ** 2 < 1
    spots = cell & (np.random.default_rng(seed).random(cell.shape) < 0.02)
    rng = np.random.default_rng(seed + 1)
    noise = rng.integers(95, 105, (3, *cell.shape))
    return (noise + np.stack([400 * cell, 300 * nucleus, 900 * spots])).astype(np.uint16), np.stack([cell, nucleus])


def write(path, array, names=None, scale=SCALE):
    metadata = {"axes": "CZYX"}
    if names:
        metadata["Channel"] = {"Name": list(names)}
    if scale:
        metadata |= {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", scale, strict=True)}
        metadata |= {f"PhysicalSize{axis}Unit": "µm" for axis in "ZYX"}
    tifffile.imwrite(path, array, ome=True, photometric="minisblack", metadata=metadata)
    return path


COLUMNS = ("CellId", "structure_name", "crop_raw", "crop_seg", "name_dict", "scale_micron")
CHANNELS = "{'crop_raw': ['membrane', 'dna', 'structure'], 'crop_seg': ['cell', 'nucleus']}"


def write_manifest(folder, rows, columns=COLUMNS):
    with open(folder / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return folder / "manifest.csv"


@pytest.fixture
def files(tmp_path):
    channels, masks = cell_stack()
    stack = write(tmp_path / "cell 1.ome.tif", channels, ("Membrane", "DNA", "GFP"))
    masks = write(tmp_path / "masks.ome.tif", masks.astype(np.uint8) * 255, ("cell", "nucleus"))
    return SimpleNamespace(stack=stack, masks=masks, folder=tmp_path)


def expected_image(count=3):
    channels, masks = cell_stack()
    return preprocess(channels[:count], *masks, SCALE, Frame(SPEC.shape, SPEC.pixel_size)).image


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float16", ">f8"])
def test_arrays_of_any_type(files, dtype):
    channels, masks = cell_stack()
    np.save(files.folder / "cell.npy", channels.astype(dtype))
    np.savez(files.folder / "masks.npz", masks)
    numbers = {"membrane": 0, "nucleus": 1, "structure": 2}, {"cell": 0, "nucleus": 1}
    reading = inputs.Reading((str(files.folder / "masks.npz"),), *numbers, pixel_size=SCALE, axes="CZYX")
    (cell,) = inputs.read_inputs([files.folder / "cell.npy"], MODEL, reading)
    np.testing.assert_array_equal(cell.image, expected_image())
    manifest = write_manifest(files.folder, [("7", "tom20", "cell.npy", "masks.npz", CHANNELS, str(list(SCALE)))])
    (cell,) = inputs.read_inputs([manifest], MODEL, inputs.Reading(axes="CZYX"))
    np.testing.assert_array_equal(cell.image, expected_image())


def test_folder_of_planes(files):
    (files.folder / "planes").mkdir()
    for c, z in np.ndindex(3, 6):
        Image.fromarray(cell_stack()[0][c, z]).save(files.folder / "planes" / f"cell_{CHANNEL_ROLES[c]}_{z:04d}.png")
    reading = inputs.Reading((str(files.masks),), pixel_size=SCALE)
    (cell,) = inputs.read_inputs([files.folder / "planes"], MODEL, reading)
    assert cell.name == "planes"
    np.testing.assert_array_equal(cell.image, expected_image())


def test_stack_with_named_channels(files):
    (cell,) = inputs.read_inputs([files.stack], MODEL, inputs.Reading(segmentation=(str(files.masks),)))
    assert cell.name == "cell_1" and cell.source == str(files.stack) and cell.structure is None
    np.testing.assert_array_equal(cell.image, expected_image())
    assert cell.transform.source_shape == (50, 60) and cell.transform.source_scale == SCALE[1:]


def test_masks_are_found_in_stacks_that_are_0_outside_their_cell(files):
    channels, masks = cell_stack()
    cut_out = write(files.folder / "cut.tiff", channels * masks[0], ("membrane", "dna", "gfp"), SCALE)
    reading = inputs.Reading(segmentation=(inputs.AUTO,))
    (cell,) = inputs.read_inputs([cut_out], MODEL, reading)
    assert cell.name == "cut" and cell.files == (str(cut_out),)
    assert np.corrcoef(cell.image[..., 0].ravel(), expected_image()[..., 0].ravel())[0, 1] > 0.95
    with pytest.raises(ValueError, match="cell 1.ome.tif: "):
        inputs.read_inputs([files.stack], MODEL, reading)


@pytest.mark.parametrize("channels, count", [("membrane:0,nucleus:1", 2), ("nucleus:DNA,membrane:0,structure:GFP", 3)])
def test_channels_by_name_or_number(files, channels, count):
    channels = parse_channels(channels, CHANNEL_ROLES, "--channels")
    reading = inputs.Reading(segmentation=(str(files.masks),), channels=channels)
    (cell,) = inputs.read_inputs([files.stack], MODEL, reading)
    np.testing.assert_array_equal(cell.image, expected_image(count))


def test_single_plane_without_z_and_explicit_pixel_size(tmp_path):
    channels, masks = cell_stack()
    plane = np.concatenate([channels[:2].max(axis=1), masks.max(axis=1).astype(np.uint16)])
    path = tmp_path / "plane.tif"
    tifffile.imwrite(path, plane, photometric="minisblack")
    numbers = {"membrane": 0, "nucleus": 1}, {"cell": 2, "nucleus": 3}
    reading = inputs.Reading((str(path),), *numbers, axes="CYX")
    with pytest.raises(ValueError, match="--pixel_size"):
        inputs.read_inputs([path], MODEL, reading)
    reading = inputs.replace(reading, pixel_size=(0.4,))
    (cell,) = inputs.read_inputs([path], MODEL, reading)
    assert cell.image.shape == (32, 32, 2) and cell.image.max() > 200


def test_manifest(files):
    cell = ("TOMM20", files.stack.name, files.masks.name, CHANNELS, list(SCALE))
    manifest = write_manifest(files.folder, [(cell_id, *cell) for cell_id in ("a/b", "A b", "c")])
    cells = inputs.read_inputs([manifest], MODEL)
    assert [cell.name for cell in cells] == ["a_b", "A_b-2", "c"]  # differ where upper and lower case are one
    assert {cell.structure for cell in cells} == {"tom20"}
    for cell in cells:
        np.testing.assert_array_equal(cell.image, expected_image())
        assert cell.files == (str(manifest), str(files.stack), str(files.masks))
    assert len(inputs.read_inputs([manifest], MODEL, first := inputs.Reading(limit=2))) == 2
    assert inputs.known_names([manifest, files.stack, files.folder / "no"], first) == ["a_b", "A_b-2", "cell_1"]


def test_bad_cells_of_a_manifest_and_guessed_axes(files, capsys):
    tifffile.imwrite(files.folder / "bare.tif", cell_stack()[0], photometric="minisblack")
    (files.folder / "damaged.tif").write_bytes(files.stack.read_bytes()[:300])

    def read(*raws):
        cell = files.masks.name, CHANNELS, list(SCALE)
        manifest = write_manifest(files.folder, [(f"c{i}", "tom20", raw, *cell) for i, raw in enumerate(raws)])
        return inputs.read_inputs([manifest], MODEL, reading)

    reading = inputs.Reading()
    assert len(read("bare.tif", "bare.tif")) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert "bare.tif: " in line and "CZYX" in line
    with pytest.raises(ValueError, match="CellId c1, .*damaged.tif: ") as error:
        read(files.stack.name, "damaged.tif")
    assert str(error.value).count("damaged.tif") == 1
    with pytest.raises(ValueError, match=r"(?s)2 cells .*--on_bad_cell=skip.*\bc0\b.*\bc2\b"):
        read("damaged.tif", files.stack.name, "damaged.tif")
    reading = inputs.Reading(on_bad_cell="skip")
    assert [cell.name for cell in read("damaged.tif", files.stack.name)] == ["c1"]
    assert "set aside: CellId c0, " in capsys.readouterr().out
    with pytest.raises(ValueError, match="1 cell can") as error:
        read("damaged.tif")
    assert "--on_bad_cell" not in str(error.value)
    assert [cell.name for cell in read("gone.tif", files.stack.name)] == ["c1"]
    assert "set aside: CellId c0, " in (out := capsys.readouterr().out) and "gone.tif: there is no such file" in out
    assert inputs.known_names([files.folder / "manifest.csv"], reading) == ["c1"]
    with pytest.raises(ValueError, match="1 cell can.*(?s:.)*gone.tif"):
        read("gone.tif")


def test_manifest_of_cells_without_a_structure(files):
    path = write(files.folder / "two.ome.tif", cell_stack()[0][:2])
    row = ("c", path.name, files.masks.name, CHANNELS.replace(", 'structure'", ""))
    manifest = write_manifest(files.folder, [row], ("CellId", "crop_raw", "crop_seg", "name_dict"))
    (cell,) = inputs.read_inputs([manifest], MODEL)
    assert cell.structure is None
    np.testing.assert_array_equal(cell.image, expected_image(2))


def prepared(monkeypatch, folder, **other):
    """Stands in for a data set of three cells in two batches, at `folder`."""
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    spec = dataclasses.replace(SPEC, **other)

    def examples(split, batch_size):
        assert split == "validation"
        for rows in ([0, 1], [2]):
            ids = [f"cell/{i}".encode() for i in rows]
            yield {"cell_id": ids, "image": images[rows], "structure": np.array(rows) % 2}

    monkeypatch.setattr(inputs, "PreparedCells", lambda path: SimpleNamespace(spec=spec, examples=examples))
    folder.mkdir()
    (folder / "dataset_info.json").touch()
    return images


def test_prepared_cells(tmp_path, monkeypatch):
    images = prepared(monkeypatch, tmp_path / "data")
    cells = inputs.read_inputs([tmp_path / "data"], MODEL, inputs.Reading(split="validation"))
    assert [cell.name for cell in cells] == ["cell_0", "cell_1", "cell_2"]
    assert [cell.structure for cell in cells] == ["tom20", "zo1", "tom20"]
    np.testing.assert_array_equal([cell.image for cell in cells], images)
    assert {cell.transform for cell in cells} == {None}
    assert len(inputs.read_inputs([tmp_path / "data"], MODEL, inputs.Reading(split="validation", limit=1))) == 1


@pytest.mark.parametrize(
    "found",
    [
        {"shape": (64, 32)},
        {"pixel_size": (1.0, 0.9)},
        {"preparation": Preparation("none")},
        {"axes": "ZYX", "shape": (8, 32, 32), "pixel_size": (1.0, 1.0, 1.0)},
    ],
)
def test_cells_prepared_otherwise_are_refused(tmp_path, monkeypatch, found):
    prepared(monkeypatch, tmp_path / "data", **found)
    other = dataclasses.replace(SPEC, **found)
    with pytest.raises(ValueError, match=f"its cells have {other}, but the model takes {SPEC} .*{[*found][-1]} are"):
        inputs.read_inputs([tmp_path / "data"], MODEL)


def test_pixel_sizes_that_are_equal_but_for_rounding_are_accepted(tmp_path, monkeypatch):
    prepared(monkeypatch, tmp_path / "data", pixel_size=(1.0, 1.0001))
    assert len(inputs.read_inputs([tmp_path / "data"], MODEL, inputs.Reading(split="validation"))) == 3


def test_cells_of_another_preprocessing_are_refused(files):
    model = SimpleNamespace(spec=dataclasses.replace(SPEC, preparation=Preparation(version=0)))
    with pytest.raises(ValueError, match=r"version 0 .*version \d"):
        inputs.read_inputs([files.stack], model, inputs.Reading(segmentation=(str(files.masks),)))


def test_bad_inputs_name_the_file_and_the_flag(files):
    def read(*paths, model=MODEL, segmentation=(), **options):
        inputs.read_inputs(paths, model, inputs.Reading(tuple(map(str, segmentation)), **options))

    masks = [files.masks]
    with pytest.raises(FileNotFoundError, match="absent.tif"):
        read(files.stack, files.folder / "absent.tif", segmentation=masks)
    with pytest.raises(FileNotFoundError, match="absent.tif"):
        read(files.stack, segmentation=[files.folder / "absent.tif"])
    with pytest.raises(ValueError, match="--segmentation .* 0 files for 1 stack:"):
        read(files.stack)
    with pytest.raises(ValueError, match="cell 1.*--segmentation_channels"):
        read(files.stack, segmentation=masks, segmentation_channels={"cell": "nucleus", "nucleus": "cell"})
    with pytest.raises(ValueError, match="cell 1.*'nothing'"):
        read(files.stack, segmentation=masks, channels={"membrane": "nothing", "nucleus": 1})
    unnamed = write(files.folder / "unnamed.ome.tif", cell_stack()[0])
    with pytest.raises(ValueError, match="unnamed.*--channels=membrane:0,nucleus:1"):
        read(unnamed, segmentation=masks)
    with pytest.raises(ValueError, match="cell 1.*32 px"):
        read(
            files.stack,
            segmentation=masks,
            model=SimpleNamespace(spec=dataclasses.replace(SPEC, pixel_size=(0.1, 0.1))),
        )
    with pytest.raises(ValueError, match="dataset_info.json"):
        read(files.folder)


def two_cells():
    """Channels (3, Z, Y, X) and labels (2, Z, Y, X) of two cells: one has 1 and 3, the other 2 and 4."""
    (first, masks), (second, _) = cell_stack(0), cell_stack(4)
    labels = np.concatenate([masks * np.array([n, n + 2])[:, None, None, None] for n in (1, 2)], axis=-1)
    return np.concatenate([first, second], axis=-1), labels.astype(np.uint8)


def test_one_of_several_labels_is_chosen(tmp_path):
    channels, labels = two_cells()
    stack = write(tmp_path / "two.ome.tif", channels, ("Membrane", "DNA", "GFP"))
    masks = write(tmp_path / "labels.ome.tif", labels, ("cell", "nucleus"))
    model = SimpleNamespace(spec=dataclasses.replace(SPEC, shape=(64, 64)))
    frame = Frame((64, 64), SPEC.pixel_size)
    with pytest.raises(ValueError, match=r"two.ome.tif: .*labels.ome.tif: the cell mask has several values .* 1, 2\."):
        inputs.read_inputs([stack], model, inputs.Reading((str(masks),)))
    expected = preprocess(channels, labels[0] == 2, labels[1] == 4, SCALE, frame).image
    choices = Choices({"cell": 2, "nucleus": 4})
    (cell,) = inputs.read_inputs([stack], model, inputs.Reading((str(masks),), choices=choices))
    np.testing.assert_array_equal(cell.image, expected)
    columns = (*COLUMNS, "mask_label")
    rows = [("a", "tom20", stack.name, masks.name, CHANNELS, list(SCALE), text) for text in ("cell:2,nucleus:4", "")]
    with pytest.raises(ValueError, match="CellId a, .*labels.ome.tif: the cell mask has several values"):
        inputs.read_inputs([write_manifest(tmp_path, rows[1:], columns)], model)
    (cell,) = inputs.read_inputs([write_manifest(tmp_path, rows[:1], columns)], model)
    np.testing.assert_array_equal(cell.image, expected)
    rows[0] = (*rows[0][:-1], "two")
    with pytest.raises(ValueError, match="column mask_label is 'two', but must look"):
        inputs.read_inputs([write_manifest(tmp_path, rows[:1], columns)], model)


def test_pixels_without_data_are_reported(files, capsys):
    channels, _ = cell_stack()
    channels[:, :, :5] = 0
    padded = write(files.folder / "padded.ome.tif", channels, ("Membrane", "DNA", "GFP"))
    (cell,) = inputs.read_inputs([padded], MODEL, inputs.Reading((str(files.masks),)))
    assert np.abs(cell.image.astype(int) - expected_image()).max() <= 3
    assert (
        "padded.ome.tif: about 10 % of the membrane, nucleus, structure image holds no data" in capsys.readouterr().out
    )


def test_real_cell(real_data):
    path = real_data / "hela3d" / "LAM_cell01.ome.tif"
    numbers = {"membrane": 0, "nucleus": 1}, {"cell": 0, "nucleus": 1}
    model = SimpleNamespace(spec=dataclasses.replace(SPEC, shape=(64, 64)))
    with pytest.raises(ValueError, match="cell mask has several values .*--mask_threshold=cell:NUMBER"):
        inputs.read_inputs([path], model, inputs.Reading((str(path),), *numbers))
    soft = dict.fromkeys(("cell", "nucleus", "membrane"), 127)
    reading = inputs.Reading((str(path),), *numbers, choices=Choices({}, soft, soft))
    (cell,) = inputs.read_inputs([path], model, reading)
    membrane, nucleus = np.moveaxis(cell.image / 255, -1, 0)
    assert 200 < (membrane > 0.5).sum() < 2000  # µm², and the model's pixels are 1 µm
    assert (nucleus > 0.5).sum() < (membrane > 0.5).sum()
    assert abs((nucleus * np.arange(64)).sum() / nucleus.sum() - 31.5) < 0.7
