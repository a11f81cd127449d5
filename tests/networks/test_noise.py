"""Draws that are a function of seed, step, replica and order, and white noise made of them."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from icell_tf.networks import noise

NORMAL = noise.normal, noise.coarse_normal


@pytest.mark.parametrize("normal", NORMAL)
@pytest.mark.parametrize("compiled", [False, True])
def test_draws_depend_on_seed_and_step_and_order_alone(compiled, normal):
    def draws(seed, step):
        with noise.drawn_from(seed, step):
            return normal([50]), normal([50])

    make = tf.function(draws, jit_compile=True, autograph=False) if compiled else draws
    first = [values.numpy() for values in make(3, tf.constant(7))]
    normal([50])  # of the global generator: nothing that happens in between counts
    np.testing.assert_array_equal(first, make(3, tf.constant(7)))
    others = [*first, *make(4, tf.constant(7)), *make(3, tf.constant(8)), *make(3, tf.constant(-8))]
    assert len({np.array(values).tobytes() for values in others}) == len(others)


@pytest.mark.parametrize("normal", NORMAL)
def test_draws_are_standard_normal(normal):
    with noise.drawn_from(0, 0):
        values = normal([201, 101]).numpy()
    assert values.shape == (201, 101)
    assert abs(values.mean()) < 0.02 and values.std() == pytest.approx(1, rel=0.02)
    assert scipy.stats.kstest(values.ravel(), "norm").pvalue > 0.01
    assert abs(np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1]) < 0.02


def test_coarse_draws_are_finite_and_of_the_type_that_is_asked_for():
    values = noise.coarse_normal([3, 1], tf.bfloat16)
    assert values.dtype == tf.bfloat16 and values.shape == (3, 1)
    bits = tf.constant([0, -1, 2**31 - 1, -(2**31)])  # radius and angle 0, and the largest
    with noise.drawn_from(0, 0), pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.random, "stateless_uniform", lambda *arguments, **options: bits)
        assert np.abs(noise.coarse_normal([8])).max() < 4.9


def test_integers_depend_on_the_step_too_and_are_all_below_their_bound():
    def draw(step):
        with noise.drawn_from(0, step):
            return noise.integers([500], 3).numpy()

    np.testing.assert_array_equal(draw(1), draw(1))
    assert (draw(1) != draw(2)).any()
    assert np.bincount(draw(1), minlength=3).min() > 120 and draw(1).max() == 2
    assert set(noise.integers([500], 3).numpy()) == {0, 1, 2}


def test_a_step_that_breaks_down_leaves_no_seed_behind():
    with pytest.raises(ZeroDivisionError), noise.drawn_from(0, 0):
        raise ZeroDivisionError
    assert (noise.normal([9]).numpy() != noise.normal([9]).numpy()).any()


@pytest.mark.parametrize("shape", [(100, 100), (1, 10, 50, 50, 2)])
def test_white_noise_is_of_its_deviation_in_training_and_absent_otherwise(shape):
    layer, x = noise.WhiteNoise(0.05), tf.zeros(shape)
    assert np.std(layer(x, training=True)) == pytest.approx(0.05, rel=0.05)
    np.testing.assert_array_equal(layer(x, training=False), x)
    with noise.drawn_from(0, 1):
        first, second = layer(x, training=True), layer(x, training=True)
    with noise.drawn_from(0, 1):
        np.testing.assert_array_equal(layer(x, training=True), first)
    assert np.abs(np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]) < 0.03


TWO_REPLICAS = """
import numpy as np
import tensorflow as tf
from icell_tf.networks import noise

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = noise.WhiteNoise(1.0)

@tf.function
def step(number):
    with noise.drawn_from(0, number):
        return layer(tf.zeros([50]), training=True)

runs = [strategy.run(step, args=(tf.constant(number),)).values for number in (1, 1, 2)]
first, again, later = ([value.numpy().tobytes() for value in values] for values in runs)
print(first == again, len({*first, *later}))
"""


def test_replicas_draw_noise_of_their_own_and_the_same_again():
    done = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert done.stdout.split() == ["True", "4"], done.stdout + done.stderr[-3000:]
