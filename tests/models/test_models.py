"""What holds for the models of both phases: who learns what from whom."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.models.adversarial_autoencoder import batch_mean, correct, correct_class

from .conftest import make_batch, make_model, make_prior, same, step_gradients

ROLES = ("enc", "dec", "enc_d", "dec_d")


def weights(network):
    return [np.array(variable) for variable in network.trainable_variables]


def moved(before, after):
    return any(np.any(b != a) for b, a in zip(before, after, strict=True))


@pytest.mark.parametrize("role", ROLES)
def test_each_optimizer_moves_only_its_own_network(model, role):
    for other in ROLES:
        model.optimizers[other].learning_rate = 0.0 if other != role else 1e-3
    before = {name: weights(network) for name, network in model.trained.items()}
    model.update(make_batch(), make_prior())
    after = {name: weights(network) for name, network in model.trained.items()}
    assert [name for name in ROLES if moved(before[name], after[name])] == [role]


def test_one_step_changes_every_network_and_reports_every_metric(model):
    before = {name: weights(network) for name, network in model.trained.items()}
    logs = model.train_step(make_batch())
    assert all(moved(before[name], weights(network)) for name, network in model.trained.items())
    # Algorithm 3's image is only decoded in training where it is trained.
    assert set(logs) == set(model.metric_names) - {"integration"}
    assert all(np.isfinite(value) for value in logs.values())


@pytest.mark.parametrize(("weight", "pupil"), [("gamma_dec", "dec"), ("gamma_enc", "enc")])
def test_an_image_discriminator_teaches_the_decoder_only_and_a_latent_one_the_encoder(
    phase, weight, pupil, monkeypatch
):
    without, with_it = (step_gradients(phase, monkeypatch, **{weight: value}) for value in (0.0, 1.0))
    assert [role for role in ROLES if not same(without[role], with_it[role])] == [pupil]


def test_generated_images_do_not_train_the_encoder(phase, monkeypatch):
    """The decoder's objective sees x_gen, whose code is a prior's; another leaves the encoder's gradient alone."""
    settings = dict(gamma_enc=0.0, gamma_dec=1.0)
    first = step_gradients(phase, monkeypatch, **settings)
    second = step_gradients(phase, monkeypatch, z_prior=make_prior(seed=1), **settings)
    assert same(first["enc"], second["enc"])
    assert not same(first["dec"], second["dec"])


def test_what_a_discriminator_gets_right_by_hand():
    logits = tf.constant([[-1.0], [2.0], [0.5]])
    np.testing.assert_array_equal(correct(logits, True), [0, 1, 1])
    np.testing.assert_array_equal(correct(logits, False), [1, 0, 0])
    classes = tf.constant([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    np.testing.assert_array_equal(correct_class(classes, tf.constant([1, 1])), [1, 0])


def test_batch_mean_is_the_mean_on_one_device():
    assert float(batch_mean(tf.constant([1.0, 2.0, 6.0]))) == 3.0


def test_weights_and_moments_survive_save_and_load(phase, tmp_path):
    models = [make_model(phase), make_model(phase)]
    for model in models:
        model.compile()
    for _ in range(2):
        models[0].update(make_batch(), make_prior())
    models[0].save_weights(tmp_path / "run.weights.h5")
    models[1].load_weights(tmp_path / "run.weights.h5")
    for role in ROLES:
        saved, loaded = (model.optimizers[role].variables for model in models)
        for a, b in zip(saved, loaded, strict=True):
            np.testing.assert_array_equal(a, b)
        assert int(models[1].optimizers[role].iterations) == 2
    for a, b in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_adam_is_torchs(model):
    for role in ROLES:
        optimizer = model.optimizers[role]
        assert (float(optimizer.learning_rate), optimizer.beta_1, optimizer.epsilon) == (
            pytest.approx(2e-4),
            0.5,
            1e-8,
        )


def test_a_few_steps_lower_the_reconstruction_loss(model):
    first = np.mean(model.update(make_batch(), make_prior())["reconstruction"])
    for _ in range(15):
        last = np.mean(model.update(make_batch(), make_prior())["reconstruction"])
    assert last < first
