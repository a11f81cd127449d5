import dataclasses

import pytest

from icell_tf.config import (
    PRESETS,
    ConditionalConfig,
    ConfigError,
    ReferenceConfig,
    differences,
    join_names,
    split_names,
)
from icell_tf.data.builder.config import SIMULATED
from icell_tf.evaluation import detection


@pytest.mark.parametrize("preset", PRESETS)
def test_the_phases_of_a_preset_have_the_same_cells_and_enough_for_every_part_of_the_report(preset):
    (dataset,) = {config.dataset for config in PRESETS[preset].values()}
    config = SIMULATED[dataset]
    assert config.cells * config.validation_fraction >= detection.ENOUGH


def test_paper_preset_is_section_3_3():
    reference, conditional = PRESETS["paper"]["reference"], PRESETS["paper"]["conditional"]
    assert (reference.epochs, conditional.epochs) == (150, 220)
    for config in (reference, conditional):
        assert (config.batch_size, config.learning_rate, config.latent_dim) == (32, 2e-4, 16)
        assert (config.gamma_enc, config.gamma_dec, config.white_noise) == (1e-4, 1e-5, 0.05)
        assert (config.architecture, config.width) == ("paper", 1.0)
    assert (conditional.generate_from, conditional.reconstruct_from) == ("estimates", "estimates")
    assert (conditional.integration_weight, conditional.reconstruction_weight) == (0.0, 1.0)
    assert (conditional.z_s_noise, conditional.independence_weight) == (0.0, 0.0)


def test_the_compact_preset_is_the_small_ones_recipe_on_the_papers_cells():
    small, compact = PRESETS["small"], PRESETS["compact"]
    for phase, config in compact.items():
        assert {line.split()[0] for line in differences(small[phase], config)} == {"dataset", "epochs"}
        assert config.dataset == PRESETS["paper"][phase].dataset and config.width == 0.25


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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("integration_weight", -1.0),
        ("reconstruct_from", "nothing"),
        ("reconstruction_weight", -1.0),
        ("independence_weight", float("inf")),
        ("z_s_noise", 1.0),
        ("z_s_noise", -0.1),
    ],
)
def test_a_bad_setting_of_phase_2_is_refused_by_name_and_value(field, value):
    with pytest.raises(ConfigError, match=f"{field} is {value!r}"):
        dataclasses.replace(ConditionalConfig(), **{field: value})


def test_settings_that_do_not_go_together_are_refused_and_names_are_separated_by_commas():
    with pytest.raises(ConfigError, match=r"train_split is 'train\[:9\]', but has to be train, whole, in a fold"):
        ReferenceConfig(fold="1/4", train_split="train[:9]")
    with pytest.raises(ConfigError, match="leave_out is 'tom20,', but has to be names separated by commas"):
        ConditionalConfig(leave_out="tom20,")
    with pytest.raises(ConfigError, match="grow_from is 'runs/fewer', but has to be empty where init is given"):
        ConditionalConfig(grow_from="runs/fewer", init="runs/small-sampler")


def test_differences_are_told_by_field():
    changed = dataclasses.replace(ReferenceConfig(), width=0.5, epochs=3)
    assert differences(ReferenceConfig(), changed, ignore=("epochs",)) == ["width was 1.0, now 0.5"]


def test_names_with_commas_stand_in_quotes():
    names = ["tom20", "actin, F", '5" tail']
    assert split_names(join_names(names)) == names
    assert split_names("tom20, zo1") == ["tom20", "zo1"]
    assert split_names("") == []
    assert split_names('"ER, rough", "say ""x""",zo1') == ["ER, rough", 'say "x"', "zo1"]


@pytest.mark.parametrize("text", ["tom20,,zo1", ",", '"tom20', " ", 'tom20,"a"b'])
def test_a_list_with_a_name_missing_is_refused(text):
    with pytest.raises(ConfigError, match="leave_out is .*names separated by commas"):
        ConditionalConfig(leave_out=text)
