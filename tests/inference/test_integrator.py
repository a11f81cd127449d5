import numpy as np
import pytest
import tensorflow as tf

from icell_tf.config import ARCHITECTURES
from icell_tf.inference.integrator import DECODER_BATCH

from ..conftest import LATENT, SIZE, STRUCTURES

K = len(STRUCTURES)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def integrator(request, make_integrator):
    return make_integrator(request.param)


@pytest.fixture(scope="module")
def cells():
    return np.random.default_rng(1).random((5, SIZE, SIZE, 3), np.float32)


def decode(integrator, y, z_r, z_s):
    """What the decoder itself returns, for comparison."""
    return tf.sigmoid(integrator.networks.dec_rs({"y": y, "z_r": z_r, "z_s": z_s}, training=False)).numpy()


def test_integrate_is_algorithm_3(integrator, cells):
    result = integrator.integrate(cells[..., :2])
    z_r = integrator.networks.enc_r(cells[..., :2], training=False).numpy()
    np.testing.assert_allclose(result["z_r"], z_r, atol=1e-5)
    for b in range(len(cells)):
        for k in range(K):
            x_hat = decode(integrator, np.eye(K, dtype=np.float32)[k : k + 1], z_r[b : b + 1], np.zeros((1, LATENT)))
            np.testing.assert_allclose(result["structures"][b, ..., k], x_hat[0, ..., 2], atol=1e-5)
    assert np.ptp(result["structures"], axis=-1).max() > 1e-3  # the structures differ from each other


def test_mirrored_results_are_means_over_four_poses(make_integrator, cells):
    plain, mirrored = make_integrator("released"), make_integrator("released", mirrored=True)
    x_r = cells[..., :2]
    for method, key, x in (("integrate", "structures", x_r), ("reconstruct", "x_rs_hat", cells)):
        one, mean = getattr(plain, method), getattr(mirrored, method)(x)[key]
        poses = [np.flip(one(np.flip(x, axes))[key], axes) for axes in ((), (1,), (2,), (1, 2))]
        np.testing.assert_allclose(mean, np.mean(poses, axis=0), atol=1e-5)
        assert np.abs(poses[0] - poses[3]).max() > 1e-3
    np.testing.assert_allclose(mirrored.integrate(x_r)["z_r"], plain.integrate(x_r)["z_r"], atol=1e-6)


def test_mean_and_std_are_those_of_the_draws(integrator, cells):
    x_r, n = cells[:2, ..., :2], 4
    draws = [
        integrator.networks.functions["integrate_draw"](
            x_r=tf.constant(x_r), seed=tf.constant([7, 7], tf.int64), draw=tf.constant([i, i], tf.int64)
        )["structures"].numpy()
        for i in range(n)
    ]
    result = integrator.integrate(x_r, samples=n, seed=7)
    np.testing.assert_allclose(result["mean"], np.mean(draws, axis=0), atol=1e-6)
    np.testing.assert_allclose(result["std"], np.std(draws, axis=0), atol=1e-6)
    assert result["std"].max() > 1e-4
    np.testing.assert_array_equal(result["structures"], integrator.integrate(x_r)["structures"])


def test_draws_depend_on_the_seed_and_not_on_the_batch(integrator, cells):
    many = np.concatenate([cells[..., :2]] * (DECODER_BATCH // K // len(cells) + 2))  # more than one chunk
    together = integrator.integrate(many, samples=2, seed=3)
    alone = integrator.integrate(many[-1:], samples=2, seed=3)
    other = integrator.integrate(many[-1:], samples=2, seed=4)
    np.testing.assert_allclose(together["mean"][-1:], alone["mean"], atol=1e-5)
    assert np.abs(alone["mean"] - other["mean"]).max() > 1e-4


def test_each_cell_may_have_a_seed_of_its_own(integrator, cells):
    x_r = cells[:2, ..., :2]
    (own,) = integrator.draw(x_r, 1, [3, 4], y=[0, 1])
    for i, seed in enumerate((3, 4)):
        (alone,) = integrator.draw(x_r[i : i + 1], 1, seed)
        np.testing.assert_allclose(own[i], alone[0, ..., i], atol=1e-5)
    with pytest.raises(ValueError, match="seed must be one integer or 2 of them"):
        next(integrator.draw(x_r, 1, [3, 4, 5]))


def test_draws_are_standard_normal(integrator):
    codes = integrator.sample(np.zeros(500, int), seed=0)
    for z in (codes["z_r"], codes["z_s"]):  # 2,000 draws: the mean's standard error is 0.022
        assert abs(z.mean()) < 0.11
        assert abs(z.std() - 1) < 0.08
    assert abs(np.corrcoef(codes["z_r"].ravel(), codes["z_s"].ravel())[0, 1]) < 0.11


def test_sample_decodes_its_codes(integrator):
    result = integrator.sample([2, 0], seed=11)
    x_hat = decode(integrator, np.eye(K, dtype=np.float32)[[2, 0]], result["z_r"], result["z_s"])
    np.testing.assert_allclose(result["x_rs"], x_hat, atol=1e-5)
    np.testing.assert_array_equal(integrator.sample([1], seed=[12])["z_r"], result["z_r"][1:])


def test_encode_classify_and_reconstruct_agree_with_the_networks(integrator, cells):
    coded = integrator.networks.enc_rs(cells, training=False)
    logits, z_r, z_s = (coded[name].numpy() for name in ("y_logits", "z_r_hat", "z_s"))
    codes = integrator.encode(cells)
    np.testing.assert_allclose(codes["z_r"], z_r, atol=1e-5)
    np.testing.assert_allclose(codes["z_s"], z_s, atol=1e-5)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(integrator.classify(cells)["probabilities"], expected, atol=1e-5)
    x_hat = decode(integrator, expected, z_r, z_s)
    np.testing.assert_allclose(integrator.reconstruct(cells)["x_rs_hat"], x_hat, atol=1e-4)


def test_decoding_the_codes_of_a_cell_reconstructs_it(integrator, cells):
    decoded = integrator.decode(**integrator.encode(cells))
    np.testing.assert_allclose(decoded["x_rs_hat"], integrator.reconstruct(cells)["x_rs_hat"], atol=1e-5)


def test_one_row_of_codes_holds_for_all_cells_and_chunks_join_in_order(integrator):
    z_s = np.random.default_rng(1).standard_normal((DECODER_BATCH // K + 2, LATENT))
    y_onehot, z_r = np.eye(K)[1], np.zeros(LATENT)
    decoded = integrator.decode(y_onehot, z_r, z_s)["x_rs_hat"]
    assert decoded.shape == (len(z_s), SIZE, SIZE, 3) and 0 <= decoded.min() < decoded.max() <= 1
    np.testing.assert_allclose(integrator.decode(y_onehot, z_r, z_s[-1])["x_rs_hat"], decoded[-1:], atol=1e-5)


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((SIZE, SIZE, 2)), "shape"),
        (np.zeros((0, SIZE, SIZE, 2)), "shape"),
        (np.zeros((1, SIZE, SIZE, 3)), "shape"),
        (np.zeros((1, 2 * SIZE, SIZE, 2)), "1.2 µm"),
        (np.zeros((1, SIZE, SIZE, 2), np.uint8), "255"),
        (np.full((1, SIZE, SIZE, 2), 1.5), "0, 1"),
        (np.full((1, SIZE, SIZE, 2), np.nan), "0, 1"),
    ],
)
def test_refuses_other_images(integrator, images, message):
    with pytest.raises(ValueError, match=message):
        integrator.integrate(images)


def test_refuses_other_indices(integrator):
    for y in ([K], [-1], [], [[0]]):
        with pytest.raises(ValueError, match="0..2"):
            integrator.sample(y)
    with pytest.raises(ValueError, match="seed"):
        integrator.sample([0, 1], seed=[1])
    with pytest.raises(ValueError, match="samples"):
        integrator.integrate(np.zeros((1, SIZE, SIZE, 2)), samples=-1)
    for given in ({"y": [0.7]}, {"y": ["zo1"]}, {"y": [0], "seed": 0.5}, {"y": [0], "seed": None}):
        with pytest.raises(ValueError, match="must be integers"):
            integrator.sample(**given)
    with pytest.raises(ValueError, match="samples is 1.5, but must be integers"):
        integrator.integrate(np.zeros((1, SIZE, SIZE, 2)), samples=1.5)


def test_refuses_codes_that_are_not_numbers(integrator):
    with pytest.raises(ValueError, match="without NaN"):
        integrator.decode(np.zeros(K), np.full(LATENT, np.nan), np.zeros(LATENT))


@pytest.mark.parametrize(
    "shapes", [((K + 1,), (LATENT,)), ((K,), (1,)), ((2, K), (3, LATENT)), ((1, 1, K), (LATENT,)), ((0, K), (LATENT,))]
)
def test_refuses_codes_of_other_sizes(integrator, shapes):
    y, z = map(np.zeros, shapes)
    with pytest.raises(ValueError, match=f"{K}.*{LATENT}"):
        integrator.decode(y, z, z)
