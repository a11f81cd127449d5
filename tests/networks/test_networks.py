"""The networks against their tables, and properties that hold for every one of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from icell_tf import config, networks
from icell_tf.networks import blocks
from icell_tf.networks.noise import WhiteNoise

K = 10
TINY = dict(width=1 / 16)


def build_all(image_size, structures=K, latent_dim=16, width=1.0, architecture="paper"):
    """{name: network}, the seven of the paper."""
    shape = dict(width=width, architecture=architecture)
    return {
        "enc_r": networks.build_reference_encoder(image_size, latent_dim, **shape),
        "dec_r": networks.build_reference_decoder(image_size, latent_dim, **shape),
        "enc_d": networks.build_latent_discriminator(latent_dim),
        "dec_d_r": networks.build_image_discriminator(image_size, 2, 1, **shape),
        "enc_rs": networks.build_conditional_encoder(image_size, structures, latent_dim, **shape),
        "dec_rs": networks.build_conditional_decoder(image_size, structures, latent_dim, **shape),
        "dec_d_rs": networks.build_image_discriminator(image_size, 3, structures + 1, **shape),
    }


def example_input(network, batch):
    rng = np.random.default_rng(1)
    inputs = [rng.random((batch, *tensor.shape[1:]), np.float32) for tensor in network.inputs]
    return inputs[0] if len(inputs) == 1 else inputs


def outputs(network, x, training=False):
    return [np.asarray(output) for output in tf.nest.flatten(network(x, training=training))]


PARAMETERS = {  # worked out from Tables S1 to S7 at 256 pixels
    "enc_r": 28_191_600,
    "dec_r": 28_207_940,
    "enc_d": 1_595_393,
    "dec_d_r": 6_960_001,
    "enc_rs": 28_618_686,
    "dec_rs": 28_634_950,
    "dec_d_rs": 7_042_955,
}


def test_parameters_of_the_paper_at_256_pixels():
    for name, network in build_all(256).items():
        assert sum(int(np.prod(weights.shape)) for weights in network.trainable_variables) == PARAMETERS[name], name


@pytest.mark.parametrize(
    ("image_size", "width", "fewer", "widths"),
    [
        (256, 1.0, 0, [64, 128, 256, 512, 1024, 1024]),  # Table S1
        (256, 0.5, 1, [32, 64, 128, 256, 512]),
        (32, 1.0, 0, [64, 128, 256]),
        (512, 1.0, 0, [64, 128, 256, 512, 1024, 1024, 1024]),  # the last repeated
        (32, 1 / 32, 0, [4, 4, 8]),  # none narrower than 4
    ],
)
def test_widths_of_the_stages(image_size, width, fewer, widths):
    assert blocks.stage_widths((64, 128, 256, 512, 1024, 1024), image_size, width, fewer) == widths


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
@pytest.mark.parametrize("image_size", [32, 64, 128, 256, 512])
def test_shapes_at_every_image_size(image_size, architecture):
    found = build_all(image_size, structures=3, latent_dim=5, architecture=architecture, **TINY)
    assert found["enc_r"].output_shape == (None, 5)
    assert found["dec_r"].output_shape == (None, image_size, image_size, 2)
    assert found["dec_d_r"].output_shape == (None, 1)
    assert found["enc_rs"].output_shape == [(None, 3), (None, 5), (None, 5)]
    assert found["dec_rs"].output_shape == (None, image_size, image_size, 3)
    assert found["dec_d_rs"].output_shape == (None, 4)


def test_other_numbers_of_reference_channels():
    assert networks.build_reference_encoder(32, channels=1, **TINY).input_shape == (None, 32, 32, 1)
    assert networks.build_reference_decoder(32, channels=1, **TINY).output_shape == (None, 32, 32, 1)
    assert networks.build_conditional_encoder(32, K, channels=5, **TINY).input_shape == (None, 32, 32, 5)
    assert networks.build_conditional_decoder(32, K, channels=5, **TINY).output_shape == (None, 32, 32, 5)


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
def test_the_decoders_output_starts_at_the_given_logits(architecture):
    start, z = [-3.0, 1.5], np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    grey, given = (
        networks.build_reference_decoder(32, 4, architecture=architecture, output_logits=logits, **TINY)
        for logits in (None, start)
    )
    for network, expected in ((grey, [0, 0]), (given, start)):
        for layer in network.layers:
            if isinstance(layer, keras.layers.Conv2DTranspose):
                layer.kernel.assign(layer.kernel * 0)  # what is left is where the output starts
        np.testing.assert_allclose(outputs(network, z)[0], np.broadcast_to(expected, (16, 32, 32, 2)), atol=1e-6)


@pytest.mark.parametrize("image_size", [16, 48, 100, 1024])
def test_other_image_sizes_are_refused(image_size):
    with pytest.raises(ValueError, match=f"image_size is {image_size}.*powers of two"):
        networks.build_reference_encoder(image_size)


@pytest.fixture(scope="module", params=networks.ARCHITECTURES)
def tiny_networks(request):
    keras.utils.set_random_seed(0)
    return build_all(32, structures=3, latent_dim=5, architecture=request.param, **TINY)


def test_every_network_accepts_any_batch_size(tiny_networks):
    for network in tiny_networks.values():
        for batch in (1, 3):
            assert all(len(output) == batch for output in outputs(network, example_input(network, batch)))


def test_every_network_survives_save_and_load(tiny_networks, tmp_path):
    for name, network in tiny_networks.items():
        network.save(tmp_path / f"{name}.keras")
        loaded = keras.models.load_model(tmp_path / f"{name}.keras")
        x = example_input(network, 2)
        for before, after in zip(outputs(network, x), outputs(loaded, x), strict=True):
            np.testing.assert_array_equal(before, after)


def test_gradients_reach_every_weight(tiny_networks):
    for name, network in tiny_networks.items():
        x = [tf.constant(value) for value in tf.nest.flatten(example_input(network, 4))]
        with tf.GradientTape() as tape:
            found = tf.nest.flatten(network(x if len(x) > 1 else x[0], training=True))
            loss = tf.add_n([tf.reduce_sum(output**2) for output in found])
        gradients = tape.gradient(loss, network.trainable_variables)
        assert all(gradient is not None for gradient in gradients), name


def test_architectures_are_those_of_the_config():
    assert tuple(networks.ARCHITECTURES) == config.ARCHITECTURES


def test_one_hot_is_fed_to_the_released_decoder_as_0_and_minus_25():
    np.testing.assert_allclose(blocks.LogProbability()(np.eye(2, dtype=np.float32)), [[0, -25], [-25, 0]], rtol=1e-6)


def test_released_architecture_differs_where_the_released_code_does():
    paper, released = (build_all(64, architecture=name, **TINY) for name in ("paper", "released"))

    def counts(name, kind):
        return [sum(isinstance(layer, kind) for layer in found[name].layers) for found in (paper, released)]

    norms = {name: np.subtract(*counts(name, keras.layers.BatchNormalization)) for name in paper}
    assert norms["dec_r"] == 2  # the dense layer's and the output's
    assert norms["dec_d_r"] == 1  # the first stage's
    assert norms["enc_rs"] == 0
    assert counts("dec_d_r", WhiteNoise) == [1, 2]  # on the image, and before the dense head
    slopes = [layer.alpha.shape for layer in released["enc_r"].layers if isinstance(layer, keras.layers.PReLU)]
    assert set(slopes) == {(1, 1, 1)}
    assert isinstance(released["dec_d_rs"].layers[-1], keras.layers.Dense)
    convolutions = keras.layers.Conv2D, keras.layers.Conv2DTranspose
    for name, network in released.items():
        biased = [layer.name for layer in network.layers if isinstance(layer, convolutions) and layer.use_bias]
        assert not biased, (name, biased)
