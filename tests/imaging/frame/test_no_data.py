"""Pixels without data: strips, corners and mosaics of zeros, NaN; and zeros that are intensities like any other."""

import numpy as np
import pytest
from scipy import ndimage

from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.intensity import background_intensity
from icell_tf.imaging.frame.no_data import describe_no_data, filled_plane, find_no_data
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.manifest.manifest import read_manifest
from icell_tf.imaging.read import read_stack

SHAPE = (2, 96, 110)
Y, X = np.indices(SHAPE[1:])
CELL = ((Y - 48) / 20) ** 2 + ((X - 50) / (26 + Y / 12)) ** 2 < 1
NUCLEUS = ((Y - 50) / 8) ** 2 + ((X - 56) / 10) ** 2 < 1
SIGNAL = np.stack([150.0 * CELL * (1 + np.sin(X / 4)), 200.0 * NUCLEUS, 200.0 * CELL * (np.cos(Y / 3) > 0.7)])
NEIGHBOUR = 250.0 * (np.hypot(Y - 90, X - 100) < 18)
ZEROS = {  # regions without data, as (Y, X)
    "strip of stitching": Y < 9,
    "strip of one row": Y < 1,
    "shifted channel": (Y > 88) | (X < 4),
    "corners of a rotation": (X + Y < 42) | (X - Y > 70),
    "mosaic": (X > 84) & (Y < 60),
    "more than half": (X < 21) | (X > 83) | (Y < 24) | (Y > 74),
}


def make_channels(offset=100.0, noise=6.0, seed=0, dtype=np.uint16):
    rng = np.random.default_rng(seed)
    planes = (SIGNAL + NEIGHBOUR)[:, None] + offset + noise * rng.standard_normal((3, *SHAPE))
    return (np.rint(planes) if np.dtype(dtype).kind == "u" else planes).astype(dtype)


def prepare(channels):
    return preprocess(channels, CELL, NUCLEUS, (1.0, 0.3, 0.3), Frame((64, 64), (0.5, 0.5)))


@pytest.mark.parametrize("name", ZEROS)
@pytest.mark.parametrize(("offset", "noise"), [(100, 6), (1000, 80), (20, 3)])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_zeros_along_the_border_change_nothing(name, offset, noise, dtype):
    channels = make_channels(offset, noise, dtype=dtype)
    padded = np.where(ZEROS[name] & ~CELL, 0, channels).astype(dtype)
    whole, found = prepare(channels), prepare(padded)
    np.testing.assert_allclose(np.array(found.ranges)[:, 0], offset, atol=1.2 * noise)
    assert np.abs(found.image.astype(int) - whole.image).max() <= 1 + 1.5 * 255 * noise / 200
    (guess,) = found.guesses
    assert guess.endswith("holds no data (NaN, or 0 along the border) and is left out") and whole.guesses == ()
    np.testing.assert_array_equal(find_no_data(padded[0], CELL), np.broadcast_to(padded[0] == 0, SHAPE))


@pytest.mark.parametrize("name", ZEROS)
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_zeros_beside_a_background_below_0_hold_no_data_either(name, dtype):
    """As in signed integers, and after an offset was subtracted that is larger than the background."""
    channels = (np.rint(make_channels(dtype=np.float64)) - 300).astype(dtype)
    padded = np.where(ZEROS[name] & ~CELL, 0, channels).astype(dtype)
    whole, found = prepare(channels), prepare(padded)
    np.testing.assert_allclose(np.array(found.ranges)[:, 0], -200, atol=7)
    assert np.abs(found.image.astype(int) - whole.image).max() <= 1 + 1.5 * 255 * 6 / 200
    (guess,) = found.guesses
    assert guess.endswith("is left out") and whole.guesses == ()


def test_a_sample_leaves_them_out_too():
    padded = np.where(ZEROS["more than half"] & ~CELL, 0, make_channels(1000, 10)[0])
    cell = np.broadcast_to(CELL, SHAPE)
    found = background_intensity(padded, cell, 4000, find_no_data(padded, cell))
    assert found == background_intensity(padded, cell, no_data=padded == 0) == pytest.approx(1000, abs=6)


def test_a_rotated_image_has_no_data_in_its_corners():
    """Interpolation leaves intensities between 0 and the background at the rim."""
    planes = ndimage.rotate(make_channels()[0].astype(np.float32), 30, axes=(1, 2), order=1)
    found = find_no_data(planes)
    assert found is not None and (found == (planes == 0)).mean() > 0.99


def test_nan_outside_the_cell_holds_no_data():
    channels = make_channels(dtype=np.float32)
    expected = prepare(channels)
    channels[:, :, :, 84:] = np.nan
    channels[0, 1] = np.where(CELL, channels[0, 1], np.nan)
    found = prepare(channels)
    assert np.abs(found.image.astype(int) - expected.image).max() <= 5
    assert "of the membrane, nucleus, structure image holds no data" in found.guesses[0]
    channels[:, :, ~CELL] = np.nan  # a crop that was masked with NaN is as one that was masked with 0
    np.testing.assert_array_equal(prepare(channels).image, prepare(np.nan_to_num(channels)).image)


def test_no_data_within_the_cell():
    """The rest of the cell is as it was; a whole cell without data is refused, and so is NaN in it."""
    channels = make_channels()
    expected = prepare(channels)
    channels[0, :, :31] = 0  # three rows of the cell
    found = prepare(channels)
    np.testing.assert_allclose(found.ranges, expected.ranges, atol=4)
    channels[1] = np.where(CELL | (X < 60), 0, channels[1])
    with pytest.raises(ValueError, match="nucleus channel holds no data within the cell mask"):
        prepare(channels)
    channels = make_channels(dtype=np.float32)
    channels[2, 0, 48, 50] = np.nan
    with pytest.raises(ValueError, match="structure channel .*NaN within the cell"):
        prepare(channels)


NOISE = np.random.default_rng(1).standard_normal(SHAPE)
IMAGES = SIGNAL[2] + NEIGHBOUR
INTENSITIES = {  # zeros that are intensities like any other
    "a few photons": np.random.default_rng(0).poisson(0.5 + IMAGES, SHAPE),
    "background subtracted": np.clip(6 * NOISE + IMAGES, 0, None),
    "more subtracted": np.clip(6 * NOISE - 6 + IMAGES, 0, None),
    "deconvolved": np.where(IMAGES > 0, np.clip(ndimage.gaussian_filter(IMAGES, 4) - 5, 0, None), 0) + 0 * NOISE,
    "background subtracted, not clipped": (Y > 9) * (6 * NOISE + IMAGES),
    "more subtracted, not clipped": (Y > 9) * (6 * NOISE - 6 + IMAGES),
    "standardized and masked": CELL * (IMAGES + NOISE - IMAGES.mean()) / IMAGES.std(),
    "masked": CELL * (40 + IMAGES + NOISE),
    "masked with a rim": ndimage.binary_dilation(CELL, iterations=2) * (40 + SIGNAL[2] + NOISE),
    "a segmentation, and the neighbour's": 255 * ((CELL | (NEIGHBOUR > 0)) + 0 * NOISE),
    "no zeros": 100 + NOISE,
    "dark": 0 * NOISE,
}


@pytest.mark.parametrize("name", INTENSITIES)
@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_zeros_that_are_the_background_stay_it(name, dtype):
    image = INTENSITIES[name]
    image = image if dtype == np.float32 else np.clip(np.rint(image), np.iinfo(dtype).min, None)
    image = image.astype(dtype)
    assert find_no_data(image, np.broadcast_to(CELL, SHAPE)) is None


def test_real_cells_have_data_everywhere(real_data):
    for folder in ("hela3d", "multiplexed/nf1", "multiplexed/daoy"):
        for row in read_manifest(real_data / folder / "manifest.csv")[::12]:
            stack = read_stack(row.raw, scale=row.scale)
            cell = stack.data[0] > 127
            assert all(find_no_data(channel, cell) is None for channel in stack.data[2:])


def test_shares_in_words():
    assert describe_no_data({}) == ""
    assert describe_no_data({"membrane": 0.137, "nucleus": 0.06}).startswith(
        "about 10 % of the membrane, nucleus image"
    )
    assert describe_no_data({"membrane": 0.002}).startswith("less than 1 % of the membrane image")


def test_planes_are_filled_from_the_nearest_pixel():
    channel = np.array([[[5.0, 7, np.nan, np.nan]], [[6, np.nan, np.nan, 9]]])
    plane, known = filled_plane(channel, np.isnan(channel), np.max)
    np.testing.assert_array_equal(known, [[True, True, False, True]])
    assert plane[0, :2].tolist() == [0, 1] and plane[0, 3] == 3 and plane[0, 2] in (1, 3)
    assert plane.dtype == np.float32
    with pytest.raises(ValueError, match="infinite intensities, or holds no data"):
        filled_plane(channel, None, np.max)
