"""Decoding at codes gives what the networks give, and a grid is laid out as a plot of its two dimensions."""

import numpy as np
import pytest

from icell_tf import networks
from icell_tf.inference import traversal
from icell_tf.inference.integrator import DECODER_BATCH

from ..conftest import LATENT, SIZE, STRUCTURES


def test_decoding_at_codes_is_what_reconstruction_does(make_integrator):
    integrator = make_integrator()
    x_rs = np.random.default_rng(1).random((3, SIZE, SIZE, 3), np.float32)
    codes = integrator.encode(x_rs)
    dec_rs = integrator.signatures.dec_rs
    decoded = traversal.decode(dec_rs, codes["probabilities"], codes["z_r"], codes["z_s"])
    np.testing.assert_allclose(decoded, integrator.reconstruct(x_rs)["x_rs_hat"], atol=1e-5)


def test_one_row_holds_for_all_and_batches_join_in_order(make_integrator):
    dec_rs = make_integrator().signatures.dec_rs
    z_s = np.random.default_rng(1).standard_normal((DECODER_BATCH + 2, LATENT))
    y, z_r = np.eye(len(STRUCTURES))[1], np.zeros(LATENT)
    decoded = traversal.decode(dec_rs, y, z_r, z_s)
    assert decoded.shape == (DECODER_BATCH + 2, SIZE, SIZE, 3) and 0 <= decoded.min() < decoded.max() <= 1
    np.testing.assert_allclose(decoded[-1:], traversal.decode(dec_rs, y, z_r, z_s[-1]), atol=1e-5)


def test_the_reference_decoder_gives_two_channels():
    dec_r = networks.build_reference_decoder(SIZE, LATENT, width=1 / 16)
    decoded = traversal.decode_reference(dec_r, np.zeros((3, LATENT)))
    assert decoded.shape == (3, SIZE, SIZE, 2)
    assert traversal.decode_reference(dec_r, np.zeros(LATENT)).shape == (1, SIZE, SIZE, 2)


def test_a_grid_has_the_first_dimension_to_the_right_and_the_second_upwards():
    center = np.full(4, 0.5)
    codes = traversal.grid_codes(center, (2, 1), (-3, 0, 3))
    np.testing.assert_array_equal(codes[..., 2], [[-3, 0, 3]] * 3)
    np.testing.assert_array_equal(codes[..., 1], np.transpose([[3, 0, -3]] * 3))
    assert (codes[..., [0, 3]] == 0.5).all() and (center == 0.5).all()


@pytest.mark.parametrize("dimensions", [(0, 0), (0, 4), (-1, 1)])
def test_a_grid_needs_two_dimensions_of_the_code(dimensions):
    with pytest.raises(ValueError, match="have to be two of 0 to 3"):
        traversal.grid_codes(np.zeros(4), dimensions)
