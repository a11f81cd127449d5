"""Each loss against SciPy, and against values worked out by hand; test_models.py has the objectives made of them."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_expit, log_softmax

from icell_tf.models import losses

B, K = 5, 4


@pytest.mark.parametrize("kept", range(5))
def test_a_total_is_added_in_the_order_of_its_terms_whichever_of_them_others_need(kept):
    rng = np.random.default_rng(0)
    terms = [scale * rng.random(1024, np.float32) for scale in (1, 0.1, 0.1, 0.1)]

    @tf.function
    def total(*terms):
        terms = [tf.square(term) for term in terms]
        return losses.total(*terms), terms[:kept]

    first, *others = map(np.square, terms)
    for other in others:
        first = first + other
    np.testing.assert_array_equal(total(*terms)[0], first)


def test_reconstruction_loss_stays_finite_where_the_decoder_is_certain_and_wrong():
    loss = losses.reconstruction_loss(np.full((1, 2, 2, 1), 200.0, np.float32), np.zeros((1, 2, 2, 1), np.float32))
    np.testing.assert_allclose(loss, [200.0])


@pytest.mark.parametrize("shape", [(B, 8, 4, 2), (B, 4, 8, 2, 3)])
def test_reconstruction_loss_is_the_mean_over_each_image_or_volume(shape):
    rng = np.random.default_rng(0)
    logits, x = 3 * rng.normal(size=shape).astype(np.float32), rng.random(shape, np.float32)
    entropy = -(x * log_expit(logits) + (1 - x) * log_expit(-logits)).reshape(B, -1).mean(axis=1)
    np.testing.assert_allclose(losses.reconstruction_loss(logits, x), entropy, rtol=1e-5)


def test_reconstruction_loss_has_the_gradient_of_the_cross_entropy():
    rng = np.random.default_rng(0)
    logits = tf.constant(30 * rng.normal(size=(B, 4, 3, 2)).astype(np.float32))
    x, weights = rng.random(logits.shape, np.float32), tf.constant(rng.normal(size=B).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        found = tf.reduce_sum(weights * losses.reconstruction_loss(logits, x))
        pixels = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
        expected = tf.reduce_sum(weights * tf.reduce_mean(pixels, axis=[1, 2, 3]))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(found, logits), tape.gradient(expected, logits), rtol=1e-5, atol=1e-8)


def test_losses_are_scipys():
    rng = np.random.default_rng(0)
    shapes = (B, 1), (B, 1), (B, K + 1), (B, K + 1)
    a, b, c, d = (3 * rng.normal(size=shape).astype(np.float32) for shape in shapes)
    y = rng.integers(0, K, B).astype(np.int32)

    def binary(logits, label):
        return -log_expit(logits if label else -logits)[:, 0]

    def of_class(logits, label):
        return -log_softmax(logits, axis=1)[np.arange(B), label]

    for found, expected in (
        (losses.latent_discriminator_loss(a, b), binary(a, 1) + binary(b, 0)),
        (losses.image_discriminator_loss(a, b), binary(a, 1) + binary(b, 0)),
        (losses.passed_as_prior_loss(a), binary(a, 1)),
        (losses.passed_as_observed_loss(a, b), binary(a, 1) + binary(b, 1)),
        (losses.class_loss(c, y), of_class(c, y)),
        (losses.class_discriminator_loss(c, d, y), of_class(c, y) + of_class(d, K)),
        (losses.passed_as_class_loss(c, d, y), of_class(c, y) + of_class(d, y)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_reference_code_loss_by_hand():
    z_r = np.array([[0.0, 0.0], [1.0, 2.0]], np.float32)
    z_r_hat = np.array([[1.0, 3.0], [1.0, 2.0]], np.float32)
    np.testing.assert_allclose(losses.reference_code_loss(z_r, z_r_hat), [5.0, 0.0])


def test_discrepancy_is_that_of_many_draws_of_the_prior():
    rng = np.random.default_rng(0)
    z, prior = rng.normal(0.5, 1, (40, 3)), rng.standard_normal((20000, 3))

    def mean_kernel(a, b):
        squares = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
        return np.mean([np.exp(-squares / (2 * v)) for v in (0.75, 1.5, 3.0)], axis=0)

    itself = mean_kernel(z, z)
    expected = (itself.sum() - len(z)) / (40 * 39) - 2 * mean_kernel(z, prior).mean()
    found = losses.prior_discrepancy(tf.constant(z, tf.float32))
    assert found.shape == (40,)
    np.testing.assert_allclose(tf.reduce_mean(found), expected, atol=3e-3)


def test_discrepancy_is_least_for_codes_like_the_prior():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((400, 8)).astype(np.float32)
    like, shifted, wide, flat = (
        float(tf.reduce_mean(losses.prior_discrepancy(tf.constant(codes))))
        for codes in (z, z + 0.5, 1.5 * z, z * np.float32([1, 1, 1, 1, 1, 1, 0, 0]))
    )
    assert like < min(shifted, wide, flat) - 1e-3


def test_dependence_by_hand():
    """Two cells and one dimension: k' is worked out from the widths 1/4, 1/2 and 1."""
    a, b, z_r = 0.5, -1.0, np.float32([[2.0], [3.0]])
    kernel = 0.0
    for v in (0.25, 0.5, 1.0):
        of_a, of_b = ((v / (v + 1)) ** 0.5 * np.exp(-(z**2) / (2 * (v + 1))) for z in (a, b))
        kernel += (np.exp(-((a - b) ** 2) / (2 * v)) - of_a - of_b + (v / (v + 2)) ** 0.5) / 3
    z_s = np.float32([[a], [b]])
    for y, alike in (([1, 1], 4 + 6), ([0, 1], 6)):
        found = losses.dependence(tf.constant(z_s), tf.constant(z_r), tf.constant(y), structures=4)
        np.testing.assert_allclose(found, [kernel * alike] * 2, rtol=1e-5)
    alone = losses.dependence(tf.constant(z_s[:1]), tf.constant(z_r[:1]), tf.constant([0]), structures=4)
    np.testing.assert_array_equal(alone, [0.0])


def test_dependence_is_0_for_codes_that_tell_nothing_and_grows_with_what_they_tell():
    rng = np.random.default_rng(0)
    z_s, z_r = rng.standard_normal((2, 1500, 8), np.float32)
    y = rng.integers(0, 3, 1500)
    mean = np.float32([[-0.5], [0.0], [0.5]])[y]

    def dependence(z_s):
        return float(tf.reduce_mean(losses.dependence(tf.constant(z_s), tf.constant(z_r), tf.constant(y), 3)))

    def unit(z):
        return (z - z.mean(axis=0)) / z.std(axis=0)

    assert abs(dependence(z_s)) < 0.01
    assert dependence(unit(z_s + mean)) > 0.02  # the structure
    some, much = (dependence(part**0.5 * z_r + (1 - part) ** 0.5 * z_s) for part in (0.2, 0.5))  # the shape
    assert 0.02 < some < much
