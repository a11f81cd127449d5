"""Each loss against a NumPy oracle, and against values worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.models import losses

RNG = np.random.default_rng(0)
B, K = 5, 4


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def cross_entropy(probability, label):
    return -(label * np.log(probability) + (1 - label) * np.log(1 - probability))


def log_softmax(logits):
    logits = logits.astype(np.float64)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def logits(*shape):
    return RNG.normal(size=shape).astype(np.float32) * 3


def test_reconstruction_loss_is_the_mean_binary_cross_entropy_of_an_image():
    values, x = logits(B, 8, 8, 2), RNG.random((B, 8, 8, 2), np.float32)
    expected = cross_entropy(sigmoid(values), x).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(losses.reconstruction_loss(values, x), expected, rtol=1e-5)


def test_reconstruction_loss_stays_finite_where_the_decoder_is_certain_and_wrong():
    loss = losses.reconstruction_loss(np.full((1, 2, 2, 1), 200.0, np.float32), np.zeros((1, 2, 2, 1), np.float32))
    np.testing.assert_allclose(loss, [200.0])


@pytest.mark.parametrize("loss", [losses.latent_discriminator_loss, losses.image_discriminator_loss])
def test_discriminator_losses(loss):
    real, fake = logits(B, 1), logits(B, 1)
    expected = cross_entropy(sigmoid(real), 1) + cross_entropy(sigmoid(fake), 0)
    np.testing.assert_allclose(loss(real, fake), expected[:, 0], rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "terms"),
    [
        (losses.latent_discriminator_loss, 2),
        (losses.image_discriminator_loss, 2),
        (losses.passed_as_observed_loss, 2),
    ],
)
def test_a_discriminator_at_chance_loses_log_2_a_term(loss, terms):
    chance = np.zeros((B, 1), np.float32)
    np.testing.assert_allclose(loss(chance, chance), np.full(B, terms * np.log(2)), rtol=1e-6)


def test_adversarial_terms_are_the_discriminators_with_the_labels_flipped():
    generated, reconstructed = logits(B, 1), logits(B, 1)
    np.testing.assert_allclose(
        losses.passed_as_prior_loss(generated), cross_entropy(sigmoid(generated), 1)[:, 0], rtol=1e-5
    )
    expected = cross_entropy(sigmoid(generated), 1) + cross_entropy(sigmoid(reconstructed), 1)
    np.testing.assert_allclose(losses.passed_as_observed_loss(generated, reconstructed), expected[:, 0], rtol=1e-5)


def test_reference_code_loss_by_hand():
    z_r = np.array([[0.0, 0.0], [1.0, 2.0]], np.float32)
    z_r_hat = np.array([[1.0, 3.0], [1.0, 2.0]], np.float32)
    np.testing.assert_allclose(losses.reference_code_loss(z_r, z_r_hat), [5.0, 0.0])


def test_class_loss_is_minus_log_softmax():
    values, y = logits(B, K), RNG.integers(0, K, B).astype(np.int32)
    np.testing.assert_allclose(losses.class_loss(values, y), -log_softmax(values)[np.arange(B), y], rtol=1e-5)


def test_class_discriminator_has_a_class_for_generated_images():
    observed, generated = logits(B, K + 1), logits(B, K + 1)
    y = RNG.integers(0, K, B).astype(np.int32)
    expected = -log_softmax(observed)[np.arange(B), y] - log_softmax(generated)[:, K]
    np.testing.assert_allclose(losses.class_discriminator_loss(observed, generated, y), expected, rtol=1e-5)
    chance = np.zeros((B, K + 1), np.float32)
    np.testing.assert_allclose(losses.class_discriminator_loss(chance, chance, y), np.full(B, 2 * np.log(K + 1)))


def test_passed_as_class_loss():
    generated, reconstructed = logits(B, K + 1), logits(B, K + 1)
    y = RNG.integers(0, K, B).astype(np.int32)
    expected = -log_softmax(generated)[np.arange(B), y] - log_softmax(reconstructed)[np.arange(B), y]
    np.testing.assert_allclose(losses.passed_as_class_loss(generated, reconstructed, y), expected, rtol=1e-5)


def test_objectives_by_hand():
    assert losses.reference_encoder_objective(1.0, 2.0, 1e-4) == 1.0002
    assert losses.reference_decoder_objective(1.0, 2.0, 1e-5) == 1.00002
    assert losses.conditional_encoder_objective(1.0, 0.25, 0.5, 2.0, 1e-4) == 1.7502
    assert losses.conditional_decoder_objective(1.0, 2.0, 1e-5) == 1.00002


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
