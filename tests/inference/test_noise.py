"""The noise of draws: the same for a seed in every batch, and for a structure alone or beside the others."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.inference.noise import Noise

K, SEED, DRAW, Y = 3, tf.constant([7, -2], tf.int64), tf.constant([0, 5], tf.int64), tf.constant([2, 0], tf.int64)
CODES = Noise(K, {"z_r_prior": (4,), "z_s_prior": (4,)})
MAPS = {"r_noise_0": (6, 5, 1), "s_noise_0": (6, 5, 1), "s_noise_1": (3, 3, 8)}
POSED = Noise(K, {"z_r_prior": (4,), **MAPS, "pose": ()})
UNPOSED = Noise(K, {"z_r_prior": (4,), **MAPS})
ARGUMENTS = {"sample": (Y, SEED), "draw": (Y, SEED, DRAW), "integrate_draw": (SEED, DRAW)}


@pytest.mark.parametrize("noise", [CODES, POSED, UNPOSED])
@pytest.mark.parametrize("function", ARGUMENTS)
def test_what_is_made_is_what_the_specs_say(noise, function):
    made, specs = getattr(noise, function)(*ARGUMENTS[function]), {spec.name: spec for spec in noise.specs(function)}
    assert made.keys() == specs.keys()
    for name, spec in specs.items():
        assert spec.is_compatible_with(made[name]), name
    assert not noise.specs("integrate")


@pytest.mark.parametrize("noise", [CODES, POSED, UNPOSED])
@pytest.mark.parametrize("function", ARGUMENTS)
def test_rows_depend_on_their_seed_alone(noise, function):
    both = getattr(noise, function)(*ARGUMENTS[function])
    last = getattr(noise, function)(*(values[1:] for values in ARGUMENTS[function]))
    for name, values in both.items():
        np.testing.assert_array_equal(values[1:], last[name], err_msg=name)
        assert (values[0].numpy() != values[1].numpy()).any(), name


@pytest.mark.parametrize("noise", [CODES, POSED, UNPOSED])
def test_a_structure_has_the_same_noise_alone_and_beside_the_others(noise):
    beside = noise.separated(noise.integrate_draw(SEED, DRAW))
    for k in range(K):
        for name, values in noise.draw(tf.fill([2], tf.constant(k, tf.int64)), SEED, DRAW).items():
            np.testing.assert_array_equal(beside[name][k::K], values, err_msg=name)


def test_a_new_cell_has_the_noise_of_draw_0_and_some_of_its_own():
    made, drawn = POSED.sample(Y, SEED), POSED.draw(Y, SEED, tf.zeros_like(SEED))
    for name, values in drawn.items():
        np.testing.assert_array_equal(made[name], values, err_msg=name)
    first = {name: values.numpy().ravel()[:4] for name, values in made.items() if name != "pose"}
    assert len({values.tobytes() for values in first.values()}) == len(first) == 4


def test_noise_is_standard_normal():
    values = Noise(K, {"z_r_prior": (1,), "z_s_prior": (20_000,)}).draw(None, SEED, DRAW)["z_s_prior"].numpy()
    np.testing.assert_allclose(values.mean(axis=1), 0, atol=0.03)
    np.testing.assert_allclose(values.std(axis=1), 1, atol=0.03)
    assert abs(np.corrcoef(values)[0, 1]) < 0.03
