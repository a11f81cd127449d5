"""The networks against their tables, and properties that hold for every one of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.config import ARCHITECTURES
from icell_tf.networks import blocks
from icell_tf.networks.convolution import HalvingConv2D
from icell_tf.networks.noise import WhiteNoise

K = 10
TINY = dict(width=1 / 16)


def build_all(shape, structures=K, latent_dim=16, width=1.0, architecture="paper"):
    """{name: network}, the seven of the paper."""
    widths = dict(width=width, architecture=architecture)
    return {
        "enc_r": networks.build_reference_encoder(shape, 2, latent_dim, **widths),
        "dec_r": networks.build_reference_decoder(shape, 2, latent_dim, **widths),
        "enc_d": networks.build_latent_discriminator(latent_dim),
        "dec_d_r": networks.build_image_discriminator(shape, 2, 1, **widths),
        "enc_rs": networks.build_conditional_encoder(shape, 3, structures, latent_dim, **widths),
        "dec_rs": networks.build_conditional_decoder(shape, 3, structures, latent_dim, **widths),
        "dec_d_rs": networks.build_image_discriminator(shape, 3, structures + 1, **widths),
    }


def example_input(network, batch):
    rng = np.random.default_rng(1)
    return keras.tree.map_structure(lambda x: rng.random((batch, *x.shape[1:]), np.float32), network.input)


def outputs(network, x, training=False):
    return [np.asarray(output) for output in tf.nest.flatten(network(x, training=training))]


def parameters(network):
    return sum(int(np.prod(weights.shape)) for weights in network.trainable_variables)


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
    for name, network in build_all((256, 256)).items():
        assert parameters(network) == PARAMETERS[name], name


def test_parameters_of_volumes():
    """At 8x16x16 pixels and a quarter of the widths: kernels of 4x4x4 and then of 3x4x4, down to 4x4x4 pixels."""
    a, b, z = 16, 32, 5  # filters of the two stages, dimensions of a code
    trunk = {channels: 64 * channels * a + 48 * a * b + 3 * (a + b) for channels in (2, 3)}  # with norm and slopes
    bottom, image = 64 * b, {channels: 48 * b * a + 3 * a + 64 * a * channels + 2 * channels for channels in (2, 3)}

    def discriminator(channels, outputs):
        return 64 * channels * a + 2 * a + 48 * a * outputs + outputs  # no slopes; the head has a bias

    expected = {
        "enc_r": trunk[2] + (bottom + 3) * z,
        "enc_rs": trunk[3] + (bottom + 3) * (K + 2 * z),
        "dec_r": (z + 1) * bottom + 3 * b + image[2],
        "dec_rs": (K + 2 * z + 1) * bottom + 3 * b + image[3],
        "dec_d_r": discriminator(2, 1),
        "dec_d_rs": discriminator(3, K + 1),
    }
    found = build_all((8, 16, 16), latent_dim=z, width=1 / 4)
    assert {name: parameters(found[name]) for name in expected} == expected


@pytest.mark.parametrize(
    ("shape", "width", "fewer", "widths"),
    [
        ((256, 256), 1.0, 0, [64, 128, 256, 512, 1024, 1024]),  # Table S1
        ((256, 256), 0.5, 1, [32, 64, 128, 256, 512]),
        ((16, 16), 1.0, 0, [64, 128]),
        ((512, 512), 1.0, 0, [64, 128, 256, 512, 1024, 1024, 1024]),  # the last repeated
        ((32, 32), 1 / 32, 0, [4, 4, 8]),  # none narrower than 4
        ((4, 32), 1.0, 0, [64, 128, 256]),  # the longest side counts
        ((64, 32, 16), 1.0, 1, [64, 128, 256]),
    ],
)
def test_widths_of_the_stages(shape, width, fewer, widths):
    assert blocks.stage_widths((64, 128, 256, 512, 1024, 1024), shape, width, fewer) == widths


SHAPES = [(side, side) for side in (16, 32, 64, 128, 256, 512)] + [(32, 64), (512, 4), (16, 16, 16), (4, 16, 32)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes_at_every_image_size(shape, architecture):
    found = build_all(shape, structures=3, latent_dim=5, architecture=architecture, **TINY)
    assert found["enc_r"].output_shape == (None, 5)
    assert found["dec_r"].output_shape == (None, *shape, 2)
    assert found["dec_d_r"].output_shape == (None, 1)
    coded = {name: output.shape for name, output in found["enc_rs"].output.items()}
    assert coded == {"y_logits": (None, 3), "z_r_hat": (None, 5), "z_s": (None, 5)}
    assert found["dec_rs"].output_shape == (None, *shape, 3)
    assert found["dec_d_rs"].output_shape == (None, 4)


def convolutions(network):
    """The kernel, the strides and the shapes of the input and the output of each convolution."""
    found = [layer for layer in network.layers if "Conv" in type(layer).__name__]
    return [(layer.kernel_size, layer.strides, layer.input.shape[1:-1], layer.output.shape[1:-1]) for layer in found]


@pytest.mark.parametrize(
    ("shape", "stages"),
    [
        ((8, 16, 16), [((4, 4, 4), (2, 2, 2), (4, 8, 8)), ((3, 4, 4), (1, 2, 2), (4, 4, 4))]),
        ((16, 4), [((4, 3), (2, 1), (8, 4)), ((4, 3), (2, 1), (4, 4))]),
    ],
    ids=str,
)
def test_each_stage_halves_the_axes_that_are_above_4(shape, stages):
    found, expected = build_all(shape, **TINY), []
    for kernel, strides, smaller in stages:
        expected.append((kernel, strides, shape, smaller))
        shape = smaller
    for name in ("enc_r", "enc_rs", "dec_d_r", "dec_d_rs"):  # the last is a discriminator's head
        assert convolutions(found[name]) == expected, name
    for name in ("dec_r", "dec_rs"):
        assert convolutions(found[name]) == [(*how, after, before) for *how, before, after in expected[::-1]], name


def test_only_stages_that_halve_a_whole_plane_have_layers_of_our_own():
    kinds = [type(layer) for layer in networks.build_reference_encoder((16, 32), 2, **TINY).layers]
    assert [kind for kind in kinds if issubclass(kind, keras.layers.Conv2D)] == [
        HalvingConv2D,
        HalvingConv2D,
        keras.layers.Conv2D,
    ]


def test_other_numbers_of_reference_channels():
    plane = (32, 32)
    assert networks.build_reference_encoder(plane, 1, **TINY).input_shape == (None, 32, 32, 1)
    assert networks.build_reference_decoder(plane, 1, **TINY).output_shape == (None, 32, 32, 1)
    assert networks.build_conditional_encoder(plane, 5, K, **TINY).input_shape == (None, 32, 32, 5)
    assert networks.build_conditional_decoder(plane, 5, K, **TINY).output_shape == (None, 32, 32, 5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_decoders_output_starts_at_the_given_logits(architecture):
    start, z = [-3.0, 1.5], np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    grey, given = (
        networks.build_reference_decoder((32, 32), 2, 4, architecture=architecture, output_logits=logits, **TINY)
        for logits in (None, start)
    )
    for network, expected in ((grey, [0, 0]), (given, start)):
        for layer in network.layers:
            if isinstance(layer, keras.layers.Conv2DTranspose):
                layer.kernel.assign(layer.kernel * 0)  # what is left is where the output starts
        np.testing.assert_allclose(outputs(network, z)[0], np.broadcast_to(expected, (16, 32, 32, 2)), atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (48, 48), (32, 100), (1024, 1024), (2, 32, 32), (32,), (8, 8, 32, 32)])
def test_other_image_sizes_are_refused(shape):
    size = " x ".join(map(str, shape))
    for build in (networks.build_reference_encoder, networks.build_reference_decoder):
        with pytest.raises(ValueError, match=f"image size is {size}, expected powers of two"):
            build(shape, channels=2)
    with pytest.raises(ValueError, match=f"image size is {size}, expected powers of two"):
        networks.build_image_discriminator(shape, channels=2, outputs=1)


CASES = [((32, 32), "paper"), ((32, 32), "released"), ((16, 32), "paper"), ((8, 16, 16), "released")]


@pytest.fixture(scope="module", params=CASES, ids=str)
def tiny_networks(request):
    keras.utils.set_random_seed(0)
    shape, architecture = request.param
    return build_all(shape, structures=3, latent_dim=5, architecture=architecture, **TINY)


def test_every_network_accepts_any_batch_size(tiny_networks):
    for network in tiny_networks.values():
        for batch in (1, 2, 5):
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
        x = tf.nest.map_structure(tf.constant, example_input(network, 4))
        with tf.GradientTape() as tape:
            found = tf.nest.flatten(network(x, training=True))
            loss = tf.add_n([tf.reduce_sum(output**2) for output in found])
        gradients = tape.gradient(loss, network.trainable_variables)
        assert all(gradient is not None for gradient in gradients), name


def test_one_hot_is_fed_to_the_released_decoder_as_0_and_minus_25():
    np.testing.assert_allclose(blocks.LogProbability()(np.eye(2, dtype=np.float32)), [[0, -25], [-25, 0]], rtol=1e-6)


def test_released_architecture_differs_where_the_released_code_does():
    paper, released = (build_all((64, 64), architecture=name, **TINY) for name in ("paper", "released"))

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
