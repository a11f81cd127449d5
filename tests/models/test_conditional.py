import keras
import numpy as np
import tensorflow as tf

from icell_tf.models import losses

from .conftest import LATENT, SPEC, STRUCTURES, make_batch, make_model, make_prior, same, step_gradients


def test_the_reference_encoder_is_frozen_also_its_statistics():
    model = make_model("conditional")
    model.compile()
    before = [np.array(variable) for variable in model.enc_r.variables]
    for _ in range(2):
        model.update(make_batch(), make_prior())
    for a, b in zip(before, model.enc_r.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def decoded(model, batch, prior, training):
    """What the decoder is given, at each call."""
    seen, decode = [], model.dec

    def record(inputs, training):
        seen.append({name: np.array(tensor) for name, tensor in inputs.items()})
        return decode(inputs, training=training)

    object.__setattr__(model, "dec", record)
    model.objectives(batch, prior, training=training)
    return seen


def test_generated_cells_come_from_estimates_or_from_targets():
    for generate_from in ("estimates", "targets"):
        keras.utils.set_random_seed(0)
        model, batch, prior = make_model("conditional", generate_from=generate_from), make_batch(), make_prior()
        reconstructed, generated, _ = decoded(model, batch, prior, training=False)
        np.testing.assert_array_equal(generated["z_s"], prior)
        if generate_from == "estimates":
            np.testing.assert_array_equal(generated["y"], reconstructed["y"])
            np.testing.assert_array_equal(generated["z_r"], reconstructed["z_r"])
        else:
            np.testing.assert_array_equal(generated["y"], np.eye(STRUCTURES)[batch["structure"]])
            np.testing.assert_array_equal(generated["z_r"], model.enc_r(SPEC.reference(batch["x"]), training=False))


def test_classification_accuracy_counts_the_cells_whose_structure_is_told():
    model, batch = make_model("conditional"), make_batch()
    _, logs = model.objectives(batch, make_prior(), training=False)
    y_logits = np.asarray(model.enc(batch["x"], training=False)["y_logits"])
    np.testing.assert_array_equal(logs["classification_accuracy"], y_logits.argmax(axis=1) == batch["structure"])


def test_algorithm_3s_image_is_trained_in_the_decoder_only(monkeypatch):
    """Its weight changes the decoder's gradient, in proportion, and no other network's."""
    found = [step_gradients("conditional", monkeypatch, integration_weight=weight) for weight in (1.0, 2.0, 3.0)]
    for role in ("enc", "enc_d", "dec_d"):
        assert same(found[0][role], found[1][role]), role
    for one, two, three in zip(*(gradients["dec"] for gradients in found), strict=True):
        np.testing.assert_allclose(three - two, two - one, atol=1e-5)
    assert not same(found[0]["dec"], found[1]["dec"])


def test_integration_is_the_loss_of_algorithm_3s_image():
    model, batch = make_model("conditional"), make_batch()
    _, logs = model.objectives(batch, make_prior(), training=False)
    z_r = model.enc_r(SPEC.reference(batch["x"]), training=False)
    code = {"y": tf.one_hot(batch["structure"], STRUCTURES), "z_r": z_r, "z_s": tf.zeros_like(z_r)}
    x_rs = model.dec(code, training=False)
    np.testing.assert_allclose(logs["integration"], losses.reconstruction_loss(x_rs, batch["x"]), rtol=1e-5)


def test_where_algorithm_3s_image_is_trained_its_input_is_decoded_with_the_others():
    model, batch = make_model("conditional", integration_weight=1.0), make_batch()
    (together,) = decoded(model, batch, make_prior(), training=True)
    code = {name: np.split(values, 3)[2] for name, values in together.items()}
    np.testing.assert_array_equal(code["y"], np.eye(STRUCTURES)[batch["structure"]])
    np.testing.assert_array_equal(code["z_r"], model.enc_r(SPEC.reference(batch["x"]), training=False))
    np.testing.assert_array_equal(code["z_s"], np.zeros_like(code["z_s"]))


def test_cells_are_reconstructed_from_estimates_or_from_targets():
    batch = make_batch()
    for reconstruct_from in ("estimates", "targets"):
        model = make_model("conditional", reconstruct_from=reconstruct_from)
        reconstructed, _, _ = decoded(model, batch, make_prior(), training=False)
        coded = model.enc(batch["x"], training=False)
        z_r = coded["z_r_hat"] if reconstruct_from == "estimates" else model.enc_r(SPEC.reference(batch["x"]))
        y = tf.nn.softmax(coded["y_logits"])
        y = y if reconstruct_from == "estimates" else tf.one_hot(batch["structure"], STRUCTURES)
        for name, expected in {"y": y, "z_r": z_r, "z_s": coded["z_s"]}.items():
            np.testing.assert_allclose(reconstructed[name], expected, atol=1e-6, err_msg=name)


def test_an_encoder_beside_targets_descends_the_structure_channels_loss():
    """Eq. 17, with the structure channel's part of L_x in place of L_x, and weighted."""
    settings = dict(reconstruct_from="targets", reconstruction_weight=7.0, gamma_enc=0.0)
    model, batch = make_model("conditional", **settings), make_batch()
    objectives, logs = model.objectives(batch, make_prior(), training=False)
    coded = model.enc(batch["x"], training=False)
    code = {"y": tf.one_hot(batch["structure"], STRUCTURES), "z_r": model.enc_r(SPEC.reference(batch["x"]))}
    logits = model.dec({**code, "z_s": coded["z_s"]}, training=False)
    of_structure = losses.reconstruction_loss(logits[..., 2:], batch["x"][..., 2:])
    expected = 7.0 * of_structure + logs["reference_code"] + logs["classification"]
    np.testing.assert_allclose(objectives["enc"], expected, rtol=1e-4)
    np.testing.assert_allclose(logs["reconstruction"], losses.reconstruction_loss(logits, batch["x"]), rtol=1e-4)


def test_beside_targets_reconstruction_teaches_z_s_alone(monkeypatch):
    """Its weight leaves the gradients of y_hat's and z_r_hat's heads as they were, and changes that of z_s."""
    model = make_model("conditional")
    names = [variable.path for variable in model.enc.trainable_variables]
    heads = {head: [i for i, name in enumerate(names) if head in name] for head in ("y_logits", "z_r_hat", "z_s")}
    assert all(heads.values())
    for reconstruct_from, taught in (("estimates", {"y_logits", "z_r_hat", "z_s"}), ("targets", {"z_s"})):
        one, two = (
            step_gradients("conditional", monkeypatch, reconstruct_from=reconstruct_from, reconstruction_weight=weight)
            for weight in (1.0, 50.0)
        )
        changed = {head for head, rows in heads.items() if not same(*([g["enc"][i] for i in rows] for g in (one, two)))}
        assert changed == taught
        assert same(one["dec"], two["dec"])


def test_noise_takes_its_share_of_the_variance_of_z_s_in_training_only():
    model, batch = make_model("conditional", z_s_noise=0.36), make_batch(size=500)
    z_s = np.asarray(model.enc(batch["x"], training=True)["z_s"])
    (seen, *_), (plain, *_) = (decoded(model, batch, make_prior(500), training) for training in (True, False))
    noise = (seen["z_s"] - 0.8 * z_s) / 0.6
    assert abs(noise.mean()) < 0.1 and abs(noise.std() - 1) < 0.1
    assert np.abs(np.corrcoef(noise.T, z_s.T)[:LATENT, LATENT:]).max() < 0.2
    np.testing.assert_array_equal(plain["z_s"], model.enc(batch["x"], training=False)["z_s"])


def test_independence_is_the_encoders_lesson_alone(monkeypatch):
    without, with_it = (step_gradients("conditional", monkeypatch, independence_weight=weight) for weight in (0.0, 1.0))
    assert not same(without["enc"], with_it["enc"])
    for role in ("dec", "enc_d", "dec_d"):
        assert same(without[role], with_it[role]), role


def test_dependence_is_logged_and_weighted():
    batch = make_batch()
    keras.utils.set_random_seed(0)
    plain = make_model("conditional")
    keras.utils.set_random_seed(0)
    model = make_model("conditional", independence_weight=3.0)
    (before, logs_before), (after, logs) = (each.objectives(batch, make_prior(), False) for each in (plain, model))
    z_r, z_s = model.enc_r(SPEC.reference(batch["x"])), model.enc(batch["x"], training=False)["z_s"]
    dependence = losses.dependence(z_s, z_r, batch["structure"], STRUCTURES)
    np.testing.assert_allclose(logs["dependence"], dependence, rtol=1e-4)
    np.testing.assert_allclose(after["enc"] - before["enc"], 3.0 * dependence, atol=1e-4)
    assert "dependence" not in logs_before
