"""Runs that start from the weights of another one: what is copied, what is refused, and what is told."""

import dataclasses
import shutil
import signal

import keras
import numpy as np
import pytest

from icell_tf.config import ConfigError
from icell_tf.models.factory import build_model
from icell_tf.networks import standardizations
from icell_tf.reports import model_card
from icell_tf.runs import trained
from icell_tf.runs.run import Run
from icell_tf.spec import Channel, Preparation
from icell_tf.training import experiment, loop
from icell_tf.training.start import check_source, start

OTHER = "golgi", "zo1", "tom20", "lysosome"  # two that the simulator knows, in another order


def fresh(run_dir, init, of_spec=(), **settings):
    """A model of the phase of a run, started from `init`, on cells that differ from the run's in `of_spec`."""
    run = Run.load(run_dir)
    spec = dataclasses.replace(run.spec, **dict(of_spec))
    config = dataclasses.replace(run.config, init=str(init), **settings)
    run = dataclasses.replace(run, config=config, spec=spec, dataset="others/1.0.0", cells="others")
    keras.utils.set_random_seed(3)
    model = build_model(run)
    start(model, run)
    return model


def equal(network, other):
    return all(map(np.array_equal, network.get_weights(), other.get_weights()))


def test_each_phase_starts_from_the_networks_that_a_run_of_phase_3_has(
    reference_run, conditional_run, sampler_run, capsys
):
    source = trained.load_model(sampler_run)[0]
    reference, conditional, sampler = (fresh(r, sampler_run) for r in (reference_run, conditional_run, sampler_run))
    assert equal(reference.enc, source.enc_r) and equal(reference.dec, source.dec_r)
    assert equal(conditional.enc, source.enc) and equal(conditional.dec, source.dec)
    for name in ("gen_s", "gen_r"):
        averaged = getattr(source, f"mean_{name}")
        assert equal(getattr(sampler, name), averaged) and equal(getattr(sampler, f"mean_{name}"), averaged)
        assert not equal(getattr(source, name), averaged)
    assert equal(sampler.critic_s, source.critic_s) and equal(sampler.critic_r, source.critic_r)
    keras.utils.set_random_seed(3)
    started = build_model(Run.load(conditional_run))
    assert equal(conditional.enc_d, started.enc_d) and equal(conditional.dec_d, started.dec_d)
    assert equal(conditional.enc_r, started.enc_r)  # it is that of --reference
    told = capsys.readouterr().out
    assert f"weights of {sampler_run}: enc_r, dec_r; enc_d_r, dec_d_r start anew." in told
    assert "µm" not in told


def test_a_phase_also_takes_the_discriminators_of_its_own_kind(reference_run, conditional_run):
    for run_dir in (reference_run, conditional_run):
        model, source = fresh(run_dir, run_dir), trained.load_model(run_dir)[0]
        for role, network in source.trained.items():
            assert equal(model.trained[role], network)


def test_structures_are_copied_by_name_into_cells_that_have_others(
    reference_run, conditional_run, sampler_run, prepared, capsys
):
    """The image of Algorithm 3 and the draws of a structure that both know are the source's at step 0."""
    source = trained.load_model(sampler_run)[0]
    other = {"structures": OTHER, "pixel_size": (1.5, 1.5)}
    reference, conditional, sampler = (
        fresh(run_dir, sampler_run, other) for run_dir in (reference_run, conditional_run, sampler_run)
    )
    told = capsys.readouterr().out
    assert "Structures that it knows: zo1, tom20; new ones: golgi, lysosome." in told
    assert "Pixels are 1.2 x 1.2 µm there and 1.5 x 1.5 µm here" in told
    x, _ = prepared.first("test", 2)
    x_r = prepared.spec.reference(x)
    z_r = reference.enc(x_r, training=False).numpy()
    np.testing.assert_array_equal(z_r, source.enc_r(x_r, training=False))
    z_s = np.random.default_rng(0).standard_normal(z_r.shape).astype(np.float32)
    noise = np.random.default_rng(1)
    grain = {
        name: noise.standard_normal((2, *tensor.shape[1:])).astype(np.float32)
        for name, tensor in sampler.gen_s.input.items()
        if name not in ("given", "y")
    }
    for name in ("zo1", "tom20"):
        images = []
        for model, generators in ((conditional, sampler), (source, source)):
            y = np.eye(len(model.spec.structures), dtype=np.float32)[[model.spec.structures.index(name)] * 2]
            images.append(
                [model.dec({"y": y, "z_r": z_r, "z_s": code}, training=False).numpy() for code in (0 * z_s, z_s)]
            )
            images[-1].append(generators.mean_gen_s({"given": x, "y": y, **grain}, training=False).numpy())
            images[-1].append(generators.critic_s({"x": x, "y": y}, training=False).numpy())
        for ours, theirs in zip(*images, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    (layer,) = standardizations(conditional.dec)
    (theirs,) = standardizations(source.dec)
    np.testing.assert_array_equal(layer.scale[1], theirs.scale[source.spec.structures.index("zo1")])
    np.testing.assert_array_equal(layer.scale[0], np.eye(conditional.latent_dim))


NAMES = ("membrane", "dna")
WRONG = {
    "channels": (
        {"channels": (*(Channel(name, "reference") for name in NAMES), Channel("structure", "structure"))},
        {},
        r"its cells differ .*channels is membrane, nucleus, structure there, and membrane, dna, structure here",
    ),
    "shape": ({"shape": (32, 64)}, {}, r"shape is \(32, 32\) there, and \(32, 64\) here"),
    "axes": (
        {"axes": "ZYX", "shape": (8, 32, 32), "pixel_size": (1, 1, 1)},
        {},
        r"its cells differ from those of others/1.0.0: axes is YX \(planes\) there, and ZYX \(volumes\) here; shape",
    ),
    "preparation": ({"preparation": Preparation("none")}, {}, "preparation is major_axis, .* there, and none"),
    "width": ({}, {"width": 1 / 8}, "other sizes: width is 0.0625 there, and 0.125 here. Give"),
    "architecture": ({}, {"architecture": "paper"}, "architecture is released there, and paper here"),
    "latent_dim": ({}, {"latent_dim": 5}, "latent_dim is 4 there, and 5 here"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_source_of_other_cells_or_other_networks_is_refused(wrong, reference_run):
    of_spec, settings, message = WRONG[wrong]
    with pytest.raises(ConfigError, match=f"--init: .*/reference: .*{message}"):
        fresh(reference_run, reference_run, of_spec, **settings)


def test_a_source_without_the_standardization_is_refused(conditional_run):
    with pytest.raises(ConfigError, match="standardize is True there, and False here"):
        fresh(conditional_run, conditional_run, standardize=False)


def test_a_source_with_another_dark_start_is_refused_with_its_name(reference_run):
    with pytest.raises(ConfigError, match="its dec_r has other layers .*: dark_start is False there, and True here"):
        fresh(reference_run, reference_run, dark_start=True)


def test_a_source_of_a_phase_without_the_networks_is_refused(reference_run, conditional_run, sampler_run):
    refused = "--init: .*/{}: it is of phase '{}', without the {} of phase '{}': give a run of `icell train {}`"
    for run_dir, phase, lacks, of_phase in (
        (reference_run, "reference", "enc_rs, dec_rs", "conditional"),
        (conditional_run, "conditional", "dec_r", "reference"),
        (conditional_run, "conditional", "gen_s, gen_r, mean_gen_s, mean_gen_r", "sampler"),
    ):
        message = refused.format(run_dir.name, phase, lacks, of_phase, of_phase)
        with pytest.raises(ConfigError, match=message):
            check_source(run_dir, [of_phase])
    check_source(sampler_run, ["reference", "conditional", "sampler"])


def test_a_source_that_saw_what_is_held_out_is_refused(reference_run, reference_config, tmp_path):
    config = dataclasses.replace(reference_config, init=str(reference_run), fold="2/4")
    with pytest.raises(ConfigError, match="with fold '', and here fold is '2/4': it has seen cells that are held out"):
        experiment.train_reference(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_source_and_one_without_weights_are_refused(reference_run, reference_config, tmp_path):
    config = dataclasses.replace(reference_config, init=str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="--init: there is no folder .*/none: give that of a model"):
        experiment.train_reference(config, tmp_path / "run")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigError, match="--init: .*/empty is not a run: it has no config.json"):
        fresh(reference_run, empty)
    shutil.copy(reference_run / "config.json", empty)
    with pytest.raises(ConfigError, match="--init: .*/empty has no best.weights.h5: .* not completed an epoch yet"):
        fresh(reference_run, empty)
    assert not (tmp_path / "run").exists()


def test_overwriting_the_source_is_refused(reference_run, reference_config, conditional_config, tmp_path, monkeypatch):
    run_dir = shutil.copytree(reference_run, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    given = dataclasses.replace(reference_config, init="./run/")
    for train in (
        lambda: experiment.train_reference(given, run_dir, overwrite=True),
        lambda: experiment.train_conditional(conditional_config, run_dir, "run", overwrite=True),
    ):
        with pytest.raises(ConfigError, match="--overwrite would remove .*run, .* give another --run_dir"):
            train()
    assert {path.name for path in run_dir.iterdir()} == {path.name for path in reference_run.iterdir()}


def test_a_run_that_was_stopped_goes_on_without_its_source(reference_run, reference_config, tmp_path, monkeypatch):
    """Its source is gone and its weights are not copied again: it ends as a run that was not stopped."""
    source = shutil.copytree(reference_run, tmp_path / "source")
    config = dataclasses.replace(reference_config, init=str(source), epochs=1, seed=1)
    whole = experiment.train_reference(config, tmp_path / "whole")
    refuse = loop.SaveRun._refuse_broken

    def raise_and_refuse(save, logs):
        if save.step == 2:
            signal.raise_signal(signal.SIGTERM)
        refuse(save, logs)

    run_dir = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(loop.SaveRun, "_refuse_broken", raise_and_refuse)
        with pytest.raises(KeyboardInterrupt, match="Stopped by SIGTERM after step 2 "):
            experiment.train_reference(config, run_dir)
    shutil.rmtree(source)
    experiment.train_reference(config, run_dir, card=model_card)
    ours, theirs = (trained.load_model(folder, "last.weights.h5")[0] for folder in (run_dir, whole))
    assert all(map(np.array_equal, ours.get_weights(), theirs.get_weights()))
    assert f"Started from trained weights: phase 1 from those of `{source}`." in (run_dir / "model_card.md").read_text()
    experiment.train_reference(config, run_dir)  # a finished run is left as it is
