"""Geometry of volumes: balls that stay balls in µm, planes in between, the way back; and volumes that are flat."""

import numpy as np
import pytest

from icell_tf.imaging.frame.frame import Frame, Transform
from icell_tf.imaging.frame.masks import MaskError
from icell_tf.imaging.frame.pose import align
from tests.imaging.frame.test_preprocess import Cell, make_cell
from tests.imaging.frame.test_volumes import VOLUME, of_mass


def of_ellipsoid(shape, scale, radii, middle=(0.0, 0.0, 0.0), sharpness=4.0):
    """A filled ellipsoid with a soft edge: radii and middle in µm, from the array's middle."""
    places = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, scale, strict=True)]
    scaled = [(p - m) / r for p, m, r in zip(places, middle, radii, strict=True)]
    z, y, x = np.meshgrid(*scaled, indexing="ij", sparse=True)
    return np.clip(sharpness * (1 - np.sqrt(z**2 + y**2 + x**2)) + 0.5, 0, 1)


def deviations(volume, pixel_size):
    """Standard deviations of a volume's mass along each axis, µm."""
    middle = of_mass(volume)
    squares = [((index - m) ** 2 * volume).sum() for index, m in zip(np.indices(volume.shape), middle, strict=True)]
    return np.sqrt(np.array(squares) / volume.sum()) * pixel_size


FRAMES = [
    Frame((64, 64, 64), (0.5, 0.5, 0.5)),
    Frame((16, 64, 64), (2.0, 0.5, 0.5)),
    Frame((64, 32, 32), (0.4, 1.0, 1.0)),
]
STACKS = [((80, 90, 84), (0.3, 0.25, 0.25)), ((20, 70, 72), (1.2, 0.3, 0.3)), ((26, 80, 60), (0.9, 0.25, 0.35))]


@pytest.mark.parametrize("frame", FRAMES, ids=str)
@pytest.mark.parametrize(("shape", "scale"), STACKS)
def test_a_ball_stays_a_ball_in_micrometres(frame, shape, scale):
    """Whatever the voxels of the stack and the frame, along z also where the frame's are smaller (upsampled)."""
    ball = of_ellipsoid(shape, scale, (6.0, 6.0, 6.0))
    tail = of_ellipsoid(shape, scale, (2.0, 2.0, 6.0), (0.0, 1.0, 4.0)) > 0.5
    cell, nucleus = (ball > 0.5) | tail, of_ellipsoid(shape, scale, (4.0, 3.0, 3.0)) > 0.5
    transform, _ = align(cell, nucleus, scale, frame)
    found = transform.apply(ball)
    blurred = np.square([max(0.0, (new - old) / 2) for new, old in zip(frame.pixel_size, scale, strict=True)])
    expected = np.sqrt(deviations(ball, scale) ** 2 + blurred)
    np.testing.assert_allclose(deviations(found, frame.pixel_size), expected, rtol=0.03)
    np.testing.assert_allclose(expected, np.sqrt(36 / 5), rtol=0.07)
    volumes = [image.sum() * np.prod(size) for image, size in ((found, frame.pixel_size), (ball, scale))]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.01)
    assert of_mass(transform.apply(nucleus)) == pytest.approx([(n - 1) / 2 for n in frame.shape], abs=0.1)


def test_planes_between_those_of_the_stack_are_interpolated():
    """A ramp along z, in planes 1 µm apart, stays one in planes of 0.25 µm; nothing along y and x changes."""
    z = np.arange(12.0)
    ramp = np.broadcast_to(z[:, None, None], (12, 8, 8))
    matrix = np.column_stack([np.diag([0.25, 1.0, 1.0]), [2.0, 0.0, 0.0]])
    transform = Transform(matrix, ramp.shape, (1.0, 0.5, 0.5), Frame((32, 8, 8), (0.25, 0.5, 0.5)))
    found = transform.apply(ramp)
    np.testing.assert_allclose(found, np.broadcast_to((2 + z[0] + np.arange(32) / 4)[:, None, None], (32, 8, 8)))


@pytest.mark.parametrize(("shape", "scale"), STACKS)
@pytest.mark.parametrize("mirror", [1, -1])
def test_restore_undoes_apply_of_unequal_voxels(shape, scale, mirror):
    """Turned and mirrored in the plane, scaled and shifted along z."""
    cell = of_ellipsoid(shape, scale, (5.0, 4.0, 7.0)) + of_ellipsoid(shape, scale, (3.0, 3.0, 3.0), (0, 4, 4)) > 0.5
    nucleus = of_ellipsoid(shape, scale, (3.0, 2.0, 2.0), (0.7, 0, 1)) > 0.5
    transform, pose = align(cell[..., ::mirror], nucleus[..., ::mirror], scale, Frame((32, 64, 64), (0.8, 0.5, 0.5)))
    assert not pose.ambiguous and np.abs(transform.matrix[1, 2]) > 0.1
    places = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, scale, strict=True)]
    z, y, x = np.meshgrid(*places, indexing="ij", sparse=True)
    smooth = np.exp(-(((z - 1) / 3) ** 2) - ((y + 1) / 3) ** 2 - ((x - 2) / 4) ** 2)
    restored = transform.restore(transform.apply(smooth))
    assert restored.shape == smooth.shape
    np.testing.assert_allclose(restored, smooth, atol=0.06)
    assert np.corrcoef(restored.ravel(), smooth.ravel())[0, 1] > 0.999


def test_masks_of_one_plane_in_disguise_are_refused_for_a_volume_only():
    for name in ("cell", "nucleus"):
        cell = make_cell()
        mask = getattr(cell, f"{name}_mask")
        one = np.zeros_like(mask)
        one[3] = mask[3]
        for plane, message in ((one, "empty in all planes but one"), (0 * one + mask[3], "the same in all 6 planes")):
            setattr(cell, f"{name}_mask", plane & cell.cell_mask if name == "nucleus" else plane)
            cell.nucleus_mask = cell.nucleus_mask & cell.cell_mask
            assert cell.preprocess().image.shape == (64, 64, 3)
            with pytest.raises(MaskError, match=f"the cell mask is {message}|the {name} mask is {message}"):
                cell.preprocess(VOLUME)


def test_a_cell_thinner_than_a_plane_of_the_frame_is_refused():
    """As by a distance of planes that is ten times too small."""
    cell = make_cell(scale=(0.05, 0.5, 0.5), size=40.0)
    cell.preprocess(Frame((64, 64, 64), (0.25, 1.0, 1.0)))
    flat = Cell(cell.channels[:, ::12], cell.cell_mask[::12], cell.nucleus_mask[::12], (0.04, 0.5, 0.5))
    assert flat.preprocess().image.shape == (64, 64, 3)
    with pytest.raises(ValueError, match=r"only 0\.\d+ µm along z .* thinner than a plane of the frame, 0\.5 µm"):
        flat.preprocess(VOLUME)


def test_the_pieces_of_a_volume_are_reported():
    """Two pieces above each other are one outline."""
    cell = make_cell(scale=(0.25, 0.5, 0.5))
    cell.cell_mask[14:17] = False
    cell.nucleus_mask = cell.nucleus_mask & cell.cell_mask
    assert cell.preprocess().guesses == ()
    assert "the cell mask is in 2 pieces, the largest" in cell.preprocess(VOLUME).guesses[0]
