"""The command that cross-validates, training and measuring replaced: what is trained, on what, and where it goes."""

import dataclasses
import importlib
from types import SimpleNamespace

import pytest
from absl import flags

from icell_tf.config import PRESETS, ConfigError
from icell_tf.data.prepared import PreparedCells
from icell_tf.reports import model_card

from ..in_process import own_flags

HOW = {"data_dir": "data", "overwrite": True, "deterministic": False, "threads": "auto", "cache": "auto"}
HOW["card"] = model_card


@pytest.fixture
def command():
    """The command's module, with flags of its own."""
    with own_flags("cross_validate"):
        yield importlib.import_module("icell_tf.cli.cross_validate")


@pytest.fixture
def call(command, prepared, monkeypatch, tmp_path):
    """Calls the command with more flags. Returns: what was trained, measured and pooled."""
    called = SimpleNamespace(trained=[], measured=[], pooled=[])
    for phase in ("reference", "conditional", "sampler"):
        train = lambda *arguments, **how: called.trained.append((*arguments, how))  # noqa: E731
        monkeypatch.setattr(command, f"train_{phase}", train)
    monkeypatch.setattr(command, "load", lambda run_dir: run_dir)
    monkeypatch.setattr(command, "measure_fold", lambda *arguments: called.measured.append(arguments))
    monkeypatch.setattr(command, "pool", lambda *arguments, **of: called.pooled.append((*arguments, of)))
    monkeypatch.setattr(command, "table", lambda content: "the table")

    def call(*given):
        folders = [f"--dataset={prepared.folder}", "--data_dir=data", f"--output={tmp_path}"]
        flags.FLAGS(["command", "--preset=small", "--folds=2", "--overwrite", *folders, *given])
        command.main()
        return called

    return call


def test_each_fold_trains_both_phases_and_tests_its_own_cells(call, prepared, tmp_path, capsys):
    called = call("--reference_epochs=3", "--batch_size=8")
    presets, settings = PRESETS["small"], {"dataset": str(prepared.folder), "batch_size": 8}
    reference, conditional = (dataclasses.replace(presets[p], **settings) for p in ("reference", "conditional"))
    for i, fold in enumerate(("1/2", "2/2")):
        folder = tmp_path / f"fold-{i + 1}"
        config = dataclasses.replace(reference, fold=fold, epochs=3)
        assert called.trained[2 * i] == (config, folder / "reference", HOW)
        config = dataclasses.replace(conditional, fold=fold)
        assert called.trained[2 * i + 1] == (config, folder / "reference", folder / "conditional", HOW)
        cells = PreparedCells(prepared.folder, fold=fold)
        assert called.measured[i] == (folder / "conditional", cells, folder / "evaluation")
    folders = [tmp_path / f"fold-{part}" / "evaluation" for part in (1, 2)]
    assert called.pooled == [(folders, cells, tmp_path, {"phase": "conditional"})]
    assert capsys.readouterr().out.endswith(f"the table\nwrote {tmp_path}/pooled.json\n")


def test_phase_three_is_trained_where_it_is_asked_for_with_its_own_settings(call, prepared, tmp_path):
    given = ["--batch_size=16", "--learning_rate=1e-3", "--width=0.5", "--cooldown=0.1"]  # of phases 1 and 2
    given += ["--leave_out=tom20", "--seed=4", "--nomirror", "--precision=float32"]  # of all
    own = ["--sampler_epochs=5", "--sampler_batch_size=4", "--sampler_adversarial_weight=0.5"]
    called = call("--sampler", *given, *own)
    preset = PRESETS["small"]["sampler"]
    shared = {"dataset": str(prepared.folder), "leave_out": "tom20", "seed": 4, "mirror": False, "precision": "float32"}
    settings = {"epochs": 5, "batch_size": 4, "adversarial_weight": 0.5}
    for i, fold in enumerate(("1/2", "2/2")):
        folder = tmp_path / f"fold-{i + 1}"
        of_sampler = dataclasses.replace(preset, fold=fold, **shared, **settings)
        folders = (folder / "conditional", folder / "sampler", folder / "reference")
        assert called.trained[3 * i + 2] == (of_sampler, *folders, HOW)
        conditional = called.trained[3 * i + 1][0]
        assert (conditional.batch_size, conditional.learning_rate, conditional.leave_out) == (16, 1e-3, "tom20")
        cells = PreparedCells(prepared.folder, fold=fold, leave_out=("tom20",))
        assert called.measured[i] == (folder / "sampler", cells, folder / "evaluation")
    assert called.pooled[0][-1] == {"phase": "sampler"}


def test_without_settings_of_its_own_phase_three_has_those_of_its_preset(call, prepared):
    called = call("--sampler", "--batch_size=16", "--learning_rate=1e-3")
    preset = dataclasses.replace(PRESETS["small"]["sampler"], dataset=str(prepared.folder))
    assert [trained[0] for trained in called.trained[2::3]] == [
        dataclasses.replace(preset, fold=fold) for fold in ("1/2", "2/2")
    ]


def test_all_phases_of_all_folds_start_from_one_source(call, command, monkeypatch):
    checked = []
    monkeypatch.setattr(command, "check_source", lambda *arguments: checked.append(arguments))
    called = call("--sampler", "--init=runs/small-sampler")
    assert [trained[0].init for trained in called.trained] == ["runs/small-sampler"] * 6
    assert checked == [("runs/small-sampler", ["reference", "conditional", "sampler"])]


def test_a_source_without_the_networks_of_all_phases_is_refused_before_any_is_trained(call, conditional_run):
    with pytest.raises(ConfigError, match="--init: .*/conditional: it is of phase 'conditional', without the dec_r"):
        call(f"--init={conditional_run}")


@pytest.mark.parametrize("given", ["--sampler_epochs=5", "--sampler_batch_size=4"])
def test_a_setting_of_phase_three_without_it_is_refused(call, given):
    with pytest.raises(ValueError, match=f"{given.partition('=')[0]} is of phase 3, .* only with --sampler: give both"):
        call(given)


def test_every_setting_of_phase_three_is_shared_or_has_a_flag_of_its_own(command):
    own = {flag.name.removeprefix("sampler_") for flag in command.OF_SAMPLER.values()}
    fields = {field.name for field in dataclasses.fields(PRESETS["small"]["sampler"])}
    assert own | {*command.SHARED, *command.BY_FOLD} == fields
    assert {"batch_size", "learning_rate", "adversarial_weight"} <= own and "dataset" not in own
