import types

import keras
import numpy as np
import pytest

from icell_tf.evaluation import reconstruction
from tests.short_evaluation import by_name, coded_cells

N, SIZE = 60, 16
CHANNELS = ("membrane", "nucleus", "structure")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (N, SIZE, SIZE, 3), np.uint8)


def scores_of(reconstruct, images, networks=None, **truths):
    """Scores by name of cells that are the training cells, too, by a function as their model."""
    integrator = types.SimpleNamespace(reconstruct=lambda x: {"x_rs_hat": reconstruct(x)})
    fields = {"integrator": integrator, "networks": networks, "reference_trained": networks is not None}
    cells = coded_cells(images, truths=truths)
    return by_name(reconstruction.scores(types.SimpleNamespace(**fields), cells, cells))


def test_cross_entropy_by_hand():
    x_hat, x = np.array([0.5, 0.25, 0.75, 0.5]).reshape(1, 2, 2, 1), np.array([1, 0, 1, 0.5]).reshape(1, 2, 2, 1)
    by_hand = np.mean([np.log(2), -np.log(0.75), -np.log(0.75), np.log(2)])
    np.testing.assert_allclose(reconstruction.cross_entropy(x_hat, x), [[by_hand]])
    black_and_white = np.array([0.0, 1, 1, 0]).reshape(1, 2, 2, 1)
    assert reconstruction.cross_entropy(black_and_white, black_and_white) == 0


def test_a_copy_scores_one_and_reaches_the_floor(images):
    found = scores_of(lambda x: x, images)
    names = {f"{channel}_{what}" for channel in CHANNELS for what in ("cross_entropy", "r")}
    assert set(found) == {"cross_entropy"} | names
    for score in found.values():
        assert score.n == N and set(score.rivals) == {"mean training image"}
        if score.metric == "r":
            assert score.value == pytest.approx(1) and score.better == "higher"
            assert score.baselines["mean training image"] == pytest.approx(1 / np.sqrt(N), abs=0.05)
        else:
            floor = score.baselines["floor: the images' own entropy"]
            assert score.value == pytest.approx(floor, abs=1e-6) and score.better == "lower"
            assert score.value < 0.6 < 0.67 < score.baselines["mean training image"]
    assert found["cross_entropy"].value == pytest.approx(np.mean([found[f"{c}_cross_entropy"].value for c in CHANNELS]))


def test_another_cells_image_scores_chance(images):
    found = scores_of(lambda x: np.roll(x, 1, axis=0), images)
    for channel in CHANNELS:
        score = found[f"{channel}_r"]
        assert score.interval[0] < 0 < score.interval[1] and abs(score.value) < 0.03
        assert found[f"{channel}_cross_entropy"].value > 0.9


def test_noise_is_held_against_the_cell_without_it(images):
    noise = np.random.default_rng(1).normal(0, 60, images.shape)
    noisy = np.clip(images + noise, 0, 255).astype(np.uint8)
    of_copy = np.mean([np.corrcoef(noisy[i, ..., 0].ravel(), images[i, ..., 0].ravel())[0, 1] for i in range(N)])
    truth = iter(np.split(images.astype(np.float32) / 255, [50]))
    found = scores_of(lambda x: next(truth), noisy, noise_free=images)
    score = found["membrane_r_noise_free"]
    assert score.value == pytest.approx(1)
    assert score.baselines["the noisy image itself"] == pytest.approx(of_copy) and 0.5 < of_copy < 0.9
    assert found["membrane_r"].value == pytest.approx(of_copy, abs=1e-3)


def test_the_reference_model_has_rows_of_its_own(images):
    def logit(x):
        x = keras.ops.clip(x, 1e-6, 1 - 1e-6)
        return keras.ops.log(x) - keras.ops.log(1 - x)

    networks = {"enc_r": lambda x, training: 1 - x, "dec_r": lambda z, training: logit(1 - z)}
    found = scores_of(lambda x: 1 - x, images, networks)
    assert found["membrane_r"].value == pytest.approx(-1)
    assert found["reference_membrane_r"].value == pytest.approx(1)
    floor = found["nucleus_cross_entropy"].baselines["floor: the images' own entropy"]
    assert found["reference_nucleus_cross_entropy"].value == pytest.approx(floor, abs=1e-4)
    assert "reference_structure_r" not in found and "reference_cross_entropy" in found
