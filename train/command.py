"""What the commands in this folder share: flags from a config, and data sets prepared on first use."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

from absl import app, flags, logging

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: only its errors

from icell_tf.config import PRESETS  # noqa: E402
from icell_tf.data import DatasetError, find_prepared  # noqa: E402

DATASETS = Path(__file__).resolve().parent.parent / "datasets"
SIMULATED = ("integrated_cell/simulated", "integrated_cell/simulated_64")
_DEFINE = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_bool,
}


def define_config_flags(config_class):
    """Defines --preset, --run_dir, --data_dir, and a flag for every field, whose default is the preset's value."""
    flags.DEFINE_enum("preset", "paper", PRESETS, "settings to start from; every other flag overrides one")
    flags.DEFINE_string("run_dir", None, "where the run goes, or lies (default: runs/PRESET-PHASE)")
    flags.DEFINE_string("data_dir", None, "where prepared data sets lie (default: TFDS' own)")
    for field in dataclasses.fields(config_class):
        text, choices = field.metadata["help"], field.metadata["choices"]
        if choices:
            flags.DEFINE_enum(field.name, None, choices, text)
        else:
            _DEFINE[field.type](field.name, None, text)


def config_from_flags(phase):
    """Returns the preset's config with what the flags override."""
    config = PRESETS[flags.FLAGS.preset][phase]
    values = {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(config)}
    return dataclasses.replace(config, **{name: value for name, value in values.items() if value is not None})


def run_dir_from_flags(phase, flag="run_dir"):
    """Returns the directory that a flag names, or that preset's default."""
    return Path(flags.FLAGS[flag].value or f"runs/{flags.FLAGS.preset}-{phase}")


def ensure_prepared(dataset, data_dir=None):
    """Prepares a simulated data set with `tfds build` if it is not there; any other one has to be."""
    try:
        find_prepared(dataset, data_dir)
    except DatasetError:
        if dataset not in SIMULATED:
            raise
        print(f"Preparing {dataset}, once.", flush=True)
        name, config = dataset.split("/")
        command = [Path(sys.executable).with_name("tfds"), "build", "--config", config]
        command += ["--data_dir", data_dir] if data_dir else []
        subprocess.run(command, cwd=DATASETS / name, check=True)


def run(main, argv=()):
    """Runs a command's main(), ending with a message instead of a traceback where the user can mend what is wrong.

    Args:
      main: without arguments.
      argv: what the command was called with besides flags, where it takes nothing else.
    """
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}: settings are given as --name=value")
    logging.set_verbosity(logging.WARNING)  # TFDS tells of every file it opens
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit("Interrupted. Training goes on after its last completed epoch with the same command.")
