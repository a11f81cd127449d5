"""What the commands share: flags made from a config, and data sets prepared on first use."""

import dataclasses
import errno
import io
import json
from types import SimpleNamespace

import pytest
from absl import app, flags

from icell_tf.cli import command
from icell_tf.config import PRESETS, ConfigError, ReferenceConfig, split_names
from icell_tf.data.builder.config import VERSION
from icell_tf.data.prepared import DatasetError
from icell_tf.runs.run import Run

from ..conftest import SPEC
from ..in_process import own_flags


@pytest.fixture
def parsed():
    """A function from a phase, arguments and options to the phase's parsed flags; takes them back after the test."""

    def parse(phase, *arguments, **options):
        found = command.TrainingFlags(phase, **options)
        flags.FLAGS(["command", *arguments])
        return found

    with own_flags():
        yield parse


@pytest.mark.parametrize("phase", ["reference", "conditional"])
def test_without_other_flags_the_config_is_the_presets(parsed, phase):
    found = parsed(phase, "--preset=small")
    assert found.config == PRESETS["small"][phase]
    assert found.run_dir == f"runs/small-{phase}"
    assert found.data_dir.value is None


def test_every_field_has_a_flag_that_overrides_it(parsed):
    given = dict(epochs=7, width=0.5, dataset="integrated_cell/mine", balanced=True, generate_from="estimates")
    found = parsed("conditional", "--preset=demo", *(f"--{name}={value}" for name, value in given.items()))
    assert found.config == dataclasses.replace(PRESETS["demo"]["conditional"], **given)
    assert set(found.fields) == {field.name for field in dataclasses.fields(found.config)}


def test_directories_are_given_and_may_lie_in_the_home_folder_or_are_the_presets(parsed, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    found = parsed("conditional", "--run_dir=~/runs/mine", "--data_dir=data")
    assert (found.run_dir, found.data_dir.value) == ("/home/me/runs/mine", "data")
    assert found.default_run_dir("reference") == "runs/paper-reference"


def test_a_flag_beyond_its_choices_is_refused(parsed):
    with pytest.raises(flags.IllegalFlagValueError, match="architecture"):
        parsed("reference", "--architecture=resnet")


@pytest.fixture
def before(tmp_path):
    """The folder of a run of phase 1 on a user's cells."""
    config = ReferenceConfig(dataset="integrated_cell/mine:3.0.0")
    Run("reference", config, SPEC, "integrated_cell/mine/3.0.0").with_key().save(tmp_path)
    return tmp_path


def test_a_later_phase_takes_the_data_set_of_the_run_before(parsed, before):
    found = parsed("conditional", "--preset=small", "--epochs=3")
    expected = dataclasses.replace(PRESETS["small"]["conditional"], epochs=3, dataset="integrated_cell/mine:3.0.0")
    assert found.config_after(before) == expected
    with pytest.raises(ConfigError, match="runs/small-reference is not a run"):
        found.config_after(found.default_run_dir("reference"))


def test_a_data_set_is_the_same_under_each_of_its_names(parsed, before):
    folder = before / "data" / "integrated_cell" / "mine" / "3.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text('{"name": "integrated_cell", "configName": "mine"}')
    for name in ("integrated_cell/mine", "integrated_cell/mine:3.0.0", str(folder), str(folder.parent)):
        with own_flags():
            found = parsed("conditional", f"--dataset={name}", f"--data_dir={before}/data")
            assert found.config_after(before).dataset == name


def test_another_data_set_than_that_of_the_run_before_is_for_growing_models_only(parsed, before):
    other = "--dataset=integrated_cell/simulated_64"
    refused = "integrated_cell/simulated_64, but .* on integrated_cell/mine: leave --dataset out.*or train phase 1 on"
    with own_flags(), pytest.raises(ConfigError, match=refused):
        parsed("conditional", other).config_after(before)
    with own_flags():
        grown = parsed("conditional", other, "--grow_from=runs/fewer").config_after(before)
        assert grown.dataset == "integrated_cell/simulated_64"


@pytest.fixture
def builds(monkeypatch):
    """The commands that would have been run."""
    calls = []

    def record(arguments):
        calls.append(arguments)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(command.subprocess, "run", record)
    return calls


def test_a_simulated_data_set_is_built_where_it_is_looked_for(builds, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command.ensure_prepared("integrated_cell/simulated_64", "data")
    (built,) = builds
    assert built[1:4] == ["-P", "-m", "icell_tf.cli"]
    assert built[4:] == ["build", "--config=simulated_64", f"--data_dir={tmp_path / 'data'}"]


def test_a_prepared_data_set_is_built_again_only_if_it_is_of_an_older_version(builds, tmp_path):
    for version, commands in ((VERSION, 0), ("0.9.0", 1)):
        folder = tmp_path / version / "integrated_cell" / "simulated_64" / version
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").touch()
        command.ensure_prepared("integrated_cell/simulated_64", tmp_path / version)
        assert len(builds) == commands


def test_a_users_data_set_is_not_built_nor_is_one_by_all_machines_at_once(builds, tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match="no prepared data set integrated_cell/mine"):
        command.ensure_prepared("integrated_cell/mine", tmp_path)
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1", "b:1"]}, "task": task}))
    with pytest.raises(DatasetError, match="Prepare it with `icell build`.*TF_CONFIG.*env -u TF_CONFIG"):
        command.ensure_prepared("integrated_cell/simulated", tmp_path)
    assert not builds


def test_a_failed_build_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(command.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1))
    with pytest.raises(DatasetError, match="integrated_cell/simulated could not be prepared"):
        command.ensure_prepared("integrated_cell/simulated", tmp_path)


@pytest.fixture
def start(monkeypatch):
    """A function that starts a main() with arguments that are no flags."""

    def start(main, *arguments):
        monkeypatch.setattr(app, "run", lambda call, **_: call(["command.py", *arguments]))
        command.start(main)

    return start


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("epochs is 0"), "Error: epochs is 0"),
        (FileNotFoundError("no folder"), "Error: no folder"),
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), "^Error: a.png: No space left on device; free"),
        (RuntimeError("HDF5: filename = 'a.h5', errno = 28, ..."), "^Error: a.h5: No space left on device; free"),
        (KeyboardInterrupt(), "Interrupted"),
    ],
)
def test_an_error_that_the_user_can_correct_ends_with_a_message(start, error, message):
    def fails():
        raise error

    with pytest.raises(SystemExit, match=message):
        start(fails)


@pytest.mark.parametrize("error", [KeyError("key"), TypeError("x"), AssertionError(), RuntimeError("shapes")])
def test_an_error_of_the_program_keeps_its_traceback(start, error):
    def fails():
        raise error

    with pytest.raises(type(error)):
        start(fails)


def test_a_command_that_takes_arguments_gets_them_with_the_home_folder(start, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    got = []
    start(lambda argv: got.extend(argv), "a.tif", "~/b.tif")
    assert got == ["command.py", "a.tif", "/home/me/b.tif"]


def test_lists_of_files_may_lie_in_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    with own_flags():
        found = command.define_files("segmentation", "files")
        flags.FLAGS(["command", '--segmentation=~/a.tif,b.tif,"~/c,d.tif"'])
        assert found.value == ["/home/me/a.tif", "b.tif", "/home/me/c,d.tif"]


def test_a_name_with_a_comma_stands_in_quotes(parsed):
    with own_flags():
        found = command.define_names("structures", "shown")
        flags.FLAGS(["command", '--structures="actin, F",tom20'])
        assert found.value == ["actin, F", "tom20"]
    config = parsed("conditional", '--leave_out="actin, F",tom20').config
    assert split_names(config.leave_out) == ["actin, F", "tom20"]


def test_a_terminal_that_is_not_utf8_does_not_end_a_command(start, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    start(lambda: print("µm"))
    stream.flush()
    assert stream.buffer.getvalue() == b"\\xb5m\n"


def test_a_stray_argument_is_refused_before_anything_runs(start):
    with pytest.raises(app.UsageError, match="epochs=3.*--name=value"):
        start(lambda: pytest.fail("it ran"), "epochs=3")


def test_a_command_of_both_phases_gives_each_the_flags_that_it_has(parsed):
    arguments = ["--preset=small", "--batch_size=16", "--integration_weight=2"]
    found = parsed("conditional", *arguments, output="output", run="both", without=("epochs",))
    reference = found.config_of("reference", epochs=3, seed=None)
    assert reference == dataclasses.replace(PRESETS["small"]["reference"], batch_size=16, epochs=3)
    conditional = dataclasses.replace(PRESETS["small"]["conditional"], batch_size=16, integration_weight=2.0)
    assert found.config_of("conditional") == conditional
    assert (found.run_dir, "epochs" in found.fields) == ("runs/small-both", False)
