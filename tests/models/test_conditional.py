import keras
import numpy as np
import tensorflow as tf

from icell_tf.models import losses

from .conftest import SPEC, STRUCTURES, make_batch, make_model, make_prior, same, step_gradients


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
