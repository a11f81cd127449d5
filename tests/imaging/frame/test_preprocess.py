"""Preprocessing: what each step does to numbers worked out by hand, and what must not change a cell's picture."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from icell_tf.imaging.frame import preprocess as pp
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.manifest.manifest import read_manifest
from icell_tf.imaging.read import read_stack
from icell_tf.spec import Preparation

FRAME = Frame((64, 64), (1.0, 1.0))


@dataclasses.dataclass
class Cell:
    channels: np.ndarray
    cell_mask: np.ndarray
    nucleus_mask: np.ndarray
    scale: tuple

    def preprocess(self, frame=FRAME, **changes):
        return pp.preprocess(self.channels, self.cell_mask, self.nucleus_mask, self.scale, frame, **changes)


def make_cell(angle=0.3, mirror=1, shift=(0.0, 0.0), scale=(1.0, 0.5, 0.5), size=40.0):
    """A wedge-shaped cell, analytically, at any angle and resolution: a tail to one side and a bulge to another."""
    shape = [round(6 / scale[0]), round(size / scale[1]), round(size / scale[2])]
    places = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, scale, strict=True)]
    z, y, x = np.meshgrid(*places, indexing="ij", sparse=True)
    y, x = y - shift[0], (x - shift[1]) * mirror
    u = np.cos(angle) * x + np.sin(angle) * y
    v = -np.sin(angle) * x + np.cos(angle) * y
    width = np.where(u < 0, 5.0, 5.0 * (1 - u / 14))
    roof = np.sqrt(np.clip(1 - (z / 3.5) ** 2, 0, None))
    bulge = (u + 3) ** 2 + (v - 4) ** 2 < 30 * roof
    cell = (u > -8) & (u < 13) & (v > -0.9 * width * roof) & ((v < 0.6 * width * roof) | bulge)
    nucleus = (((u + 2) / 4) ** 2 + (v / 2.5) ** 2 + (z / 2.5) ** 2) < 1
    membrane = 0.3 + 0.7 * np.exp(-(((u - 5) / 4) ** 2) - ((v - 1) / 3) ** 2) + 0 * z
    structure = np.exp(-(((u - 3) / 3) ** 2) - ((v - 1) / 2) ** 2) + 0.6 * np.exp(-(((u + 5) / 2) ** 2) - (v / 3) ** 2)
    planes = [membrane * cell, nucleus * (0.5 + 0.5 * np.cos(u / 6)), structure * cell * np.exp(-(z**2) / 8)]
    channels = np.stack([np.broadcast_to(100 + np.rint(1000 * plane), cell.shape) for plane in planes])
    return Cell(channels.astype(np.uint16), cell, nucleus & cell, scale)


def correlations(a, b):
    return [np.corrcoef(a[..., c].ravel(), b[..., c].ravel())[0, 1] for c in range(a.shape[-1])]


@pytest.mark.parametrize(("channel", "mask", "values"), [(0, "cell_mask", (7, 0)), (1, "nucleus_mask", (40, 10))])
def test_segmentation_channel_is_left_as_it_is(channel, mask, values):
    cell = make_cell()
    mask = getattr(cell, mask)
    cell.channels[channel] = np.where(mask, *values)
    result = cell.preprocess()
    assert [low for low, _ in result.ranges] == [values[1] if c == channel else 100.0 for c in range(3)]
    expected = result.transform.apply(mask.any(axis=0))
    np.testing.assert_allclose(result.image[..., channel], 255 * expected, atol=0.51)


@pytest.mark.parametrize("angle", np.linspace(0, 2 * np.pi, 9)[:-1] + 0.1)
@pytest.mark.parametrize("mirror", [1, -1])
def test_pose_is_canonical(angle, mirror):
    cell = make_cell(angle, mirror)
    transform = cell.preprocess().transform
    outline, nucleus = transform.apply(np.stack([cell.cell_mask.any(axis=0), cell.nucleus_mask.any(axis=0)]))
    y, x = np.mgrid[:64, :64]
    total = outline.sum()
    dy, dx = y - (y * outline).sum() / total, x - (x * outline).sum() / total
    moments = {(i, j): (dy**i * dx**j * outline).sum() / total for i in range(4) for j in range(4)}
    assert moments[0, 2] > 2 * moments[2, 0]  # the major axis is horizontal
    assert abs(moments[1, 1]) < 0.03 * moments[0, 2]
    assert moments[0, 3] > 0 and moments[3, 0] > 0
    for axis in (y, x):
        assert (axis * nucleus).sum() / nucleus.sum() == pytest.approx(31.5, abs=0.05)


def test_quarter_turns_and_mirroring_of_the_stack_change_nothing():
    cell = make_cell()
    base = cell.preprocess().image.astype(int)
    for change in (lambda a: np.rot90(a, axes=(-2, -1)), lambda a: a[..., ::-1], lambda a: a[..., ::-1, :]):
        turned = Cell(change(cell.channels), change(cell.cell_mask), change(cell.nucleus_mask), cell.scale)
        assert np.abs(turned.preprocess().image - base).max() <= 1


def test_restore_undoes_apply():
    transform = make_cell(scale=(1.0, 0.9, 0.9), size=50.0).preprocess().transform
    y, x = np.mgrid[: transform.source_shape[0], : transform.source_shape[1]]
    planes = np.stack([np.exp(-((y - 25) ** 2 + (x - 30) ** 2) / 50), np.exp(-((y - 32) ** 2 + (x - 24) ** 2) / 30)])
    restored = transform.restore(transform.apply(planes))
    assert restored.shape == planes.shape and restored.dtype == np.float32
    np.testing.assert_allclose(restored, planes, atol=0.05)


def test_restored_image_lies_on_the_stack():
    cell = make_cell(angle=2.2, mirror=-1)
    result = cell.preprocess()
    restored = result.transform.restore(np.moveaxis(result.image, -1, 0) / 255)
    projected = (cell.channels.astype(float) - 100).clip(0).max(axis=1)
    assert min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(restored, projected, strict=True)) > 0.95


def test_brightest_voxel_of_a_large_flat_region_becomes_255():
    cell = make_cell()
    cell.channels[2] = np.where(cell.cell_mask, 500, 100)
    cell.channels[2, 0, 0, 0] = 99  # so that it is not a segmentation
    assert cell.preprocess().image[..., 2].max() == 255


def test_two_channels_and_single_planes_will_do():
    cell = make_cell()
    outline, nucleus = cell.cell_mask.any(axis=0), cell.nucleus_mask.any(axis=0)
    plane = Cell(cell.channels[:2].max(axis=1, keepdims=True), outline, nucleus, (1, 0.5, 0.5))
    assert plane.preprocess().image.shape == (64, 64, 2)
    flat = Cell(cell.channels, cell.cell_mask.any(axis=0, keepdims=True), cell.nucleus_mask.any(axis=0), cell.scale)
    assert flat.preprocess().image.shape == (64, 64, 3)


def test_cell_larger_than_the_frame_is_refused():
    with pytest.raises(ValueError, match=r"reaches 1\d\.\d µm along.*16 px at 0.5.*larger image_size.*--config"):
        make_cell().preprocess(Frame((16, 16), (0.5, 0.5)))


def spoil_voxel(name, value, dtype=np.float32):
    """A change of one voxel, outside the cell, of a channel (by number) or a mask (by name)."""

    def spoil(cell):
        if isinstance(name, str):
            array = getattr(cell, name).astype(dtype)
            array[0, 0, 0] = value
            setattr(cell, name, array)
        else:
            cell.channels = cell.channels.astype(dtype)
            cell.channels[name, 0, 0, 0] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda cell: setattr(cell, "cell_mask", cell.cell_mask & False), "the cell mask is empty"),
        (lambda cell: setattr(cell, "nucleus_mask", cell.nucleus_mask & False), "the nucleus mask is empty"),
        (lambda cell: setattr(cell, "nucleus_mask", cell.nucleus_mask[:, 1:]), "nucleus mask has the shape"),
        (lambda cell: setattr(cell, "cell_mask", cell.cell_mask[:2]), r"cell mask has the shape \(2, 80, 80\)"),
        (
            lambda cell: setattr(cell, "nucleus_mask", np.indices(cell.cell_mask.shape).max(axis=0) < 4),
            "nucleus mask lies outside the cell mask",
        ),
        (lambda cell: setattr(cell, "cell_mask", cell.cell_mask | True), "cell mask fills the whole stack"),
        (lambda cell: setattr(cell, "cell_mask", cell.cell_mask.astype(str)), "a cell mask of bools or numbers"),
        (spoil_voxel("cell_mask", -1, np.int16), "cell mask has negative values, down to -1"),
        (spoil_voxel("nucleus_mask", np.nan), "nucleus mask .*infinite"),
        (spoil_voxel("nucleus_mask", np.inf), "nucleus mask .*infinite"),
        (
            lambda cell: setattr(cell, "channels", np.where(cell.cell_mask, np.nan, cell.channels)),
            "membrane channel has infinite intensities, or NaN within the cell",
        ),
        (spoil_voxel(1, np.inf), "nucleus channel has infinite"),
        (spoil_voxel(2, -np.inf), "structure channel has infinite"),
        (lambda cell: setattr(cell, "cell_mask", ~cell.cell_mask), "inverted"),
        (lambda cell: setattr(cell, "nucleus_mask", cell.cell_mask), "same as the cell mask"),
        (lambda cell: setattr(cell, "cell_mask", cell.cell_mask + 1), "cell mask has several values beside 0: 1, 2"),
        (lambda cell: setattr(cell, "channels", cell.channels[:1]), "found 1 of shape"),
        (lambda cell: setattr(cell, "channels", cell.channels[:, :0]), "found 3 of shape"),
        (lambda cell: setattr(cell, "channels", cell.channels * 1j), "found complex128 in the membrane channel"),
        (lambda cell: setattr(cell, "scale", (1, 0, 1)), "positive µm"),
        (lambda cell: setattr(cell, "scale", (1, 0.5, -0.5)), "positive µm"),
        (lambda cell: setattr(cell, "scale", (1, np.nan, np.nan)), "positive µm"),
        (lambda cell: setattr(cell, "scale", (1e-6,) * 3), "reaches only .* µm: check --pixel_size"),
        (lambda cell: setattr(cell, "scale", (1, 0.5, 1e-9)), "pixels are 0.5 µm high and 1e-09 µm wide"),
        (lambda cell: setattr(cell, "scale", (1, 1e300, 1e300)), "pixels are 1e.300 µm high"),
        (
            lambda cell: cell.__dict__.update(cell_mask=cell.nucleus_mask, nucleus_mask=cell.cell_mask),
            "nucleus mask is larger.*name_dict.*--segmentation_channels",
        ),
        (lambda cell: setattr(cell, "scale", (1, 5, 5)), "reaches .* µm along .* larger image_size"),
        (lambda cell: cell.channels[2].fill(0), "structure channel is empty: .*is 0; .* 0"),
        (lambda cell: cell.channels[1].fill(3), "nucleus channel is empty: .*is 3; .* 3"),
        (
            lambda cell: cell.channels.__setitem__((0, cell.cell_mask), 99),  # constant inside, and darker than outside
            "membrane channel is empty: .*is 100; .* 99",
        ),
    ],
)
def test_bad_cells_are_refused_by_name(spoil, message):
    cell = make_cell()
    cell.channels[:, :, 1] = 101  # so that no channel is a segmentation
    spoil(cell)
    with pytest.raises(ValueError, match=message):
        cell.preprocess()


def test_a_cell_in_pieces_is_reported_and_a_nucleus_of_others_refused():
    """A mask of two cells with one value; the daughters of a dividing cell look alike."""
    cell = make_cell()
    assert cell.preprocess().guesses == ()
    cell.cell_mask = cell.cell_mask & (np.abs(np.arange(80) - 38) > 2)
    assert "the cell mask is in 2 pieces, the largest" in cell.preprocess().guesses[0]
    cell.nucleus_mask = make_cell().nucleus_mask | ((np.indices((80, 80))[0] > 75) & (np.arange(80) > 5))
    with pytest.raises(pp.MaskError, match=r"only \d+% of the nucleus mask lies within the cell mask: .* no other"):
        cell.preprocess()


def test_alignment_none_only_centres_the_cell():
    cell = make_cell(angle=2.0, mirror=-1, scale=(1.0, 0.5, 0.5))
    frame = Frame((96, 96), (0.5, 0.5))
    result = cell.preprocess(frame, preparation=Preparation(alignment="none"))
    np.testing.assert_array_equal(result.transform.matrix[:, :2], np.eye(2))
    assert result.pose == cell.preprocess(frame).pose  # measured all the same
    for axis, indices in enumerate(np.nonzero(cell.nucleus_mask.any(axis=0))):
        assert result.transform.matrix[axis, 2] == pytest.approx(indices.mean() - 47.5)
    aligned, turned = (make_cell(angle, size=44.0).preprocess(preparation=Preparation("none")) for angle in (0, 1.5))
    assert min(correlations(aligned.image, turned.image)) < 0.9


def test_normalization_by_percentile_is_not_darkened_by_a_speck():
    cell = make_cell(scale=(1.0, 0.2, 0.2))
    usual = cell.preprocess().image.astype(int)[..., 2]
    z, y, x = (indices[100] for indices in np.nonzero(cell.nucleus_mask))
    cell.channels[2, z, y, x] = 60000
    assert cell.preprocess().image[..., 2][usual > 100].max() < 10
    steady = cell.preprocess(preparation=Preparation(normalization="percentile"))
    differences = np.abs(steady.image[..., 2].astype(int) - usual)
    assert np.mean(differences[usual > 0] <= 5) > 0.95
    plane = cell.channels[2].max(axis=0)[cell.cell_mask.any(axis=0)]
    assert steady.ranges[2] == (100.0, pytest.approx(np.percentile(plane, 99.9)))


def test_normalization_by_percentile_keeps_a_speck_that_is_all_there_is():
    cell = make_cell(scale=(1.0, 0.2, 0.2))
    cell.channels[2] = 100
    z, y, x = (indices[100] for indices in np.nonzero(cell.nucleus_mask))
    cell.channels[2, z, y, x] = 160
    cell.channels[2, 0, 0, 0] = 99
    result = cell.preprocess(preparation=Preparation(normalization="percentile"))
    assert result.ranges[2] == (100.0, 160.0)


def test_another_version_is_refused():
    pp.check_version(Preparation())
    with pytest.raises(ValueError, match="version 99 .*version 2"):
        pp.check_version(Preparation(version=99))


def test_real_cells_survive_shifts_and_turns(real_data):
    """HeLa cells at 1 µm: a shift of the whole stack changes nothing, one by a fraction of a frame's pixel little."""
    cells = read_manifest(real_data / "hela3d" / "manifest.csv")
    assert len(cells) == 151
    for row in cells[::15]:
        data = read_stack(row.raw).data
        data[:2] = np.where(data[:2] > 127, 255, 0)  # its masks have soft edges
        cell = Cell(data, data[0], data[1], row.scale)
        base = cell.preprocess()
        padded = np.pad(data, [(0, 0), (0, 0), (2, 9), (7, 1)])
        shifted = Cell(padded, padded[0], padded[1], row.scale).preprocess()
        assert np.abs(shifted.image.astype(int) - base.image).max() <= 1
        step = 2 * 0.196  # two source pixels, in px of the frame
        matrix = base.transform.matrix + base.transform.matrix[:, :2] @ np.array([[0, 0, 0], [0, 0, step]])
        planes = data.max(axis=1) / data.max(axis=(1, 2, 3))[:, None, None]
        moved = dataclasses.replace(base.transform, matrix=matrix).apply(planes)
        back = ndimage.shift(moved, (0, 0, step), order=1)
        for a, b in zip(back, base.transform.apply(planes), strict=True):
            assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.98
        turned = ndimage.rotate(data, 37, axes=(-2, -1), order=1)
        turned[:2] = np.where(turned[:2] > 127, 255, 0)
        turned = Cell(turned, turned[0], turned[1], row.scale).preprocess()
        assert min(correlations(turned.image, base.image)) > 0.97
