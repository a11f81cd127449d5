"""Simulated cells: equal for equal seeds, solids within solids, structures at their places."""

import numpy as np
import pytest
from scipy import ndimage

from icell_tf import simulate
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.simulate import PROGRAMS, draw_structure, expected_structure, signals_in_cell, simulate_cell
from icell_tf.simulate.microscope import Strands, blur, make_grid, rasterize
from icell_tf.simulate.shapes import MAX_REACH, sample_shape
from icell_tf.simulate.views import simulate_view
from icell_tf.structures import NAMES

PIXEL_SIZE = 0.6
INDEX = {name: y for y, name in enumerate(PROGRAMS)}
SEEDS = range(12)
A_FEW = [sample_shape(seed) for seed in range(4)]
# Of cell 1 with TOM20 in voxels of 1.08 µm, by SIMULATOR_VERSION 1.0.0: sums of its channels, voxels of its masks, and
# sums of each structure's expected localization.
SHAPE, SUMS, MASKS = (3, 9, 26, 19), (548_720, 493_010, 494_166), (819, 79)
EXPECTED = (39.585, 45.364, 46.761, 15.370, 6.803, 25.441, 20.338, 52.727, 33.374, 35.191)


@pytest.fixture(scope="module")
def cells():
    return [simulate_cell(seed, seed % len(PROGRAMS), PIXEL_SIZE) for seed in SEEDS]


def vertices(shape, name, draws=8):
    """The fluorophores of a few draws: (3, n) points in the cell frame."""
    strands = PROGRAMS[name](shape, draws, np.random.default_rng(0))
    points = []
    for path, weights in strands:
        starts = path[..., : max(path.shape[-1] - 1, 1)]
        points.append(starts[:, np.broadcast_to(weights > 0, starts.shape[1:])])
    return np.concatenate(points, axis=1)


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def test_programs_are_the_structures_in_order():
    assert tuple(PROGRAMS) == tuple(NAMES)


def test_a_cell_depends_on_its_arguments_alone(cells):
    again = simulate_cell(SEEDS[-1], SEEDS[-1] % len(PROGRAMS), PIXEL_SIZE)
    np.testing.assert_array_equal(again.channels, cells[-1].channels)
    np.testing.assert_array_equal(expected_structure(again, 3, 5), expected_structure(cells[-1], 3, 5))
    assert (expected_structure(again, 3, 5) != expected_structure(again, 3, 5, seed=1)).any()
    assert cells[0].cell_mask.shape != cells[1].cell_mask.shape or (cells[0].cell_mask != cells[1].cell_mask).any()


def test_the_cell_does_not_depend_on_its_structure(cells):
    cell = cells[0]
    for y in range(1, len(PROGRAMS)):
        other = simulate_cell(0, y, PIXEL_SIZE)
        np.testing.assert_array_equal(other.cell_mask, cell.cell_mask)
        np.testing.assert_array_equal(other.nucleus_mask, cell.nucleus_mask)
        np.testing.assert_array_equal(other.channels[:2], cell.channels[:2])
        assert correlation(other.channels[2], cell.channels[2]) < 0.99
        np.testing.assert_array_equal(expected_structure(other, 2, 3), expected_structure(cell, 2, 3))


def test_one_cell_has_one_pose_and_size_at_every_resolution():
    frames = [Frame((64, 64), (0.6, 0.6)), Frame((256, 256), (0.317, 0.317))]
    for seed in range(5):
        cells = [simulate_cell(seed, 0, frame.pixel_size[0]) for frame in frames]
        volumes = [cell.cell_mask.sum() * np.prod(cell.scale) for cell in cells]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.05)
        poses = []
        for cell, frame in zip(cells, frames, strict=True):
            linear = preprocess(cell.channels, cell.cell_mask, cell.nucleus_mask, cell.scale, frame).transform.matrix
            poses.append(linear[:, :2] * cell.scale[2] / frame.pixel_size[0])
        np.testing.assert_allclose(*poses, atol=0.1)


def test_stack_and_masks(cells):
    for cell in cells:
        assert cell.channels.dtype == np.uint16 and cell.channels.shape == (3, *cell.cell_mask.shape)
        assert cell.nucleus_mask.any() and not (cell.nucleus_mask & ~cell.cell_mask).any()
        for axis in range(3):
            present = np.flatnonzero(cell.cell_mask.any(tuple(i for i in range(3) if i != axis)))
            assert 0 < present[0] and present[-1] < cell.cell_mask.shape[axis] - 1
        assert 0.02 < cell.nucleus_mask.sum() / cell.cell_mask.sum() < 0.6


def test_cells_fit_the_frame_and_have_a_pose(cells):
    for seed in range(60):
        assert sample_shape(seed).cell_radius.max() <= MAX_REACH
    for cell in cells:
        points = np.stack(np.nonzero(cell.cell_mask.any(0))) * cell.scale[1]
        points = points - points.mean(1, keepdims=True)
        variances, axes = np.linalg.eigh(np.cov(points))
        assert np.sqrt(variances[1] / variances[0]) >= 1.1
        assert np.abs(((axes.T @ points) ** 3).mean(1) / variances**1.5).min() >= 0.05


def test_the_commonest_count_outside_the_cell_is_the_offset(cells):
    for cell in cells:
        for counts, offset in zip(cell.channels, cell.offsets, strict=True):
            assert np.bincount(counts[~cell.cell_mask]).argmax() == pytest.approx(offset, abs=6)


def test_brightness_does_not_tell_the_structure():
    def brightness(seed, y):
        cell = simulate_cell(seed, y, PIXEL_SIZE)
        return np.log(cell.channels[2][cell.cell_mask].max() - cell.offsets[2])

    values = np.array([[brightness(seed, y) for seed in range(10)] for y in range(len(PROGRAMS))])
    assert values.mean(1).std() < values.std(1).mean()


def test_place_and_locate_are_inverse():
    shape, rng = sample_shape(3), np.random.default_rng(0)
    angle, rho = rng.uniform(-3, 3, 500).astype(np.float32), rng.uniform(-0.9, 0.9, 500).astype(np.float32)
    sin = rng.uniform(-0.95, 0.95, 500).astype(np.float32)
    found = shape.locate(shape.place(angle, sin, rho))
    np.testing.assert_allclose(found[0], angle, atol=1e-3)
    np.testing.assert_allclose(found[1], sin, atol=1e-3)
    assert np.median(np.abs(found[2] - rho)) < 1e-3


def test_confine_moves_only_points_beyond_the_bounds():
    shape, rng = sample_shape(3), np.random.default_rng(0)
    points = rng.normal(0, 6, (3, 500)).astype(np.float32)
    moved = shape.confine(points, 0.1, 0.9)
    rho, after = shape.locate(points)[2], shape.locate(moved)[2]
    within = (rho > 0.1) & (rho < 0.9)
    assert within.any() and not within.all()
    np.testing.assert_allclose(moved[:, within], points[:, within], atol=1e-4)
    assert np.mean((after > 0.05) & (after < 0.95)) > 0.99


@pytest.mark.parametrize("name", PROGRAMS)
def test_structures_lie_inside_the_cell(name):
    for shape in A_FEW:
        x, y, z = vertices(shape, name)
        u = np.hypot(x, y) / shape.radius(np.arctan2(y, x))
        outside = (u > 1.05) | (z < -0.3) | (z > shape.top(np.minimum(u, 1)) + 0.4)
        assert outside.mean() < 0.05


@pytest.mark.parametrize("name", ["fibrillarin", "lamin-b1", "alpha-tubulin", "sec61-beta", "tom20"])
def test_nuclear_structures_lie_in_the_nucleus_and_cytoplasmic_ones_outside(name):
    for shape in A_FEW:
        rho = shape.locate(vertices(shape, name))[2]
        assert rho.max() < 0.02 if name in ("fibrillarin", "lamin-b1") else np.mean(rho > 0) > 0.98
        assert name != "lamin-b1" or np.mean(rho > -0.1) > 0.9


@pytest.mark.parametrize("name", ["desmoplakin", "zo1"])
def test_junctions_lie_on_the_wall(name):
    for shape in A_FEW:
        x, y, z = vertices(shape, name)
        assert np.mean(np.abs(np.hypot(x, y) - shape.radius(np.arctan2(y, x))) < 1.2) > 0.97  # um, along the ray
        assert z.max() < 1.5 * shape.wall_height
        if name == "zo1":
            assert z.min() > 0.5 * shape.wall_height


def test_the_belt_is_unbroken_and_desmosomes_are_not():
    covered = {}
    for name in ("zo1", "desmoplakin"):
        x, y, _ = vertices(sample_shape(2), name, draws=1)
        bins = ((np.arctan2(y, x) / (2 * np.pi) + 0.5) * 60).astype(int) % 60
        covered[name] = len(np.unique(bins)) / 60
    assert covered["zo1"] == 1 and covered["desmoplakin"] < 0.8


@pytest.mark.parametrize("y", range(len(PROGRAMS)))
def test_expected_structure(cells, y):
    for cell in cells[:2]:
        expected = expected_structure(cell, y, 64)
        assert expected.shape == cell.cell_mask.shape[1:] and expected.dtype == np.float32
        assert 0 <= expected.min() and 0.05 < expected.max() <= 1 + 1e-5
        assert not expected[~cell.cell_mask.any(0)].any()
        assert correlation(expected, expected_structure(cell, y, 64, seed=1)) > 0.93


def test_the_expected_structure_is_the_mean_of_its_draws(cells):
    drawn = np.concatenate([*draw_structure(cells[0], 3, 20, seed=5)])
    assert drawn.shape == (20, *cells[0].cell_mask.shape[1:])
    np.testing.assert_allclose(drawn.max(axis=(1, 2)), 1, rtol=1e-6)
    assert not drawn[:, ~cells[0].cell_mask.any(0)].any()
    np.testing.assert_allclose(drawn.mean(axis=0), expected_structure(cells[0], 3, 20, seed=5), atol=1e-6)
    with pytest.raises(ValueError, match="draws >= 1.*found 0"):
        next(draw_structure(cells[0], 3, 0))


def test_projected_signals_are_what_the_camera_saw_without_its_noise(cells):
    for cell in cells[:4]:
        planes, outline = signals_in_cell(cell), cell.cell_mask.any(0)
        np.testing.assert_array_equal(planes.max(axis=(1, 2)), 1)
        assert not planes[:, ~outline].any() and planes.min() >= 0
        seen = [(counts * cell.cell_mask).max(0) for counts in cell.channels]
        for plane, counts, signal, exposed in zip(planes, seen, cell.signals, cell.channels, strict=True):
            assert correlation(plane[outline], counts[outline]) > 0.8
            # A camera's counts are linear in the light: background, plus photons times gain.
            slope, background = np.polyfit(signal.ravel(), exposed.ravel(), 1)
            assert slope > 50
            residual = exposed - background - slope * signal
            assert abs(residual[signal > 0.5].mean()) < 0.05 * slope


def test_volumes_are_what_is_projected(cells):
    cell = cells[0]
    shape = cell.cell_mask.shape
    signals = signals_in_cell(cell, projected=False)
    assert signals.shape == (3, *shape) and not signals[:, ~cell.cell_mask].any()
    np.testing.assert_array_equal(signals.max(axis=1), signals_in_cell(cell))
    drawn, projected = (np.concatenate([*draw_structure(cell, 3, 5, projected=flag)]) for flag in (False, True))
    assert drawn.shape == (5, *shape) and not drawn[:, ~cell.cell_mask].any()
    np.testing.assert_array_equal(drawn.max(axis=1), projected)
    np.testing.assert_allclose(expected_structure(cell, 3, 5, projected=False), drawn.mean(axis=0), atol=1e-6)


def test_voxels_for_a_frame_in_3d_are_no_thicker_than_its_pixels():
    for depth, thickness in ((None, 0.81), (2.0, 0.81), (0.5, 0.45), (0.01, 0.108)):
        cell = simulate_cell(1, 8, PIXEL_SIZE, depth)
        assert cell.scale == pytest.approx((thickness, 0.54, 0.54))
        assert cell.cell_mask.sum() * np.prod(cell.scale) == pytest.approx(
            simulate_cell(1, 0, PIXEL_SIZE).cell_mask.sum() * np.prod((0.81, 0.54, 0.54)), rel=0.06
        )


def test_expected_structure_depends_on_the_cell(cells):
    """In their own frames, two cells differ much more than two sets of draws of one cell."""
    frame = Frame((64, 64), (PIXEL_SIZE, PIXEL_SIZE))
    pictures = []
    for cell in cells[:4]:
        prepared = preprocess(cell.channels, cell.cell_mask, cell.nucleus_mask, cell.scale, frame)
        pictures.append(prepared.transform.apply(expected_structure(cell, INDEX["zo1"], 16)))
    matrix = np.corrcoef([picture.ravel() for picture in pictures])
    assert matrix[np.triu_indices(4, 1)].max() < 0.8


def test_blur_is_the_gaussian_and_keeps_what_is_inside():
    shape = sample_shape(0)
    grid = make_grid(shape, PIXEL_SIZE)
    volume = np.zeros((2, *grid.shape), np.float32)
    middle = tuple(n // 2 for n in grid.shape)
    volume[1][middle] = 1
    blurred = blur(volume, grid.scale)
    assert not blurred[0].any()
    assert blurred[1].sum() == pytest.approx(1, abs=1e-4)
    sigmas = [np.hypot(sigma / scale, 0.5) for sigma, scale in zip((0.55, 0.17, 0.17), grid.scale, strict=True)]
    np.testing.assert_allclose(blurred[1], ndimage.gaussian_filter(volume[1], sigmas, mode="constant"), atol=1e-3)


def test_rasterize_counts_length_and_places_points():
    shape = sample_shape(0)
    grid = make_grid(shape, PIXEL_SIZE)
    z = shape.nucleus_z
    point = Strands(np.array([0, 0, z], np.float32).reshape(3, 1, 1, 1), np.float32(2))
    line = Strands(np.array([[-3, 3], [0, 0], [z, z]], np.float32).reshape(3, 1, 1, 2), np.float32(1))
    spot = rasterize(shape, grid, [point], 1)[0]
    found = np.argwhere(spot)[0] * grid.scale + grid.origin[::-1]
    assert spot.sum() == 2 and np.abs(found - [z, 0, 0]).max() <= grid.scale[0] / 2
    assert rasterize(shape, grid, [line], 1).sum() == pytest.approx(6, rel=1e-4)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="structure index 10"):
        simulate_cell(0, 10, PIXEL_SIZE)
    with pytest.raises(ValueError, match="pixel_size > 0"):
        simulate_cell(0, 0, 0.0)
    with pytest.raises(ValueError, match="depth > 0.* 0.0"):
        simulate_cell(0, 0, PIXEL_SIZE, 0.0)


def test_views_are_of_one_cell():
    shape = sample_shape(2)
    base = simulate_view(shape, 8)
    np.testing.assert_array_equal(simulate_view(shape, 8).channels, base.channels)
    turned = simulate_view(shape, 8, scale=(0.4, 0.2, 0.16), angle=1.2, mirrored=True, shift=(0.5, 0.2, 0.7))
    assert np.linalg.det(turned.shape.pose) == pytest.approx(-np.linalg.det(base.shape.pose))
    for name in ("cell_mask", "nucleus_mask"):
        volumes = [getattr(cell, name).sum() * np.prod(cell.scale) for cell in (base, turned)]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.02)
    signal = base.channels.astype(float) - base.offsets[:, None, None, None]
    first, second = (simulate_view(shape, 8, exposure=number).channels.astype(float) for number in (0, 1))
    assert (first != second).any()
    dark = first[2][signal[2] < 1].mean() - simulate_view(shape, 8, exposure=0).offsets[2]
    assert abs(dark) < 0.2  # counts
    for channel, noisy in zip(signal, first, strict=True):
        assert correlation(ndimage.gaussian_filter(noisy, 2), ndimage.gaussian_filter(channel, 2)) > 0.98


def test_the_simulator_draws_what_its_version_drew():
    """Who changes a pixel must raise SIMULATOR_VERSION and the data set's VERSION, and update these figures."""
    assert simulate.SIMULATOR_VERSION == "1.0.0"
    cell = simulate_cell(seed=1, y=8, pixel_size=1.2)
    assert cell.channels.shape == SHAPE
    # Rounding may differ from machine to machine.
    assert cell.channels.sum(axis=(1, 2, 3), dtype=int) == pytest.approx(SUMS, rel=1e-4)
    assert (cell.cell_mask.sum(), cell.nucleus_mask.sum()) == pytest.approx(MASKS, rel=1e-3)
    found = [expected_structure(cell, y, draws=2).sum() for y in range(10)]
    assert found == pytest.approx(EXPECTED, rel=1e-3)


def test_observations_are_new_exposures_of_the_structure_in_the_same_cell(cells):
    cell = cells[INDEX["lamin-b1"]]
    stacks = [*simulate.observe_structure(cell, cell.y, 3)]
    assert all(stack.shape == cell.cell_mask.shape and stack.dtype == np.uint16 for stack in stacks)
    lamin, other = cell.signals[2], next(simulate.observe_structure(cell, INDEX["tom20"], 1))
    for first, second in ((0, 1), (1, 2)):
        assert 0.5 < correlation(stacks[first], stacks[second]) < 1
    assert correlation(stacks[0], lamin) > correlation(other, lamin) + 0.2
    again = [*simulate.observe_structure(cell, cell.y, 3)]
    np.testing.assert_array_equal(stacks, again)
    assert not np.array_equal(stacks[0], next(simulate.observe_structure(cell, cell.y, 1, seed=1)))
