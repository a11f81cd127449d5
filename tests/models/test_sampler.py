"""Phase 3: who learns what from whom."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.models import SamplerModel, sampler

from .conftest import SPEC, VOLUME, WIDE, make_batch, make_model

ROLES = ("gen_s", "gen_r", "critic_s", "critic_r")
FROZEN = ("enc_r", "dec_r", "enc", "dec")
ONE = dataclasses.replace(SPEC, structures=SPEC.structures[:1])


def make_sampler(spec=SPEC, **settings):
    reference, conditional = make_model("reference", spec=spec), make_model("conditional", spec=spec)
    width, structures = 1 / 16, len(spec.structures)

    def pair(name):
        return (
            networks.build_generator(spec.shape, 3, 1, structures, width, name=f"{name}_s"),
            networks.build_generator(spec.shape, 2, 2, 0, width, name=f"{name}_r"),
        )

    critics = (
        networks.build_critic(spec.shape, 3, structures, width, name="critic_s"),
        networks.build_critic(spec.shape, 2, 0, width, name="critic_r"),
    )
    before = conditional.enc_r, reference.dec, conditional.enc, conditional.dec
    model = SamplerModel(spec, *before, *pair("gen"), *pair("mean_gen"), *critics, **settings)
    model.compile()
    return model


def arrays(variables):
    return [np.array(variable) for variable in variables]


def moved(before, variables):
    return any(np.any(a != b) for a, b in zip(before, arrays(variables), strict=True))


@pytest.mark.parametrize("spec", [SPEC, WIDE, VOLUME, ONE], ids=["picture", "wide", "volume", "one structure"])
def test_a_step_teaches_generators_and_critics_and_leaves_the_phases_before_alone(spec):
    model = make_sampler(spec)
    before = {name: arrays(getattr(model, name).weights) for name in ROLES + FROZEN}
    logs = model.train_step(make_batch(3, spec=spec))
    assert set(logs) == set(model.metric_names)
    assert all(np.isfinite(value) for value in logs.values())
    assert [name for name in ROLES + FROZEN if moved(before[name], getattr(model, name).weights)] == list(ROLES)


def test_each_optimizer_moves_only_its_own_network():
    model = make_sampler()
    for role in ROLES:
        for other in ROLES:
            model.optimizers[other].learning_rate = 1e-3 if other == role else 0.0
        before = {name: arrays(model.trained[name].trainable_variables) for name in ROLES}
        model.train_step(make_batch(4))
        changed = [name for name in ROLES if moved(before[name], model.trained[name].trainable_variables)]
        assert changed == [role]


def test_the_average_starts_with_the_weights_and_follows_them(monkeypatch):
    monkeypatch.setattr(sampler, "LATEST", 1)
    model = make_sampler()
    model.train_step(make_batch(4))
    for network, mean in ((model.gen_s, model.mean_gen_s), (model.gen_r, model.mean_gen_r)):
        for weight, average in zip(arrays(network.weights), arrays(mean.weights), strict=True):
            np.testing.assert_allclose(average, weight, atol=1e-6)
    first = arrays(model.gen_s.weights)
    model.train_step(make_batch(4, seed=1))
    for before, now, mean in zip(first, arrays(model.gen_s.weights), arrays(model.mean_gen_s.weights), strict=True):
        np.testing.assert_allclose(mean, (before + now) / 2, atol=1e-6)


def test_the_critics_learn_faster():
    model = make_sampler()
    for rate in (2e-4, 1e-3):  # as compiled, and as set later
        if rate == 1e-3:
            model.learning_rate = rate
        rates = {role: float(optimizer.learning_rate) for role, optimizer in model.optimizers.items()}
        assert rates == pytest.approx({"gen_s": rate, "gen_r": rate, "critic_s": 2 * rate, "critic_r": 2 * rate})
        assert float(model.learning_rate) == pytest.approx(rate)


def test_critics_see_images_moved_by_at_most_a_sixteenth_of_each_axis():
    moves = np.array(make_sampler(WIDE)._draw_moves(2000))  # of 16 x 32 pixels
    assert [sorted(set(axis)) for axis in moves.T] == [[0, 1, 2], [0, 1, 2, 3, 4]]
    assert np.abs(moves.mean(axis=0) - [1, 2]).max() < 0.2


@pytest.mark.parametrize("spec, turns", [(SPEC, True), (VOLUME, True), (WIDE, False)], ids=["square", "volume", "wide"])
def test_a_cell_is_turned_with_all_that_is_given_of_it(spec, turns):
    batch = make_batch(8, spec=spec)
    y = tf.one_hot(batch["structure"], 3)
    as_prepared, model = make_sampler(spec), make_sampler(spec, turned=True)
    for name in FROZEN:
        getattr(model, name).set_weights(getattr(as_prepared, name).get_weights())
    drawn = model.draw(batch)
    images, found = as_prepared._images(batch["x"], y, drawn), model._images(batch["x"], y, drawn)
    chosen = np.array(drawn["pose"]) == 4 if turns else np.zeros(8, bool)
    for image, turned in zip(images, found, strict=True):
        expected = np.array(image)
        if turns:
            expected[chosen] = np.swapaxes(expected, *spec.mirrored_axes)[chosen]
        np.testing.assert_allclose(turned, expected, atol=1e-6)


def test_half_of_the_cells_are_turned():
    model = make_sampler(turned=True)
    poses = np.array(model.draw(make_batch(400))["pose"])
    assert set(poses) == {0, 4} and abs(np.mean(poses == 4) - 0.5) < 0.1


def test_without_the_critic_the_score_alone_is_descended():
    model, batch = make_sampler(adversarial_weight=0.0), make_batch(4)
    objectives, logs = model.objectives(batch, model.draw(batch), training=True)
    np.testing.assert_array_equal(objectives["gen_s"], logs["score_s"])
    np.testing.assert_array_equal(objectives["gen_r"], logs["score_r"])


def test_validation_measures_the_average_and_changes_nothing():
    model = make_sampler()
    model.train_step(make_batch(4))
    before = arrays(model.weights)
    assert set(model.test_step(make_batch(4, seed=2))) == set(model.metric_names)
    assert not moved(before, model.weights)


def test_a_few_steps_lower_the_score():
    model = make_sampler(adversarial_weight=0.0)
    model.learning_rate = 2e-3
    batch = make_batch(4)
    scores = [np.mean(model.update(batch, model.draw(batch))["score_s"]) for _ in range(12)]
    assert np.mean(scores[-3:]) < np.mean(scores[:3])
