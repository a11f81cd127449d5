"""The losses of phase 3, with answers known by hand."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.models import sampling_losses as losses


def images(*values):
    """One image of 4 x 4 pixels and a channel for each value."""
    return tf.constant(np.array(values, np.float32)[:, None, None, None] * np.ones((1, 4, 4, 1), np.float32))


def test_crps_by_hand():
    found = losses.crps([images(0.2, 0.5), images(0.6, 0.5)], images(0.5, 0.5))
    np.testing.assert_allclose(found, [(0.3 + 0.1) / 2 - 0.4 / 2, 0.0], atol=1e-6)


def test_the_energy_score_by_hand():
    """Of images that are the same all over it is that of a pixel; of others the distance is the root mean square."""
    found = losses.energy_score([images(0.2, 0.5), images(0.6, 0.5)], images(0.5, 0.5))
    np.testing.assert_allclose(found, [(0.3 + 0.1) / 2 - 0.4 / 2, 0.0], atol=2e-6)
    half = images(0.0) + 0.4 * tf.constant([0.0, 1.0])[None, None, None]
    found = losses.energy_score([half, half], tf.zeros_like(half))
    np.testing.assert_allclose(found, [np.sqrt(0.08)], atol=2e-6)


def test_the_energy_score_has_a_slope_where_draws_are_equal():
    x = images(0.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = losses.energy_score([x, x], images(0.5))
    assert np.isfinite(tape.gradient(score, x)).all()


@pytest.mark.parametrize("score", [losses.crps, losses.energy_score])
@pytest.mark.parametrize("mean, deviation", [(0.5, 0.05), (0.5, 0.2), (0.4, 0.1), (0.5, 0.0)])
def test_draws_from_the_distribution_itself_score_best(mean, deviation, score):
    rng = np.random.default_rng(0)

    def draw(mean, deviation):
        return tf.constant(rng.normal(mean, deviation, (400, 4, 4, 1)).astype(np.float32))

    x = draw(0.5, 0.1)
    right = score([draw(0.5, 0.1), draw(0.5, 0.1)], x)
    wrong = score([draw(mean, deviation), draw(mean, deviation)], x)
    assert np.mean(right) < np.mean(wrong)


def test_draws_that_vary_together_as_the_cells_do_score_best_by_patch():
    """By pixel, noise of the right size in every pixel is as good as an image that is brighter or darker as a whole."""
    rng = np.random.default_rng(0)

    def whole():
        return tf.constant((rng.normal(0.5, 0.1, (500, 1, 1, 1)) * np.ones((1, 8, 8, 1))).astype(np.float32))

    def pixels():
        return tf.constant(rng.normal(0.5, 0.1, (500, 8, 8, 1)).astype(np.float32))

    x = whole()
    by_pixel = [np.mean(losses.crps([draw(), draw()], x)) for draw in (whole, pixels)]
    assert abs(by_pixel[0] - by_pixel[1]) < 0.005
    scores = [np.mean(losses.draws_score([draw(), draw()], x, 4)) for draw in (whole, pixels)]
    assert scores[0] < scores[1] - 0.004


@pytest.mark.parametrize("shape, fewer", [((4, 8, 2), (2, 4, 2)), ((4, 8, 4, 1), (2, 4, 2, 1))])
def test_patches_overlap_by_half_in_planes_and_volumes(shape, fewer):
    assert losses.means(tf.ones([3, *shape]), 4).shape == (3, *fewer)
    np.testing.assert_allclose(losses.means(tf.ones([3, *shape]), 4), 1.0)


def test_a_pair_is_compared():
    better, worse = tf.constant([[3.0], [0.0]]), tf.constant([[1.0], [0.0]])
    np.testing.assert_allclose(
        losses.relativistic_loss(better, worse), [np.log1p(np.exp(-2.0)), np.log(2.0)], rtol=1e-6
    )


def test_the_slope_is_of_the_drawn_channels_only():
    weights = tf.constant([1.0, 2.0, 3.0])
    slopes = losses.gradient_penalty(lambda x: tf.reduce_sum(x * weights, axis=[1, 2, 3]), tf.zeros([2, 4, 4, 3]), 1)
    np.testing.assert_allclose(slopes, [16 * 9.0] * 2)


def test_levels_are_those_of_the_data_and_have_the_gradient_of_the_identity():
    x = tf.constant([[[[0.1001]]]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        stored = losses.as_stored(x)
    assert float(stored[0, 0, 0, 0]) == pytest.approx(26 / 255)
    assert float(tape.gradient(stored, x)[0, 0, 0, 0]) == 1.0


@pytest.mark.parametrize("shape", [(4, 6, 2), (4, 6, 8, 1)])
def test_each_image_is_moved_by_its_offset(shape):
    rank = len(shape) - 1
    x = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    offsets = np.array([[2] * rank, [3, *[1] * (rank - 1)]], np.int32)
    moved = losses.shifted(tf.constant(x), tf.constant(offsets), [2] * rank).numpy()
    np.testing.assert_array_equal(moved[0], x[0])
    expected = np.zeros_like(x[1])
    expected[(slice(0, -1), *[slice(1, None)] * (rank - 1))] = x[1][(slice(1, None), *[slice(0, -1)] * (rank - 1))]
    np.testing.assert_array_equal(moved[1], expected)
