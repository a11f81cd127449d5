"""Cross-validates the phases, so that every cell is tested once.

  icell cross-validate --preset=small

Writes reference, conditional, with --sampler also sampler, and evaluation into OUTPUT/fold-1 and so on, and
OUTPUT/pooled.json. The same command goes on with what is unfinished. With --sampler it also does so after a run
without --sampler.
"""

import dataclasses
from pathlib import Path

import keras
from absl import flags

from icell_tf.cli.command import TrainingFlags, define_setting, ensure_prepared
from icell_tf.config import PHASES
from icell_tf.data.prepared import open_prepared
from icell_tf.inference.loading import load
from icell_tf.reports import model_card
from icell_tf.reports.pooled import POOLED_FILE, measure_fold, pool, table
from icell_tf.training import devices
from icell_tf.training.experiment import train_conditional, train_reference, train_sampler
from icell_tf.training.start import check_source

# Flags that also hold for phase 3.
SHARED = ("dataset", "leave_out", "balanced", "mirror", "init", "seed", "precision", "jit")
BY_FOLD = ("train_split", "fold", "epochs")

FLAGS = TrainingFlags("conditional", "output", "cross-validation", without=BY_FOLD)
FOLDS = flags.DEFINE_integer("folds", 4, "parts that the cells are divided into, by field of view", lower_bound=2)
SAMPLER = flags.DEFINE_bool(
    "sampler",
    False,
    "train phase 3, too, and measure its draws. Of the settings of phases 1 and 2 it takes "
    f"{', '.join(f'--{name}' for name in SHARED)}; of the others, such as --batch_size and --learning_rate, it has its "
    "own: --sampler_batch_size and so on",
)
EPOCHS = {
    phase: flags.DEFINE_integer(f"{phase}_epochs", None, f"passes over the training cells of the {phase} model")
    for phase in PHASES
}
OF_SAMPLER = {
    field.name: define_setting(field, "sampler")
    for field in dataclasses.fields(PHASES["sampler"])
    if field.name not in (*SHARED, *BY_FOLD)
}


def main():
    if devices.in_cluster():
        raise ValueError(f"`icell cross-validate` runs on one machine: unset {devices.VARIABLE}")
    _refuse_unused()
    output = Path(FLAGS.run_dir)
    ensure_prepared(FLAGS.config.dataset, FLAGS.data_dir.value)
    folders = [output / f"fold-{part}" for part in range(1, FOLDS.value + 1)]
    last = "sampler" if SAMPLER.value else "conditional"
    if FLAGS.config.init and not all((folder / last).exists() for folder in folders):
        check_source(FLAGS.config.init, list(PHASES)[: list(PHASES).index(last) + 1])
    for part, folder in enumerate(folders, start=1):
        print(f"Fold {part} of {FOLDS.value}: {folder}", flush=True)
        keras.utils.clear_session()  # or every fold's networks stay in memory
        configs = _configs(f"{part}/{FOLDS.value}")
        how = FLAGS.how | {"card": model_card}
        runs = {phase: folder / phase for phase in PHASES}
        train_reference(configs["reference"], runs["reference"], **how)
        train_conditional(configs["conditional"], runs["reference"], runs["conditional"], **how)
        if SAMPLER.value:
            train_sampler(configs["sampler"], runs["conditional"], runs["sampler"], runs["reference"], **how)
        prepared = open_prepared(configs["conditional"], data_dir=FLAGS.data_dir.value)
        measure_fold(load(runs[last]), prepared, folder / "evaluation")
    print(table(pool([folder / "evaluation" for folder in folders], prepared, output, phase=last)))
    print(f"wrote {output / POOLED_FILE}")


def _configs(fold):
    """Returns {phase: its config} of a fold. An own flag of phase 3, given or not, hides that of the other phases."""
    own = {"reference": {}, "conditional": {}, "sampler": {name: flag.value for name, flag in OF_SAMPLER.items()}}
    return {phase: FLAGS.config_of(phase, fold=fold, epochs=EPOCHS[phase].value, **own[phase]) for phase in PHASES}


def _refuse_unused():
    """Raises: ValueError: a setting of phase 3 is given, but phase 3 isn't trained."""
    given = [flag.name for flag in (EPOCHS["sampler"], *OF_SAMPLER.values()) if flag.value is not None]
    if given and not SAMPLER.value:
        raise ValueError(f"--{given[0]} is of phase 3, which is trained only with --sampler: give both, or neither")
