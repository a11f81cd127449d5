import keras
import numpy as np

from .conftest import STRUCTURES, make_batch, make_model, make_prior


def test_the_reference_encoder_is_frozen_also_its_statistics():
    model = make_model("conditional")
    model.compile()
    before = [np.array(variable) for variable in model.enc_r.variables]
    for _ in range(2):
        model.update(make_batch(), make_prior())
    for a, b in zip(before, model.enc_r.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_generated_cells_come_from_estimates_or_from_targets():
    """A decoder that records its input shows what x_gen is made from."""
    for generate_from in ("estimates", "targets"):
        keras.utils.set_random_seed(0)
        model = make_model("conditional", generate_from=generate_from)
        seen, decode = [], model.dec
        batch, prior = make_batch(), make_prior()

        def record(inputs, training, decode=decode, seen=seen):
            seen.append([np.array(tensor) for tensor in inputs])
            return decode(inputs, training=training)

        object.__setattr__(model, "dec", record)
        model.objectives(batch, prior, training=False)
        (y_hat, z_r_hat, _), (y, z_r, z_s) = seen
        np.testing.assert_array_equal(z_s, prior)
        if generate_from == "estimates":
            np.testing.assert_array_equal(y, y_hat)
            np.testing.assert_array_equal(z_r, z_r_hat)
        else:
            np.testing.assert_array_equal(y, np.eye(STRUCTURES)[batch["y"]])
            np.testing.assert_array_equal(z_r, model.enc_r(batch["x_rs"][..., :2], training=False))


def test_classification_accuracy_counts_the_cells_whose_structure_is_told():
    model, batch = make_model("conditional"), make_batch()
    _, logs = model.objectives(batch, make_prior(), training=False)
    y_logits = np.asarray(model.enc(batch["x_rs"], training=False)[0])
    np.testing.assert_array_equal(logs["classification_accuracy"], y_logits.argmax(axis=1) == batch["y"])
