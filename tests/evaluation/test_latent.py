"""Codes compared with their prior, and what they tell the decoder, with codes whose scores are known."""

import keras
import numpy as np
import pytest
from scipy import stats

from icell_tf.evaluation import latent
from tests.short_evaluation import by_name, coded_cells

N, DIMS = 240, 6


def codes(change):
    """Codes in the poses of training, and as prepared. Each dimension has the quantiles of N(0, 1) exactly."""
    quantiles = stats.norm.ppf((np.arange(N) + 0.5) / N)
    z_r, z_s, prepared = np.random.default_rng(0).permuted(np.tile(quantiles[:, None], (3, 1, DIMS)), axis=1)
    return {"z_r": change(z_r), "z_s": z_s}, {"z_r": prepared + 1, "z_s": z_s}


def test_codes_that_follow_the_prior_are_not_told_from_it():
    scores = by_name(latent.prior_scores(codes(lambda z: z)[0]))
    for name in ("z_r", "z_s"):
        assert scores[f"{name}_mmd_p"].value > 0.05
        assert scores[f"{name}_mmd_rejected"].value <= 0.05
        assert scores[f"{name}_ks_rejected"].value == 0
        error = scores[f"{name}_covariance_error"]
        assert error.value == pytest.approx(error.baselines["draws of the prior"], rel=0.4)


def test_shifted_codes_are():
    scores = by_name(latent.prior_scores(codes(lambda z: z + [1, 0, 0, 0, 0, 0.8])[0]))
    assert scores["z_r_mmd_p"].value == pytest.approx(0.001)
    assert scores["z_r_mmd_rejected"].value == 1
    assert scores["z_r_ks_rejected"].value == 2
    assert scores["z_s_ks_rejected"].value == 0
    assert scores["z_r_ks_largest"].value == pytest.approx(0.383, abs=0.08)  # Phi(1/2) - Phi(-1/2) for a shift of 1


def test_correlated_codes_have_an_error_of_covariance():
    def correlated(z):
        return np.column_stack([z[:, 0], z[:, 0], z[:, 2:]])

    error = by_name(latent.prior_scores(codes(correlated)[0]))["z_r_covariance_error"]
    assert error.value == pytest.approx(np.sqrt(2), abs=0.4)  # two entries of 1 where 0 should be
    assert error.value > 2 * error.baselines["draws of the prior"]


def test_a_mirrored_model_is_measured_in_its_poses_with_the_prepared_one_beside():
    posed, prepared = codes(lambda z: z)
    others = {name: ("the prepared pose", z) for name, z in prepared.items()}
    score = by_name(latent.prior_scores(posed, others))["z_r_mmd_p"]
    assert score.value > 0.05
    assert score.baselines["p in the prepared pose"] == pytest.approx(0.001)
    assert all("p in the prepared pose" not in score.baselines for score in latent.prior_scores(posed))
    assert latent.prior_scores({name: z[:1] for name, z in posed.items()}) == []  # a single code is not compared


def test_holm_corrects_as_by_hand():
    assert latent.holm(np.array([0.04, 0.01, 0.03])) == pytest.approx([0.06, 0.03, 0.06])
    assert latent.holm(np.array([0.5, 0.9])) == pytest.approx([1, 1])


def test_codes_of_a_mirrored_model_are_of_mirrored_cells(make_integrator, monkeypatch):
    integrator = make_integrator(mirrored=True)
    images = np.random.default_rng(0).integers(0, 255, (40, 32, 32, 3), np.uint8)
    cells = coded_cells(images)
    mirrored = latent.encode_posed(integrator, cells)
    x_r = cells.spec.reference(images) / np.float32(255)
    poses = [integrator.encode_reference(np.flip(x_r, axes))["z_r"] for axes in ((), (1,), (2,), (1, 2))]
    apart = np.abs(np.array(poses) - mirrored["z_r"]).max(axis=2)  # (4, N)
    assert np.allclose(apart.min(axis=0), 0, atol=1e-4)
    assert set(apart.argmin(axis=0)) == {0, 1, 2, 3}
    monkeypatch.setattr(integrator, "mirrored", False)
    assert latent.encode_posed(integrator, cells)["z_r"] is cells.z_r


def test_information_is_where_the_decoder_reads_it(rng):
    """A decoder whose reference follows z_r's first dimension and whose structure follows z_s' second."""
    z_r, z_s = rng.standard_normal((2, 60, 3)).astype(np.float32)

    def dec_rs(inputs, training):
        z_r, z_s = (np.asarray(inputs[name]) for name in ("z_r", "z_s"))
        logits = np.zeros((len(z_r), 16, 16, 3), np.float32)
        logits[..., :2] = 4 * z_r[:, None, None, :1]
        logits[..., 2] = 2 * z_s[:, None, None, 1]
        return keras.ops.convert_to_tensor(logits)

    truth = 1 / (1 + np.exp(-dec_rs({"z_r": z_r, "z_s": z_s}, False).numpy()))
    cells = coded_cells(np.rint(255 * truth).astype(np.uint8), z=z_r, z_s=z_s)
    lost = latent.information(dec_rs, cells)
    assert latent.shares(lost, "z_r")[1:] == pytest.approx([0, 0], abs=1e-6)
    assert latent.shares(lost, "z_s")[[0, 2]] == pytest.approx([0, 0], abs=1e-6)
    assert latent.shares(lost, "z_r")[0] + latent.shares(lost, "z_s")[1] == pytest.approx(1, abs=1e-5)
    scores = by_name(latent.information_scores(lost, cells.spec))
    assert scores["z_r_dimensions_used"].value == scores["z_s_dimensions_used"].value == 1
    assert scores["z_s_share_of_structure"].value == pytest.approx(1)
    assert scores["z_s_share_of_reference"].value == pytest.approx(0, abs=1e-6)
    assert scores["z_r_share_of_structure"].value == pytest.approx(0, abs=1e-6)


def test_a_code_of_little_weight_uses_its_dimensions_all_the_same_and_noise_uses_none(rng):
    """z_s tells a thousandth of what z_r does; of its dimensions two tell something and the third is noise."""
    cells, small = 50, np.array([1e-3, 2e-3, 0])
    of_r = np.broadcast_to([[[1.0]], [[2.0]], [[0.5]]], (3, cells, 3))
    of_s = small[:, None, None] + rng.normal(0, 1e-4, (3, cells, 3))
    lost = {"z_r": of_r, "z_s": of_s, "all z_r": of_r.sum(axis=0), "all z_s": of_s.sum(axis=0)}
    lost["both"] = lost["all z_r"] + lost["all z_s"]
    spec = coded_cells(np.zeros((1, 32, 32, 3), np.uint8)).spec
    scores = by_name(latent.information_scores(lost, spec))
    assert scores["z_r_dimensions_used"].value == 3
    assert scores["z_s_dimensions_used"].value == 2
