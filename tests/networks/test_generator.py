"""The networks of phase 3."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.networks.generator import noise_shapes

WIDTH, K = 1 / 16, 3


def given_for(generator, count=2, seed=0):
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(size=(count, *x.shape[1:])).astype(np.float32) for name, x in generator.input.items()}
    if "y" in found:
        found["y"] = np.eye(K, dtype=np.float32)[np.arange(count) % K]
    return {name: tf.constant(values) for name, values in found.items()}


@pytest.mark.parametrize("shape", [(32, 32), (16, 64), (8, 16, 16)])
def test_noise_enters_at_every_size_and_the_image_has_the_cells_size(shape):
    generator = networks.build_generator(shape, 3, 2, K, WIDTH)
    sizes = [size[:-1] for size in noise_shapes(generator).values()]
    assert sizes[0] == shape
    assert max(sizes[-1]) == 4
    assert all(np.all(np.array(larger) >= smaller) for larger, smaller in zip(sizes, sizes[1:], strict=False))
    assert generator(given_for(generator)).shape == (2, *shape, 2)


@pytest.mark.parametrize("changed", ["given", "y", "noise_0", "noise_1", "noise_2", "noise_3"])
def test_every_input_reaches_the_image(changed):
    generator = networks.build_generator((32, 32), 3, 1, K, WIDTH)
    generator.set_weights(
        [np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(generator.get_weights())]
    )
    given = given_for(generator)
    other = given_for(generator, seed=1)[changed] if changed != "y" else given["y"][::-1]
    assert not np.allclose(generator(given), generator({**given, changed: other}))


def test_the_finest_noise_has_a_scale_of_its_own_for_each_structure():
    generator = networks.build_generator((32, 32), 3, 1, K, WIDTH)
    scale = next(layer for layer in generator.layers if layer.name.startswith("dense") and layer.units == 1)
    scale.set_weights([np.array([[-1.0], [0.0], [1.0]]), np.ones(1)])  # 0, 1 and 2 for the three structures
    given, other = given_for(generator, 3), given_for(generator, 3, seed=1)
    changed = np.abs(generator(given) - generator({**given, "noise_0": other["noise_0"]})).max(axis=(1, 2, 3))
    assert changed[0] == 0 and 0 < changed[1] < changed[2]


def test_it_starts_at_the_given_intensity():
    generator = networks.build_generator((32, 32), 2, 2, 0, WIDTH, output_logits=[-3.0, 1.0])
    drawn = np.mean(generator(given_for(generator)), axis=(0, 1, 2))
    np.testing.assert_allclose(drawn, [-3.0, 1.0], atol=0.5)


@pytest.mark.parametrize("shape", [(32, 32), (16, 64), (8, 16, 16)])
@pytest.mark.parametrize("structures", [0, K])
def test_the_critic_gives_a_logit_a_cell_from_its_own_image_alone(shape, structures):
    critic = networks.build_critic(shape, 2, structures, WIDTH)
    x = tf.constant(np.random.default_rng(0).random((3, *shape, 2)).astype(np.float32))
    given = {"x": x, "y": tf.one_hot([0, 1, 2], K)} if structures else {"x": x}
    logits = critic(given, training=True)
    assert logits.shape == (3, 1)
    first = critic({name: values[:1] for name, values in given.items()}, training=True)
    np.testing.assert_allclose(first, logits[:1], atol=1e-5)
