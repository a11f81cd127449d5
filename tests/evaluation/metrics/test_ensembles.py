"""Each score against values worked out by hand, and its order of ensembles whose quality is known."""

import numpy as np
import pytest
from scipy import ndimage

from icell_tf.evaluation.metrics import ensembles

N, M, SHAPE = 60, 16, (12, 12)
MASKS = np.ones((N, *SHAPE), bool)


def smooth(rng, *leading):
    """Images whose pixels go together."""
    noise = rng.normal(size=(*leading, *SHAPE))
    return 3 * ndimage.gaussian_filter(noise, (0,) * len(leading) + (1, 1))


@pytest.fixture
def known():
    """An observed image of each cell, and ensembles: of its own distribution, and of worse ones."""
    rng = np.random.default_rng(0)
    centre = rng.normal(size=(N, 1, *SHAPE))
    observed, true = centre[:, 0] + smooth(rng, N), centre + smooth(rng, N, M)
    return observed, {
        "true": true,
        "mean alone": centre,
        "too narrow": centre + 0.3 * (true - centre),
        "too wide": centre + 3 * (true - centre),
        "of another cell": np.roll(true, 1, axis=0),
        "of independent pixels": centre
        + np.take_along_axis(
            true - centre, rng.permuted(np.broadcast_to(np.arange(M)[:, None, None], true.shape), axis=1), axis=1
        ),
    }


@pytest.mark.parametrize("score", [ensembles.crps, ensembles.energy_score])
def test_scores_are_those_of_their_formula(score):
    draws, observed = np.array([[[[0.0, 1.0]], [[3.0, 1.0]]]]), np.array([[[1.0, 1.0]]])
    mask = np.array([[[True, False]]])
    assert score(draws, observed, mask) == pytest.approx((1 + 2) / 2 - 3 / 2)
    assert score(draws[:, :1], observed, mask) == pytest.approx(1)


@pytest.mark.parametrize("score", [ensembles.crps, ensembles.energy_score])
def test_draws_from_the_true_distribution_score_best(score, known):
    observed, by_name = known
    scores = {name: score(draws, observed, MASKS) for name, draws in by_name.items()}
    for name in set(scores) - {"true"}:
        worse = scores[name] - scores["true"]
        error = worse.std(ddof=1) / np.sqrt(N)
        if score is ensembles.crps and name == "of independent pixels":  # which it can't see
            assert abs(worse.mean()) < 1e-6
        else:
            assert worse.mean() > 3 * error, name


def test_scores_do_not_depend_on_the_number_of_draws(known):
    observed, by_name = known
    for score in (ensembles.crps, ensembles.energy_score):
        few, many = (score(by_name["true"][:, :count], observed, MASKS) for count in (2, M))
        assert abs((few - many).mean()) < 3 * (few - many).std(ddof=1) / np.sqrt(N)


def test_scores_count_the_pixels_of_the_mask_alone(known):
    observed, by_name = known
    masks = np.random.default_rng(1).random((N, *SHAPE)) > 0.4
    elsewhere = np.where(masks, observed, 99)
    for score in (ensembles.crps, ensembles.energy_score):
        np.testing.assert_array_equal(score(by_name["true"], observed, masks), score(by_name["true"], elsewhere, masks))


def test_ranks_are_uniform_for_true_draws_alone(known):
    observed, by_name = known

    def coverage(name, share):
        rng = np.random.default_rng(0)
        found = [ensembles.ranks(*pair, rng) for pair in zip(by_name[name], observed, MASKS, strict=True)]
        return np.mean(np.abs(np.concatenate(found) - 0.5) <= share / 2)

    for share in (0.5, 0.9):
        assert coverage("true", share) == pytest.approx(share, abs=0.02)
        assert coverage("too narrow", share) < share - 0.1
        assert coverage("too wide", share) > share + 0.04


def test_ranks_of_equal_pixels_are_uniform():
    rng = np.random.default_rng(0)
    found = ensembles.ranks(np.zeros((M, 100, 100)), np.zeros((100, 100)), np.ones((100, 100), bool), rng)
    np.testing.assert_allclose(np.histogram(found, 10, (0, 1))[0], 1000, atol=130)


@pytest.mark.parametrize("shape", [(9, 8), (4, 8, 5)])
def test_patches_are_means_of_whole_blocks(shape):
    images = np.random.default_rng(0).random((2, *shape))
    found = ensembles.averaged(images, 4)
    assert found.shape == (2, *(side // 4 for side in shape))
    corner = tuple(slice(4) for _ in shape)
    np.testing.assert_allclose(found[(0, *(0 for _ in shape))], images[0][corner].mean())


def test_power_lies_in_the_band_of_a_wave_and_falls_where_images_are_blurred():
    bands = [(0.03, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.5)]
    x = np.arange(64)
    wave = 5 + np.sin(2 * np.pi * 10 / 64 * x) * np.ones((1, 64, 1))
    found = ensembles.radial_power(wave, bands)[0]
    assert np.argmax(found) == 1 and found[1] > 1e6 * np.delete(found, 1).max()
    images = np.random.default_rng(0).normal(size=(8, 64, 64))
    blurred = ndimage.gaussian_filter(images, (0, 1, 1))
    ratio = ensembles.radial_power(blurred, bands).mean(axis=0) / ensembles.radial_power(images, bands).mean(axis=0)
    assert (np.diff(ratio) < 0).all() and ratio[0] > 0.7 and ratio[-1] < 0.1


def test_power_is_the_mean_over_all_frequencies_of_a_band():
    images, band = np.random.default_rng(0).normal(size=(2, 6, 8, 7)), (0.1, 0.35)
    power = np.square(np.abs(np.fft.fftn(images, axes=(1, 2, 3))))
    radius = np.sqrt(sum(np.square(f) for f in np.meshgrid(*map(np.fft.fftfreq, images.shape[1:]), indexing="ij")))
    expected = power[:, (radius >= band[0]) & (radius < band[1])].mean(axis=1)
    np.testing.assert_allclose(ensembles.radial_power(images, [band])[:, 0], expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_wave_in_a_volume_has_the_same_frequency_along_each_axis_however_thick_its_voxels_are(axis):
    """A wave of 5 µm in voxels of 2 x 0.5 x 0.5 µm has 0.1 cycles over the width of a voxel along x."""
    bands, pixel_size = [(0.03, 0.08), (0.08, 0.12), (0.12, 0.3), (0.3, 0.5)], (2.0, 0.5, 0.5)
    shape = (10, 40, 40)  # 20 µm along each axis: four waves
    place = np.arange(shape[axis]) * pixel_size[axis]
    wave = np.sin(2 * np.pi * place / 5 + 0.3).reshape([-1 if i == axis else 1 for i in range(3)]) * np.ones(
        (1, *shape)
    )
    found = ensembles.radial_power(wave, bands, pixel_size)[0]
    assert np.argmax(found) == 1 and found[1] > 1e6 * np.delete(found, 1).max()


def test_scores_of_volumes_are_those_of_the_same_voxels_in_a_plane():
    rng = np.random.default_rng(0)
    draws, observed, masks = rng.random((3, 5, 4, 6, 7)), rng.random((3, 4, 6, 7)), rng.random((3, 4, 6, 7)) > 0.4
    for score in (ensembles.crps, ensembles.energy_score):
        plane = score(draws.reshape(3, 5, 24, 7), observed.reshape(3, 24, 7), masks.reshape(3, 24, 7))
        np.testing.assert_allclose(score(draws, observed, masks), plane)
