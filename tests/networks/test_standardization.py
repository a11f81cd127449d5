"""Codes that depend on structure and shape, and what is left of that once they are standardized."""

import numpy as np
import pytest

from icell_tf.networks.standardization import Standardization, fit_standardization

K, Z, N = 3, 4, 20_000


def coded(count=N, seed=0):
    """Codes whose mean, variance and covariance depend on the structure, and whose mean depends on z_r."""
    rng = np.random.default_rng(seed)
    mix = np.eye(Z) + np.random.default_rng(9).standard_normal((K, Z, Z)) / Z
    y, z_r = rng.integers(0, K, count), rng.standard_normal((count, Z))
    z_s = np.einsum("bi,bij->bj", rng.standard_normal((count, Z)), mix[y]) + 2 * y[:, None] + z_r @ mix[0] / 2
    return z_s.astype(np.float32), z_r.astype(np.float32), y


def layers(weights):
    built = {inverse: Standardization(inverse) for inverse in (False, True)}
    for inverse, layer in built.items():
        layer.build([(None, Z), (None, K), (None, Z)])
        if weights:
            layer.set_weights(weights[inverse])
    return built[False], built[True]


def test_standardized_codes_have_mean_0_and_covariance_1_in_every_structure_and_none_with_the_shape():
    standardize, _ = layers(fit_standardization(*coded(), K))
    z_s, z_r, y = coded(seed=1)  # of other cells
    z = np.asarray(standardize([z_s, np.eye(K, dtype=np.float32)[y], z_r]))
    for k in range(K):
        np.testing.assert_allclose(z[y == k].mean(axis=0), 0, atol=0.1)
        np.testing.assert_allclose(np.cov(z[y == k].T), np.eye(Z), atol=0.15)
        assert np.abs(np.cov(z[y == k].T, z_r[y == k].T)[:Z, Z:]).max() < 0.1


def test_the_inverse_takes_codes_back_also_of_uncertain_structures():
    standardize, take_back = layers(fit_standardization(*coded(), K))
    z_s, z_r, y = coded(50)
    one_hot = np.eye(K, dtype=np.float32)[y]
    np.testing.assert_allclose(take_back([standardize([z_s, one_hot, z_r]), one_hot, z_r]), z_s, atol=1e-3)
    nearly = 0.999 * one_hot + 0.001 / K
    np.testing.assert_allclose(take_back([standardize([z_s, nearly, z_r]), nearly, z_r]), z_s, atol=0.1)


def test_in_training_and_before_it_is_fitted_codes_pass():
    z_s, z_r, y = coded(5)
    one_hot = np.eye(K, dtype=np.float32)[y]
    for layer in layers(None):
        np.testing.assert_allclose(layer([z_s, one_hot, z_r]), z_s, atol=1e-6)
    for layer in layers(fit_standardization(*coded(), K)):
        np.testing.assert_array_equal(layer([z_s, one_hot, z_r], training=True), z_s)
        layer.reset()
        np.testing.assert_allclose(layer([z_s, one_hot, z_r]), z_s, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 6])
def test_of_few_cells_and_of_none_of_a_structure_the_fit_is_finite(count):
    z_s, z_r, y = coded(count)
    weights = fit_standardization(z_s, z_r, 0 * y, K)
    assert all(np.isfinite(values).all() for of_layer in weights.values() for values in of_layer)
    offset, *_ = weights[False]
    np.testing.assert_allclose(offset, np.broadcast_to(offset[0], offset.shape))  # as that of the only known one
    standardize, take_back = layers(weights)
    one_hot = np.eye(K, dtype=np.float32)[y]
    z = standardize([z_s, one_hot, z_r])
    assert np.isfinite(z).all()
    np.testing.assert_allclose(take_back([z, one_hot, z_r]), z_s, atol=1e-2)
