"""The page's random numbers are TensorFlow's, and its noise that of the Integrator."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.inference.noise import Noise

from .arrays import found, run

CLOSE = 2e-6
PAIRS = [
    (0, 0, 10),
    (0, -1, 7),
    (-3, 1, 33),
    (2**40 + 7, 19, 1001),
    (2**63 - 1, 2**33, 4000),
    (-(2**63), 3, 9),
    (12, 205, 50_000),
]
MAPS = {"r_noise_0": (2, 2, 1), "r_noise_1": (4, 4, 2), "s_noise_0": (2, 2, 3), "s_noise_1": (5,), "pose": ()}
SHAPES = {"codes": {"z_r_prior": (4,), "z_s_prior": (4,)}, "maps": {"z_r_prior": (4,), **MAPS}}
SEEDS, DRAWS, Y = [0, -5, 2**40 + 1], [0, 1, 12], [2, 0, 1]


@pytest.mark.parametrize(("seed", "salt", "size"), PAIRS)
def test_random_numbers_are_those_of_tensorflow(blank, seed, salt, size):
    expected = tf.random.stateless_normal([size], tf.constant([seed, salt], tf.int64)).numpy()
    code = """const { normal } = await import("./noise.js");
        return Array.from(normal(BigInt(argument.seed), BigInt(argument.salt), argument.size));"""
    values = run(blank, code, {"seed": str(seed), "salt": str(salt), "size": size})
    assert np.abs(values - expected).max() <= CLOSE


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("function", ["sample", "draw", "integrate_draw"])
def test_noise_is_that_of_the_model(blank, kind, function):
    noise = Noise(3, SHAPES[kind])
    seed, draw, y = (tf.constant(values, tf.int64) for values in (SEEDS, DRAWS, Y))
    arguments = {"sample": (y, seed), "draw": (y, seed, draw), "integrate_draw": (seed, draw)}[function]
    expected = {name: value.numpy() for name, value in getattr(noise, function)(*arguments).items()}
    code = """const { noise } = await import("./noise.js");
        const inputs = Object.fromEntries(Object.entries(argument.inputs).map(([key, of]) => [key, integers(of)]));
        return plains(noise(argument.name, inputs, argument.shapes, 3));"""
    inputs = {"seed": [str(value) for value in SEEDS], "y": Y} | ({} if function == "sample" else {"draw": DRAWS})
    shapes = {spec.name: spec.shape[1:].as_list() for spec in noise.specs(function)}
    made = run(blank, code, {"name": function, "shapes": shapes, "inputs": inputs})
    assert made.keys() == expected.keys()
    for name, values in expected.items():
        assert found(made[name]).shape == values.shape
        assert np.abs(found(made[name]) - values).max() <= CLOSE, name
