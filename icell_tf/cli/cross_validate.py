"""Cross-validates both phases, so that every cell is tested once: python train/cross_validate.py --preset=small.

Writes reference, conditional and evaluation into OUTPUT/fold-1 and so on, and OUTPUT/pooled.json. The same command goes
on with what is unfinished.
"""

from pathlib import Path

import keras
from absl import flags

from icell_tf.cli.command import TrainingFlags, ensure_prepared
from icell_tf.data.prepared import open_prepared
from icell_tf.inference.loading import load
from icell_tf.reports import model_card
from icell_tf.reports.pooled import POOLED_FILE, measure_fold, pool, table
from icell_tf.training import devices
from icell_tf.training.experiment import train_conditional, train_reference

FLAGS = TrainingFlags("conditional", "output", "cross-validation", without=("fold", "epochs", "train_split"))
FOLDS = flags.DEFINE_integer("folds", 4, "parts that the cells are divided into, by field of view", lower_bound=2)
EPOCHS = {
    phase: flags.DEFINE_integer(f"{phase}_epochs", None, f"passes over the training cells of the {phase} model")
    for phase in ("reference", "conditional")
}


def main():
    if devices.in_cluster():
        raise ValueError(f"train/cross_validate.py runs on one machine: unset {devices.VARIABLE}")
    output = Path(FLAGS.run_dir)
    ensure_prepared(FLAGS.config.dataset, FLAGS.data_dir.value)
    folders = [output / f"fold-{part}" for part in range(1, FOLDS.value + 1)]
    for part, folder in enumerate(folders, start=1):
        print(f"Fold {part} of {FOLDS.value}: {folder}", flush=True)
        keras.utils.clear_session()  # or every fold's networks stay in memory
        reference, conditional = (
            FLAGS.config_of(phase, fold=f"{part}/{FOLDS.value}", epochs=epochs.value)
            for phase, epochs in EPOCHS.items()
        )
        how = FLAGS.how | {"card": model_card}
        train_reference(reference, folder / "reference", **how)
        train_conditional(conditional, folder / "reference", folder / "conditional", **how)
        prepared = open_prepared(conditional, data_dir=FLAGS.data_dir.value)
        measure_fold(load(folder / "conditional"), prepared, folder / "evaluation")
    print(table(pool([folder / "evaluation" for folder in folders], prepared, output)))
    print(f"wrote {output / POOLED_FILE}")
