import dataclasses
import json

import pytest

from icell_tf.config import PRESETS, ConditionalConfig, ConfigError, ReferenceConfig, differences
from icell_tf.runs.run import Run
from icell_tf.spec import Cells

CELLS = Cells(("tom20", "zo1"), 64, 0.6, "integrated_cell/tiny/1.0.0")
RESOLVED = ReferenceConfig(precision="float32")  # as a run records what auto has come to


def test_paper_preset_is_section_3_3():
    reference, conditional = PRESETS["paper"]["reference"], PRESETS["paper"]["conditional"]
    assert (reference.epochs, conditional.epochs) == (150, 220)
    for config in (reference, conditional):
        assert (config.batch_size, config.learning_rate, config.latent_dim) == (32, 2e-4, 16)
        assert (config.gamma_enc, config.gamma_dec, config.white_noise) == (1e-4, 1e-5, 0.05)
        assert (config.architecture, config.width) == ("paper", 1.0)
    assert conditional.generate_from == "estimates"


@pytest.mark.parametrize(
    "run",
    [Run("reference", RESOLVED, CELLS), Run("conditional", ConditionalConfig(precision="bfloat16"), CELLS, RESOLVED)],
)
def test_a_run_comes_back_from_its_json(run, tmp_path):
    run.with_key().save(tmp_path)
    assert Run.load(tmp_path) == run.with_key()


def test_a_run_of_before_keys_and_precisions_has_no_key_and_is_of_float32(tmp_path):
    Run("reference", ReferenceConfig(), CELLS).save(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    for name in ("precision", "jit"):
        del content["config"][name]
    del content["key"]
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert Run.load(tmp_path) == Run("reference", RESOLVED, CELLS)


def test_a_runs_key_is_that_of_its_settings_wherever_it_lies_and_however_long_it_is_trained():
    run = Run("conditional", ConditionalConfig(), CELLS, ReferenceConfig(), "here")
    same = dataclasses.replace(run, reference_dir="there", config=ConditionalConfig(epochs=9, jit="on"))
    other = dataclasses.replace(run, config=ConditionalConfig(seed=1))
    assert run.with_key().key == same.with_key().key != other.with_key().key


def test_a_run_from_before_preparations_were_told_has_the_first(tmp_path):
    Run("reference", ReferenceConfig(), CELLS).save(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    del content["cells"]["preparation"]
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert Run.load(tmp_path).cells.preparation == "major_axis, maximum, 1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("architecture", "resnet"),
        ("width", 0.0),
        ("learning_rate", float("nan")),
        ("gamma_dec", -1.0),
        ("beta_1", 1.0),
        ("cooldown", 1.5),
        ("batch_size", 1),
        ("epochs", 0),
        ("seed", -1),
        ("fold", "5/4"),
        ("fold", "1/1"),
        ("fold", "second"),
    ],
)
def test_a_bad_setting_is_refused_by_name_and_value(field, value):
    with pytest.raises(ConfigError, match=f"{field} is {value!r}"):
        dataclasses.replace(ReferenceConfig(), **{field: value})


def test_a_fold_takes_the_whole_training_split_and_names_are_separated_by_commas():
    with pytest.raises(ConfigError, match=r"train_split is 'train\[:9\]', but has to be train, whole, in a fold"):
        ReferenceConfig(fold="1/4", train_split="train[:9]")
    with pytest.raises(ConfigError, match="leave_out is 'tom20,', but has to be names separated by commas"):
        ConditionalConfig(leave_out="tom20,")


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(ConfigError, match="is not a run: it has no config.json"):
        Run.load(tmp_path)


@pytest.mark.parametrize("change", [{"reference": None}, {"config": {"precision": None}}, {"phase": "reference"}])
def test_an_edited_config_is_refused(change, tmp_path):
    Run("conditional", ConditionalConfig(), CELLS, RESOLVED).save(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(content | change))
    with pytest.raises(ConfigError, match="not a configuration of this version"):
        Run.load(tmp_path)


@pytest.mark.parametrize("content", ["{", "{}", json.dumps({"phase": "third", "cells": {"structures": []}})])
def test_a_foreign_config_is_refused(content, tmp_path):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigError, match="not a configuration of this version"):
        Run.load(tmp_path)


def test_differences_are_told_by_field():
    changed = dataclasses.replace(ReferenceConfig(), width=0.5, epochs=3)
    assert differences(ReferenceConfig(), changed, ignore=("epochs",)) == ["width was 1.0, now 0.5"]
