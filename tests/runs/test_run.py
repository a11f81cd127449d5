"""A run's config.json: it comes back, and what is not one is refused."""

import dataclasses
import json

import pytest

from icell_tf.config import ConditionalConfig, ConfigError, ReferenceConfig
from icell_tf.runs.run import Run, _key
from icell_tf.spec import CellSpec

CELLS = CellSpec("YX", (64, 32), (0.6, 0.5), ("tom20", "zo1")), "integrated_cell/tiny/1.0.0"
RESOLVED = ReferenceConfig(precision="float32")  # as a run records it in place of auto


@pytest.mark.parametrize(
    "run",
    [Run("reference", RESOLVED, *CELLS), Run("conditional", ConditionalConfig(precision="bfloat16"), *CELLS, RESOLVED)],
)
def test_a_run_comes_back_from_its_json(run, tmp_path):
    run.with_key().save(tmp_path)
    assert Run.load(tmp_path) == run.with_key()


def test_a_runs_key_is_that_of_its_settings_wherever_it_lies_and_however_long_it_is_trained():
    run = Run("conditional", ConditionalConfig(), *CELLS, ReferenceConfig(), "here")
    same = dataclasses.replace(run, reference_dir="there", config=ConditionalConfig(epochs=9, jit="on"))
    other = dataclasses.replace(run, config=ConditionalConfig(seed=1))
    assert run.with_key().key == same.with_key().key != other.with_key().key
    assert run.with_key().key != dataclasses.replace(run, cells="1f3a").with_key().key


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(ConfigError, match="is not a run: it has no config.json"):
        Run.load(tmp_path)


OWN = dataclasses.asdict(Run("conditional", ConditionalConfig(), *CELLS, RESOLVED)) | {"spec": CELLS[0].to_dict()}
EDITS = [
    {"spec": {}},
    {"spec": CELLS[0].to_dict() | {"format": 2}},
    {"reference": None},
    {"config": {"precision": None}},
    {"phase": "reference"},
]
FOREIGN = ["{", "{}", json.dumps({"phase": "third", "spec": {"structures": []}})]


@pytest.mark.parametrize("content", [*FOREIGN, *(json.dumps(OWN | edit) for edit in EDITS)])
def test_an_edited_or_foreign_config_is_refused(content, tmp_path):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigError, match="not a configuration of this version"):
        Run.load(tmp_path)


def edited(path, part, **changes):
    content = json.loads(path.read_text())
    (content[part] if part else content).update(changes)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("config", {"learning_rate": 0.1}),
        ("config", {"dataset": "integrated_cell/other"}),
        ("reference", {"seed": 3}),
        ("spec", {"pixel_size": [0.6, 0.6]}),
        ("spec", {"structures": ["zo1", "tom20"]}),
        ("", {"dataset": "integrated_cell/tiny/1.0.1"}),
        ("", {"key": 5}),
    ],
)
def test_an_edited_value_is_refused(part, changes, tmp_path):
    Run("conditional", ConditionalConfig(), *CELLS, RESOLVED).with_key().save(tmp_path)
    edited(tmp_path / "config.json", part, **changes)
    with pytest.raises(ConfigError, match="config.json was edited: its settings don't fit its key, .* as flags"):
        Run.load(tmp_path)


def test_what_may_change_may_be_edited(tmp_path):
    Run("conditional", ConditionalConfig(), *CELLS, RESOLVED).with_key().save(tmp_path)
    edited(tmp_path / "config.json", "config", epochs=500)
    edited(tmp_path / "config.json", "", reference_dir="moved/here")
    assert (run := Run.load(tmp_path)).config.epochs == 500 and run.reference_dir == "moved/here"


def test_a_run_of_an_earlier_version_keeps_its_key_when_it_is_continued(tmp_path):
    run = Run("conditional", ConditionalConfig(), *CELLS, RESOLVED)
    run.save(tmp_path)
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    del content["config"]["z_s_noise"]  # which came later
    path.write_text(json.dumps(content | {"key": _key(content)}))
    old = Run.load(tmp_path)
    assert old.config == run.config and old.key != run.with_key().key
    dataclasses.replace(run, config=ConditionalConfig(epochs=500), key=old.key).save(tmp_path)
    assert Run.load(tmp_path) == dataclasses.replace(old, config=ConditionalConfig(epochs=500))
