"""Trains phase 3, sharp draws of cells and structures.

icell train sampler --preset=small --conditional=RUN_DIR
"""

from icell_tf.cli.command import TrainingFlags, define_folder, ensure_prepared
from icell_tf.reports import model_card
from icell_tf.training.experiment import train_sampler

FLAGS = TrainingFlags("sampler")
CONDITIONAL = define_folder("conditional", None, "run of `icell train conditional` (default: runs/PRESET-conditional)")
REFERENCE = define_folder("reference", None, "its run of `icell train reference` (default: where it lay in training)")


def main():
    before = CONDITIONAL.value or FLAGS.default_run_dir("conditional")
    config = FLAGS.config_after(before)
    ensure_prepared(config.dataset, FLAGS.data_dir.value)
    train_sampler(config, before, FLAGS.run_dir, REFERENCE.value, **FLAGS.how, card=model_card)
