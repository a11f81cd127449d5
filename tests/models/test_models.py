"""What holds for the models of both phases: who learns what from whom."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.models.adversarial_autoencoder import correct, correct_class
from icell_tf.models.adversarial_model import batch_mean

from .conftest import SPEC, STRUCTURES, VOLUME, WIDE, make_batch, make_model, make_prior, same, step_gradients

ROLES = ("enc", "dec", "enc_d", "dec_d")


def weights(network):
    return [np.array(variable) for variable in network.trainable_variables]


def moved(before, after):
    return any(np.any(b != a) for b, a in zip(before, after, strict=True))


def test_each_optimizer_moves_only_its_own_network(model):
    for role in ROLES:
        for other in ROLES:
            model.optimizers[other].learning_rate = 0.0 if other != role else 1e-3
        before = {name: weights(network) for name, network in model.trained.items()}
        model.update(make_batch(), make_prior())
        assert [name for name in ROLES if moved(before[name], weights(model.trained[name]))] == [role]


def test_one_step_changes_every_network_and_reports_every_metric(model):
    before = {name: weights(network) for name, network in model.trained.items()}
    logs = model.train_step(make_batch())
    assert all(moved(before[name], weights(network)) for name, network in model.trained.items())
    # Algorithm 3's image, the codes' discrepancy and dependence are only computed in training where they are trained.
    assert set(logs) == set(model.metric_names) - {"integration", "discrepancy", "dependence"}
    assert all(np.isfinite(value) for value in logs.values())


def test_no_sum_of_a_step_depends_on_the_order_in_which_operations_end(phase):
    """Of three terms and more, TensorFlow adds up first those that it may overwrite: none may have another use."""
    settings = dict(mmd_weight=0.1)
    if phase == "conditional":
        settings |= dict(integration_weight=0.5, independence_weight=0.1, reconstruct_from="targets", z_s_noise=0.1)
    model = make_model(phase, **settings)
    model.compile()
    graph = tf.function(model.train_step, autograph=False).get_concrete_function(make_batch()).graph

    def terms(operation):
        for term in operation.inputs:
            chained = term.op.type == "AddV2" and len(term.consumers()) == 1
            yield from terms(term.op) if chained else [term]

    sums = [list(terms(each)) for each in graph.get_operations() if each.type in ("AddV2", "AddN")]
    long = [found for found in sums if len(found) > 2 and found[0].dtype.is_floating]
    assert long
    assert not [term for found in long for term in found if len(term.consumers()) > 1]


@pytest.mark.parametrize("spec", [WIDE, VOLUME], ids=lambda spec: spec.axes)
def test_batches_of_any_size_teach_every_network_also_where_sides_differ(phase, spec):
    model = make_model(phase, spec=spec)
    model.compile()
    for count in (1, 2, 5):
        before = {name: weights(network) for name, network in model.trained.items()}
        logs = model.train_step(make_batch(count, spec=spec))
        assert all(np.isfinite(value) for value in logs.values())
        for name, network in model.trained.items():
            assert all(np.isfinite(values).all() for values in weights(network)), name
            # BatchNorm makes one vector 0, whatever it is: the latent discriminator can't learn from it.
            assert moved(before[name], weights(network)) or (count == 1 and name == "enc_d"), name


def test_every_weighted_term_teaches_one_network_only(phase, monkeypatch):
    """The image discriminator the decoder, the latent discriminator and the discrepancy the encoder."""
    without = step_gradients(phase, monkeypatch, gamma_dec=0.0, gamma_enc=0.0)
    for weight, pupil in (("gamma_dec", "dec"), ("gamma_enc", "enc"), ("mmd_weight", "enc")):
        with_it = step_gradients(phase, monkeypatch, **{"gamma_dec": 0.0, "gamma_enc": 0.0, weight: 1.0})
        assert [role for role in ROLES if not same(without[role], with_it[role])] == [pupil], weight


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


def test_adam_is_torchs(model):
    for role in ROLES:
        adam = model.optimizers[role]
        assert (float(adam.learning_rate), adam.beta_1, adam.epsilon) == (pytest.approx(2e-4), 0.5, 1e-8)


def test_a_few_steps_lower_the_reconstruction_loss(model):
    losses = [np.mean(model.update(make_batch(), make_prior())["reconstruction"]) for _ in range(6)]
    assert losses[-1] < losses[0]


def log_sigmoid(logits):
    return -np.logaddexp(0, -np.asarray(logits, np.float64)[:, 0])


def cross_entropy(logits, y):
    logits = np.asarray(logits, np.float64)
    return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]


def image_entropy(logits, x):
    logits, x = np.asarray(logits, np.float64), np.asarray(x, np.float64)
    return (np.logaddexp(0, logits) - x * logits).reshape(len(x), -1).mean(axis=1)


def codes_and_images(model, phase, batch, prior):
    """What Algorithm 1 or 2 computes, from the networks themselves: z, the image, x_hat's and x_gen's logits."""
    x_r = batch["x"][..., :2]
    if phase == "reference":
        z_r = model.enc(x_r, training=False)
        return z_r, x_r, model.dec(z_r, training=False), model.dec(prior, training=False)
    coded = model.enc(batch["x"], training=False)
    code = {"y": tf.nn.softmax(coded["y_logits"]), "z_r": coded["z_r_hat"]}
    images = [model.dec({**code, "z_s": z}, training=False) for z in (coded["z_s"], prior)]
    return coded["z_s"], batch["x"], *images


@pytest.mark.parametrize("spec", [SPEC, WIDE, VOLUME], ids=lambda spec: spec.described_shape)
def test_every_network_descends_the_objective_that_its_equation_says(phase, spec):
    """Eq. 5 or 11, 6 or 14, 15 or 17 and 16 or 18, worked out in NumPy from what the networks put out."""
    gamma_enc, gamma_dec = 0.3, 0.2
    model = make_model(phase, gamma_enc=gamma_enc, gamma_dec=gamma_dec, spec=spec)
    batch, prior = make_batch(spec=spec), make_prior()
    objectives, logs = model.objectives(batch, prior, training=False)
    z, x, x_hat_logits, x_gen_logits = codes_and_images(model, phase, batch, prior)
    encoded, from_prior = (model.enc_d(codes, training=False) for codes in (z, prior))
    observed, reconstructed, generated = (
        model.dec_d(image, training=False) for image in (x, tf.sigmoid(x_hat_logits), tf.sigmoid(x_gen_logits))
    )

    reconstruction = image_entropy(x_hat_logits, x)
    expected = {"enc_d": -log_sigmoid(from_prior) - log_sigmoid(-encoded)}
    encoder = reconstruction - gamma_enc * log_sigmoid(encoded)
    if phase == "reference":
        expected["dec_d"] = -log_sigmoid(observed) - log_sigmoid(-generated)
        passed = -log_sigmoid(generated) - log_sigmoid(reconstructed)
        right = (np.asarray(observed)[:, 0] > 0) * 0.5 + (np.asarray(generated)[:, 0] < 0) * 0.5
    else:
        y, fake = batch["structure"].numpy(), np.full(len(x), STRUCTURES)
        coded, z_r = model.enc(batch["x"], training=False), model.enc_r(batch["x"][..., :2], training=False)
        encoder = encoder + cross_entropy(coded["y_logits"], y) + np.mean(np.square(z_r - coded["z_r_hat"]), axis=1)
        expected["dec_d"] = cross_entropy(observed, y) + cross_entropy(generated, fake)
        passed = cross_entropy(generated, y) + cross_entropy(reconstructed, y)
        told = [np.argmax(logits, axis=1) == label for logits, label in ((observed, y), (generated, fake))]
        right = np.mean(told, axis=0)
    expected |= {"enc": encoder, "dec": reconstruction + gamma_dec * passed}

    assert set(objectives) == set(expected)
    for role, values in expected.items():
        np.testing.assert_allclose(objectives[role], values, rtol=1e-4, err_msg=role)
    np.testing.assert_allclose(logs["reconstruction"], reconstruction, rtol=1e-4)
    np.testing.assert_allclose(logs["passed_as_prior"], -log_sigmoid(encoded), rtol=1e-4)
    np.testing.assert_allclose(logs["passed_as_data"], passed, rtol=1e-4)
    np.testing.assert_array_equal(logs["image_discriminator_accuracy"], right)
    told = (np.asarray(from_prior)[:, 0] > 0) * 0.5 + (np.asarray(encoded)[:, 0] < 0) * 0.5
    np.testing.assert_array_equal(logs["latent_discriminator_accuracy"], told)
