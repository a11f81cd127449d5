"""Phase 3 from the run of phase 2 to draws, exported and not."""

import dataclasses
import shutil
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import icell_tf
from icell_tf.config import ConfigError
from icell_tf.export.saved_model import export_integrator
from icell_tf.inference.backends import Networks
from icell_tf.inference.generators import Generators
from icell_tf.runs import trained
from icell_tf.runs.history import read_history
from icell_tf.runs.run import Run
from icell_tf.training import experiment, loop


@pytest.fixture(scope="module")
def integrator(sampler_run):
    return icell_tf.load(sampler_run)


@pytest.fixture(scope="module")
def x_r(prepared):
    cells, _ = prepared.first("validation", 3)
    return prepared.spec.reference(np.asarray(cells))


def draw(integrator, x_r, count=2, seed=0):
    return np.stack(list(integrator.draw(x_r, count, seed)))


def test_the_run_knows_the_phases_that_it_is_built_on(sampler_run, conditional_run, reference_run):
    run = Run.load(sampler_run)
    assert list(run.configs) == ["reference", "conditional", "sampler"]
    assert (run.conditional_dir, run.reference_dir) == (str(conditional_run), str(reference_run))
    assert run.before("conditional").config == Run.load(conditional_run).config
    assert {"score_s", "val_score_s", "score_r", "right_s"} <= set(read_history(sampler_run)[-1])
    assert "phase 3" in (sampler_run / "model_card.md").read_text()


def test_the_networks_of_the_phases_before_are_left_as_they_are(sampler_run, conditional_run, reference_run):
    model, run = trained.load_model(sampler_run)
    conditional = trained.load_conditional(model, run)
    reference = trained.load_reference(model, run)
    pairs = (model.enc, conditional.enc), (model.dec, conditional.dec), (model.dec_r, reference.dec)
    for ours, theirs in pairs:
        assert all(map(np.array_equal, ours.get_weights(), theirs.get_weights()))


def test_classes_codes_and_typical_structures_are_those_of_phase_2(integrator, conditional_run, prepared, x_r):
    before = icell_tf.load(conditional_run)
    np.testing.assert_array_equal(integrator.integrate(x_r)["structures"], before.integrate(x_r)["structures"])
    cells, _ = prepared.first("validation", 2)
    np.testing.assert_array_equal(integrator.encode(cells)["z_s"], before.encode(cells)["z_s"])
    assert integrator.sharp and not before.sharp


def test_draws_differ_by_cell_structure_number_and_seed_alone(integrator, x_r):
    draws = draw(integrator, x_r)
    assert draws.shape == (2, *x_r.shape[:-1], len(integrator.structures))
    assert draws.min() >= 0 and draws.max() <= 1
    np.testing.assert_allclose(draw(integrator, x_r[1:2])[:, 0], draws[:, 1], atol=1e-5)
    assert np.abs(draws[0] - draws[1]).mean() > 1e-3
    assert np.abs(draw(integrator, x_r, seed=1) - draws).mean() > 1e-3
    twice = draw(integrator, np.concatenate([x_r[:1], x_r[:1]]), 1)[0]
    np.testing.assert_allclose(twice[0], twice[1], atol=1e-5)


def test_one_structure_a_cell_is_drawn_as_among_all(integrator, x_r):
    alone = next(integrator.draw(x_r, 1, 3, y=[2, 0, 1]))
    every = draw(integrator, x_r, 1, 3)[0]
    np.testing.assert_allclose(alone, every[np.arange(3), ..., [2, 0, 1]], atol=1e-5)
    with pytest.raises(ValueError, match="y must be one index a cell, 3 of them"):
        next(integrator.draw(x_r, 1, y=[0]))


def test_mirrored_generators_draw_in_all_poses_by_turns(integrator, x_r):
    """Draw i of seed s: bit 0 of s + i mirrors along y, bit 1 along x, bit 2 along the diagonal."""
    given = integrator.networks
    assert given.generators.mirrored  # as the preset has it
    plain, mirrored = (Generators(given.spec, *given.generators.networks, several) for several in (False, True))
    y = tf.constant([3, 5], tf.int64)
    noise = given.noise.draw(y, seed=tf.constant([7, 8], tf.int64), draw=tf.constant([0, 0], tf.int64))

    def typical(x_r):  # of a cell in any pose, but not of a turned one, which the networks of phase 2 have not seen
        return tf.reduce_mean(x_r, axis=-1) * tf.linspace(0.0, 1.0, x_r.shape[1])[:, None]

    for pose in range(8):
        axes = [axis for bit, axis in enumerate((1, 2)) if pose >> bit & 1]
        posed = np.flip(x_r[:2], axes)
        image = typical(posed)
        if pose & 4:
            posed, image = np.swapaxes(posed, 1, 2), np.swapaxes(image, 1, 2)
        of_pose = plain.structure(posed, lambda _, image=image: image, y, noise).numpy()
        expected = np.flip(np.swapaxes(of_pose, 1, 2) if pose & 4 else of_pose, axes)
        in_pose = noise | {"pose": tf.constant([pose, pose + 16], tf.int64)}
        drawn = mirrored.structure(x_r[:2], typical, y, in_pose)
        np.testing.assert_allclose(drawn, expected, atol=1e-6)


def test_draws_of_a_mirrored_model_go_through_the_poses(integrator, x_r):
    """Draw i of seed s is in pose s + i, so draw 1 of seed 8 and draw 0 of seed 9 are in the same one."""
    given, asked = integrator.networks, []
    networks = Networks(given.spec, given.enc_r, given.enc_rs, given.dec_rs, False, given.generators)
    networks.generators = SimpleNamespace(structure=lambda *_, noise: asked.append(noise["pose"]))
    networks.draw(x_r, tf.constant([0, 3, 5], tf.int64), tf.constant([7, 8, 9], tf.int64), tf.constant(1, tf.int64))
    np.testing.assert_array_equal(asked[0], [8, 9, 10])


def test_mean_and_deviation_are_those_of_the_draws(integrator, x_r):
    found, draws = integrator.integrate(x_r, samples=3, seed=4), draw(integrator, x_r, 3, 4)
    np.testing.assert_allclose(found["mean"], draws.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found["std"], draws.std(axis=0), atol=1e-4)


def test_new_cells_of_one_seed_are_one_cell_with_other_structures(integrator):
    cells = integrator.sample([0, 1, 0], [7, 7, 8])["x_rs"]
    shapes = integrator.spec.reference(cells)
    np.testing.assert_allclose(shapes[0], shapes[1], atol=1e-5)
    assert np.abs(shapes[0] - shapes[2]).mean() > 1e-3
    assert np.abs(integrator.spec.structure(cells)[0] - integrator.spec.structure(cells)[1]).max() > 1e-6


def test_an_export_draws_and_codes_the_same(integrator, prepared, x_r, tmp_path):
    """In several poses; and its codes are standardized, as the run's."""
    loaded = icell_tf.load(export_integrator(integrator, tmp_path / "model"))
    assert loaded.sharp
    np.testing.assert_allclose(draw(loaded, x_r, 4), draw(integrator, x_r, 4), atol=1e-5)
    cells, _ = prepared.first("validation", 3)
    ours, theirs = (model.encode(np.asarray(cells)) for model in (integrator, loaded))
    for name, codes in ours.items():
        np.testing.assert_allclose(theirs[name], codes, atol=1e-3)
    np.testing.assert_allclose(loaded.sample([2], 5)["x_rs"], integrator.sample([2], 5)["x_rs"], atol=1e-5)


def test_a_run_that_was_stopped_within_an_epoch_ends_as_one_that_was_not(
    sampler_config, sampler_run, conditional_run, reference_run, tmp_path, monkeypatch
):
    moved, run = shutil.copytree(reference_run, tmp_path / "reference"), tmp_path / "run"
    refuse = loop.SaveRun._refuse_broken

    def raise_and_refuse(save, logs):
        if save.step == 2:
            signal.raise_signal(signal.SIGTERM)
        refuse(save, logs)

    with monkeypatch.context() as patch:
        patch.setattr(loop.SaveRun, "_refuse_broken", raise_and_refuse)
        with pytest.raises(KeyboardInterrupt, match="Stopped by SIGTERM after step 2 "):
            experiment.train_sampler(sampler_config, conditional_run, run, moved)
    assert not read_history(run)
    experiment.train_sampler(sampler_config, conditional_run, run, moved)
    assert Run.load(run).reference_dir == str(moved)
    (ours, _), (theirs, _) = (trained.load_model(folder, "last.weights.h5") for folder in (run, sampler_run))
    assert all(map(np.array_equal, ours.get_weights(), theirs.get_weights()))
    assert read_history(run) == read_history(sampler_run)


@pytest.mark.parametrize(
    "settings, wrong",
    [
        ({"fold": "1/4"}, "fold is '1/4', but .* was trained with fold ''.*train phase 2 with the same --fold"),
        ({"leave_out": "zo1"}, "leave_out is 'zo1', but .* was trained with '': give the same --leave_out"),
    ],
)
def test_a_run_of_other_cells_is_refused(sampler_config, conditional_run, tmp_path, settings, wrong):
    with pytest.raises(ConfigError, match=wrong):
        experiment.train_sampler(dataclasses.replace(sampler_config, **settings), conditional_run, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_phase_is_refused(sampler_config, reference_run, tmp_path):
    with pytest.raises(ConfigError, match="--conditional: .* is a run of phase 'reference', not of phase 2"):
        experiment.train_sampler(sampler_config, reference_run, tmp_path / "run")


def test_without_phase_1_it_is_said_what_is_needed(sampler_config, conditional_run, tmp_path):
    with pytest.raises(ConfigError, match="--reference: phase 3 needs the run of phase 1"):
        experiment.train_sampler(sampler_config, conditional_run, tmp_path / "run", tmp_path / "nowhere")


def test_a_sampler_is_used_without_the_runs_it_was_trained_on(sampler_run, x_r, integrator, tmp_path):
    copy = shutil.copytree(sampler_run, tmp_path / "copy")
    np.testing.assert_array_equal(draw(icell_tf.load(copy), x_r, 1), draw(integrator, x_r, 1))


def test_a_continued_run_says_that_the_phase_before_has_changed(capsys):
    model = SimpleNamespace(enc_r=SimpleNamespace(get_weights=lambda: [np.zeros(2), np.ones(3)]))
    experiment._warn_of_change(model, {"enc_r": [np.zeros(2), np.ones(3)]}, "before")
    assert not capsys.readouterr().out
    experiment._warn_of_change(model, {"enc_r": [np.zeros(2), np.zeros(3)]}, "before")
    assert "Warning: before was trained further after this run had begun" in capsys.readouterr().out
