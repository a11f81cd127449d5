"""What the commands share: flags from a config, and data sets prepared on first use.

TensorFlow is imported only where it is needed, so that the doctor runs without it.
"""

import dataclasses
import functools
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

from absl import app, flags, logging

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: only its errors

from icell_tf.config import PHASES, PRESETS, ConfigError  # noqa: E402
from icell_tf.messages import sentences  # noqa: E402

_DEFINE = {str: flags.DEFINE_string, int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_bool}
flags.disclaim_key_flags()  # so that --help lists the flags defined here as the command's own


class TrainingFlags:
    """Defines --preset, --run_dir, --data_dir, and a flag for every field of a phase's config; reads them once parsed.

    Args: output, what --run_dir is called; run, what the run is, for its default name, None: the phase; without, fields
    that get no flag.
    """

    def __init__(self, phase, output="run_dir", run=None, without=()):
        self.phase, self._run = phase, run or phase
        self.preset = flags.DEFINE_enum(
            "preset", "paper", PRESETS, "settings to start from, which other flags override"
        )
        self.run_dir_flag = define_folder(
            output, None, f"folder of the run, new or to continue (default: runs/PRESET-{self._run})"
        )
        self.data_dir = define_data_dir()
        self.overwrite = flags.DEFINE_bool(
            "overwrite", False, "remove the run in --run_dir and start anew, each time that the command is started"
        )
        self.deterministic = flags.DEFINE_bool(
            "deterministic",
            False,
            "make the same seed give the same run also on a GPU, which costs time; on a CPU it always does",
        )
        self.threads = define_threads()
        self.cache = flags.DEFINE_enum(
            "cache",
            "auto",
            ["auto", "on", "off"],
            "keep decoded cells in memory, which saves decoding them in every epoch; auto: where they take at most a "
            "quarter of what is free",
        )
        fields = dataclasses.fields(PHASES[phase])
        self.fields = {field.name: define_setting(field) for field in fields if field.name not in without}

    @property
    def config(self):
        """The preset's config with what the flags override."""
        return self.config_of(self.phase)

    def config_of(self, phase, **settings):
        """Returns the preset's config of a phase with what the flags that it has override, and then the settings."""
        preset = PRESETS[self.preset.value][phase]
        given = {name: self.fields[name].value for name in vars(preset) if name in self.fields}
        return dataclasses.replace(preset, **{name: v for name, v in (given | settings).items() if v is not None})

    def config_after(self, before_dir):
        """Returns `config`, on the data set of the run of the phase before.

        Args: before_dir, of that run. Raises: ConfigError: it is no run; or --dataset names another data set than that
          run's, which only a phase 2 that grows may see, as its structures came later.
        """
        from icell_tf.data.folders import name_of
        from icell_tf.runs.run import Run

        before, given = Run.load(before_dir), self.fields["dataset"].value
        if given is None:
            return self.config_of(self.phase, dataset=before.config.dataset)
        seen, named = before.dataset.rpartition("/")[0], name_of(given, self.data_dir.value)
        if named != seen and not getattr(self.config, "grow_from", ""):
            raise ConfigError(
                f"--dataset is {given}, but {before_dir} was trained on {seen}: leave --dataset out, and this phase is "
                f"trained on {seen}, too; or train phase {list(PHASES).index(before.phase) + 1} on {given} first"
            )
        return self.config

    @property
    def how(self):
        """How to train: options that are no settings of the run, and so not in its config."""
        return {
            name: getattr(self, name).value for name in ("data_dir", "overwrite", "deterministic", "threads", "cache")
        }

    @property
    def run_dir(self):
        return self.run_dir_flag.value or self.default_run_dir(self._run)

    def default_run_dir(self, run):
        """Returns where a run of this preset, such as a phase's, lies if nothing else is said."""
        return f"runs/{self.preset.value}-{run}"


class _Folder(flags.ArgumentParser):
    """Expands ~, because a shell doesn't in --run_dir=~/runs."""

    def parse(self, argument):
        return os.path.expanduser(argument)


class _Files(flags.ListParser):
    """As `_Folder`, for a list."""

    def parse(self, argument):
        return [os.path.expanduser(path) for path in super().parse(argument)]


def define_folder(name, default, text, **options):
    """Defines a flag whose value is a folder, as `flags.DEFINE_string` does for text, and returns its holder."""
    return flags.DEFINE(_Folder(), name, default, text, **options)


def define_model(*others):
    """Defines --model and returns its holder. Args: what it may be besides runs and models that ship, in words."""
    kinds = ("run of `icell train sampler` or `icell train conditional`", *others)
    text = f"{', '.join(kinds)}, or the name of a model that ships (`icell models` lists them)"
    return define_folder("model", None, text, required=True)


def define_files(name, text):
    """Defines a flag whose value is a list of files, separated by commas, and returns its holder."""
    return flags.DEFINE(_Files(), name, [], text, serializer=flags.CsvListSerializer(","))


def define_names(name, text):
    """Defines a flag whose value is a list of names, separated by commas, and returns its holder."""
    return flags.DEFINE_list(name, None, f"{text}; a name with a comma in double quotes: '\"actin, F\",tom20'")


def define_data_dir():
    return define_folder(
        "data_dir", None, "where prepared data sets lie (default: $TFDS_DATA_DIR, or ~/tensorflow_datasets)"
    )


def define_seed(text, lowest=-(2**63)):
    """Defines --seed of what is drawn, an integer of 64 bits, and returns its holder."""
    return flags.DEFINE_integer("seed", 0, text, lower_bound=lowest, upper_bound=2**63 - 1)


def define_threads():
    text = (
        "threads that share an operation on the CPU; as many operations run at a time as there are cores. auto: 1 on "
        "two cores for images up to 128 pixels, else TensorFlow's choice"
    )
    return flags.DEFINE_string("threads_per_operation", "auto", text)


def define_setting(field, phase=None):
    """Defines the flag of a config's field; its value None stands for the preset's.

    Args: phase, whose own setting it is, where a command trains several: the flag is then --PHASE_NAME.
    """
    name, text = field.name, field.metadata["help"]
    if phase:
        name, text = f"{phase}_{name}", f"of the {phase} model: {text}"
    if choices := field.metadata["choices"]:
        return flags.DEFINE_enum(name, None, choices, text)
    return _DEFINE[field.type](name, None, text)


def ensure_prepared(dataset, data_dir=None):
    """Builds a simulated data set with `icell build`, unless its current version exists; checks that any other exists.

    Args: as of `find_prepared`. Raises: DatasetError: if the data set is missing and not simulated, or its build fails,
    or several machines train.
    """
    from icell_tf.data.builder.config import SIMULATED, VERSION
    from icell_tf.data.folders import default_data_dir, find_prepared
    from icell_tf.data.records import DatasetError
    from icell_tf.training import devices

    try:
        find_prepared(f"{dataset}:{VERSION}" if dataset in SIMULATED else dataset, data_dir)
    except DatasetError as error:
        if dataset not in SIMULATED:
            raise
        if devices.in_cluster():  # several machines would build in one folder at once
            raise DatasetError(
                f"{error}; as {devices.VARIABLE} lists several machines, it is not prepared by this command (to train "
                f"on this machine alone: env -u {devices.VARIABLE})"
            ) from error
        print(f"Preparing {dataset}, once.", flush=True)
        root = Path(data_dir).expanduser() if data_dir else default_data_dir()
        # In a process of its own, because a build starts TensorFlow before this one has set its threads and devices.
        command = [sys.executable, "-P", "-m", "icell_tf.cli", "build"]
        command += [f"--config={dataset.partition('/')[2]}", f"--data_dir={root.resolve()}"]
        if subprocess.run(command).returncode:
            raise DatasetError(f"{dataset} could not be prepared in {root}: see what is said above") from None


def start(main):
    """Parses the flags and calls a command's main(), or main(argv) if the command takes paths besides flags.

    Ends with a message instead of a traceback where the user can correct what is wrong. --help prints the docstring and
    the flags of the module in which main stands.
    """
    sys.modules["__main__"].__doc__ = sys.modules[main.__module__].__doc__
    for flag in flags.FLAGS.get_flags_for_module(main.__module__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    if {"--help", "-h"} & set(sys.argv[1:]):
        app.usage(shorthelp=True, writeto_stdout=True, exitcode=0)
    app.run(functools.partial(_call, main), flags_parser=_parse)


def _parse(argv):
    """Parses the flags; ends with a sentence if they can't be used. Returns: the arguments."""
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        command = os.path.basename(argv[0])
        found = re.sub(r"^flag (--\w+)=None: .*", r"\1 is missing", str(error))
        sys.exit(f"{command}: {found.rstrip('.')}. `{command} --help` lists the flags.")


def _call(main, argv):
    takes_arguments = inspect.signature(main).parameters
    if len(argv) > 1 and not takes_arguments:
        raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}: settings are given as --name=value")
    logging.set_verbosity(logging.ERROR)  # TFDS logs every file it opens, and warnings about itself
    try:
        with sentences():
            main([argv[0], *map(os.path.expanduser, argv[1:])]) if takes_arguments else main()
    except KeyboardInterrupt as stopped:
        sys.exit(
            str(stopped)
            or "Interrupted. The same command again continues a training, a cross-validation or `icell fields`, "
            "without --overwrite, which would start anew. Other commands start anew; complete files are kept."
        )
