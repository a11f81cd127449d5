"""What the commands in this folder share: flags from a config, and data sets prepared on first use."""

import dataclasses
import functools
import inspect
import os
import subprocess
import sys
from pathlib import Path

from absl import app, flags, logging

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: only its errors

from icell_tf.config import PHASES, PRESETS  # noqa: E402
from icell_tf.data.builder.config import VERSION  # noqa: E402
from icell_tf.data.prepared import DatasetError, default_data_dir, find_prepared  # noqa: E402
from icell_tf.training import devices  # noqa: E402

DATASETS = Path(__file__).resolve().parents[2] / "datasets"  # of the checkout
SIMULATED = ("integrated_cell/simulated", "integrated_cell/simulated_64")
_DEFINE = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_bool,
}
flags.disclaim_key_flags()  # --help lists them as those of the command that defines them here


class TrainingFlags:
    """Defines --preset, --run_dir, --data_dir, and a flag for every field of a phase's config; reads them once parsed.

    Args:
      phase: a key of `PHASES`.
      output: what --run_dir is called.
      run: what the run is, for its default name; None is the phase.
      without: fields that get no flag.
    """

    def __init__(self, phase, output="run_dir", run=None, without=()):
        self.phase, self._run = phase, run or phase
        self.preset = flags.DEFINE_enum(
            "preset", "paper", PRESETS, "settings to start from; every other flag overrides one"
        )
        self.run_dir_flag = define_folder(
            output, None, f"folder of the run, new or to go on with (default: runs/PRESET-{self._run})"
        )
        self.data_dir_flag = define_data_dir()
        self.overwrite = flags.DEFINE_bool(
            "overwrite", False, "remove the run in --run_dir and start anew, each time that the command is started"
        )
        self.deterministic = flags.DEFINE_bool(
            "deterministic",
            False,
            "the same run for the same seed on a GPU too, which costs time; a CPU does so anyway",
        )
        fields = dataclasses.fields(PHASES[phase])
        self.fields = {field.name: _define(field) for field in fields if field.name not in without}

    @property
    def config(self):
        """The preset's config with what the flags override."""
        return self.config_of(self.phase)

    def config_of(self, phase, **settings):
        """Returns the preset's config of a phase with what the flags that it has override, and then the settings."""
        preset = PRESETS[self.preset.value][phase]
        given = {name: self.fields[name].value for name in vars(preset) if name in self.fields}
        return dataclasses.replace(preset, **{name: v for name, v in (given | settings).items() if v is not None})

    @property
    def how(self):
        """How to train: what is no setting of the run, and so not in its config."""
        return {"overwrite": self.overwrite.value, "deterministic": self.deterministic.value}

    @property
    def data_dir(self):
        """Where prepared data sets lie, or None for TFDS' default."""
        return self.data_dir_flag.value

    @property
    def run_dir(self):
        """The run's directory."""
        return self.run_dir_flag.value or self.default_run_dir(self._run)

    def default_run_dir(self, run):
        """Returns where a run of this preset, such as a phase's, lies if nothing else is said."""
        return f"runs/{self.preset.value}-{run}"


class _Folder(flags.ArgumentParser):
    """A shell leaves the ~ of --run_dir=~/runs to us."""

    def parse(self, argument):
        return os.path.expanduser(argument)


def define_folder(name, default, text, **options):
    """Defines a flag that is a folder, as `flags.DEFINE_string` one that is text, and returns its holder."""
    return flags.DEFINE(_Folder(), name, default, text, **options)


def define_data_dir():
    """Defines --data_dir and returns its holder."""
    return define_folder("data_dir", None, "where prepared data sets lie (default: TFDS' own)")


def _define(field):
    """Defines the flag of a config's field; None means that it is the preset's value."""
    text, choices = field.metadata["help"], field.metadata["choices"]
    if choices:
        return flags.DEFINE_enum(field.name, None, choices, text)
    return _DEFINE[field.type](field.name, None, text)


def ensure_prepared(dataset, data_dir=None):
    """Prepares a simulated data set with `tfds build` if its present version is not there; any other one has to be.

    Args:
      dataset, data_dir: as in `find_prepared`.

    Raises: DatasetError: if there is none, and it is not a simulated one, its build fails, or machines train together.
    """
    try:
        find_prepared(f"{dataset}:{VERSION}" if dataset in SIMULATED else dataset, data_dir)
    except DatasetError:
        if dataset not in SIMULATED or devices.in_cluster():  # one folder, built by several machines at once
            raise
        print(f"Preparing {dataset}, once.", flush=True)
        name, config = dataset.split("/")
        root = Path(data_dir).expanduser() if data_dir else default_data_dir()
        command = [Path(sys.executable).with_name("tfds"), "build", "--config", config, "--data_dir", root.resolve()]
        done = subprocess.run(list(map(str, command)), cwd=DATASETS / name)
        if done.returncode:
            raise DatasetError(f"{dataset} could not be prepared in {root}: see what `tfds build` says above") from None


def start(main):
    """Parses the flags and calls a command's main(), or main(argv) if the command takes arguments besides flags.

    Ends with a message instead of a traceback where the user can correct what is wrong. --help lists the flags of the
    module in which main stands.
    """
    for flag in flags.FLAGS.get_flags_for_module(main.__module__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    app.run(functools.partial(_call, main))


def _call(main, argv):
    takes_arguments = inspect.signature(main).parameters
    if len(argv) > 1 and not takes_arguments:
        raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}: settings are given as --name=value")
    logging.set_verbosity(logging.ERROR)  # TFDS logs every file it opens, and warnings about itself
    try:
        main(argv) if takes_arguments else main()
    except (ValueError, OSError, ImportError) as error:  # ImportError: a format whose package is not installed
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt as stopped:
        sys.exit(
            str(stopped)
            or "Interrupted. Run the same command again to continue after the last completed epoch or field of view, "
            "without --overwrite, which would start anew."
        )
