"""Grids and walks through latent space, with codes worked out by hand."""

import numpy as np
import pytest

from icell_tf import networks
from icell_tf.inference import latent_space
from icell_tf.inference.integrator import DECODER_BATCH

from ..conftest import LATENT, SPEC

SHARES = np.array([0, 0.5, 1])


def test_the_reference_decoder_gives_two_channels_and_batches_join_in_order():
    dec_r = networks.build_reference_decoder(SPEC.shape, 2, LATENT, width=1 / 16)
    z_r = np.random.default_rng(1).standard_normal((DECODER_BATCH + 2, LATENT))
    decoded = latent_space.decode_reference(dec_r, z_r)
    assert decoded.shape == (DECODER_BATCH + 2, *SPEC.reference_shape)
    np.testing.assert_allclose(latent_space.decode_reference(dec_r, z_r[-1]), decoded[-1:], atol=1e-5)


def test_a_grid_has_the_first_dimension_to_the_right_and_the_second_upwards():
    center = np.full(4, 0.5)
    codes = latent_space.grid_codes(center, (2, 1), (-3, 0, 3))
    np.testing.assert_array_equal(codes[..., 2], [[-3, 0, 3]] * 3)
    np.testing.assert_array_equal(codes[..., 1], np.transpose([[3, 0, -3]] * 3))
    assert (codes[..., [0, 3]] == 0.5).all() and (center == 0.5).all()


@pytest.mark.parametrize("dimensions", [(0, 0), (0, 4), (-1, 1)])
def test_a_grid_needs_two_dimensions_of_the_code(dimensions):
    with pytest.raises(ValueError, match="have to be two of 0 to 3"):
        latent_space.grid_codes(np.zeros(4), dimensions)


def test_a_walk_along_a_dimension_changes_it_alone():
    codes = latent_space.along([1, 2, 3], 1, [-3, 0])
    np.testing.assert_array_equal(codes, [[1, -3, 3], [1, 0, 3]])


def test_the_great_circle_keeps_its_ends_and_its_radius():
    codes = latent_space.slerp([2, 0], [0, 2], SHARES)
    np.testing.assert_allclose(codes, [[2, 0], [np.sqrt(2), np.sqrt(2)], [0, 2]], atol=1e-6)
    start, end = np.random.default_rng(0).standard_normal((2, 16))
    codes = latent_space.slerp(start, end, np.linspace(0, 1, 9))
    np.testing.assert_allclose(codes[[0, -1]], [start, end], rtol=1e-5)
    straight = latent_space.linear(start, end, [0.5])
    assert np.linalg.norm(codes[4]) > 1.1 * np.linalg.norm(straight)


@pytest.mark.parametrize("end", [[0, 0], [4, 0], [-2, 0], [2, 0]])
def test_without_a_great_circle_it_is_the_straight_line(end):
    np.testing.assert_allclose(latent_space.slerp([2, 0], end, SHARES), [[2, 0], [1 + end[0] / 2, 0], end], atol=1e-6)
    np.testing.assert_array_equal(latent_space.linear([2, 0], end, SHARES), latent_space.slerp([2, 0], end, SHARES))
