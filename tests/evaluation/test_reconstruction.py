"""Scores of reconstructions whose quality is known: a copy, another cell's, the mean image's."""

import types

import keras
import numpy as np
import pytest

from icell_tf.evaluation import reconstruction
from icell_tf.evaluation.coded_cells import CodedCells
from tests.by_name import by_name

N, SIZE = 60, 16


def coded(images, split="test", **truths):
    n = len(images)
    codes = np.zeros((n, 2))
    return CodedCells(
        split, images, np.zeros(n, int), ["c"] * n, ["f"] * n, np.ones((n, 1)), codes, codes, codes, **truths
    )


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (N, SIZE, SIZE, 3), np.uint8)


def subject(reconstruct, **kwargs):
    integrator = types.SimpleNamespace(reconstruct=lambda x: {"x_rs_hat": reconstruct(x)})
    return types.SimpleNamespace(integrator=integrator, **({"networks": {}, "reference_trained": False} | kwargs))


def test_cross_entropy_by_hand():
    x_hat, x = np.array([0.5, 0.25, 0.75, 0.5]).reshape(1, 2, 2, 1), np.array([1, 0, 1, 0.5]).reshape(1, 2, 2, 1)
    by_hand = np.mean([np.log(2), -np.log(0.75), -np.log(0.75), np.log(2)])
    np.testing.assert_allclose(reconstruction.cross_entropy(x_hat, x), [[by_hand]])
    black_and_white = np.array([0.0, 1, 1, 0]).reshape(1, 2, 2, 1)
    assert reconstruction.cross_entropy(black_and_white, black_and_white) == 0


def test_a_copy_scores_one_and_reaches_the_floor(images):
    found = by_name(reconstruction.scores(subject(lambda x: x), coded(images), coded(images, "train")))
    assert set(found) == {"cross_entropy"} | {
        f"{channel}_{what}" for channel in ("membrane", "nucleus", "structure") for what in ("cross_entropy", "r")
    }
    for score in found.values():
        assert score.n == N and set(score.rivals) == {"mean training image"}
        if score.metric == "r":
            assert score.value == pytest.approx(1) and score.better == "higher"
            assert score.baselines["mean training image"] == pytest.approx(1 / np.sqrt(N), abs=0.05)
        else:
            floor = score.baselines["floor: the images' own entropy"]
            assert score.value == pytest.approx(floor, abs=1e-6) and score.better == "lower"
            assert score.value < 0.6 < 0.67 < score.baselines["mean training image"]
    channels = [found[f"{channel}_cross_entropy"].value for channel in ("membrane", "nucleus", "structure")]
    assert found["cross_entropy"].value == pytest.approx(np.mean(channels))


def test_another_cells_image_scores_chance(images):
    found = by_name(
        reconstruction.scores(subject(lambda x: np.roll(x, 1, axis=0)), coded(images), coded(images, "train"))
    )
    for channel in ("membrane", "nucleus", "structure"):
        score = found[f"{channel}_r"]
        assert score.interval[0] < 0 < score.interval[1] and abs(score.value) < 0.03
        assert found[f"{channel}_cross_entropy"].value > 0.9


def test_noise_is_held_against_the_cell_without_it(images):
    noise = np.random.default_rng(1).normal(0, 60, images.shape)
    noisy = np.clip(images + noise, 0, 255).astype(np.uint8)
    of_copy = np.mean([np.corrcoef(noisy[i, ..., 0].ravel(), images[i, ..., 0].ravel())[0, 1] for i in range(N)])
    truth = iter(np.split(images.astype(np.float32) / 255, [50]))
    cells = coded(noisy, noise_free=images)
    found = by_name(reconstruction.scores(subject(lambda x: next(truth)), cells, coded(noisy, "train")))
    score = found["membrane_r_noise_free"]
    assert score.value == pytest.approx(1)
    assert score.baselines["the noisy image itself"] == pytest.approx(of_copy) and 0.5 < of_copy < 0.9
    assert found["membrane_r"].value == pytest.approx(of_copy, abs=1e-3)


def test_the_reference_model_has_rows_of_its_own(images):
    def logit(x):
        x = keras.ops.clip(x, 1e-6, 1 - 1e-6)
        return keras.ops.log(x) - keras.ops.log(1 - x)

    networks = {"enc_r": lambda x, training: 1 - x, "dec_r": lambda z, training: logit(1 - z)}
    trained = subject(lambda x: 1 - x, networks=networks, reference_trained=True)
    found = by_name(reconstruction.scores(trained, coded(images), coded(images, "train")))
    assert found["membrane_r"].value == pytest.approx(-1)
    assert found["reference_membrane_r"].value == pytest.approx(1)
    assert found["reference_nucleus_cross_entropy"].value == pytest.approx(
        found["nucleus_cross_entropy"].baselines["floor: the images' own entropy"], abs=1e-4
    )
    assert "reference_structure_r" not in found and "reference_cross_entropy" in found
