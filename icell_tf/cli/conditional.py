"""Trains phase 2, structures given the shape.

icell train conditional --preset=small --reference=RUN_DIR
"""

from icell_tf.cli.command import TrainingFlags, define_folder, ensure_prepared
from icell_tf.reports import model_card
from icell_tf.training.experiment import train_conditional

FLAGS = TrainingFlags("conditional")
REFERENCE = define_folder("reference", None, "run of `icell train reference` (default: runs/PRESET-reference)")


def main():
    before = REFERENCE.value or FLAGS.default_run_dir("reference")
    config = FLAGS.config_after(before)
    ensure_prepared(config.dataset, FLAGS.data_dir.value)
    train_conditional(config, before, FLAGS.run_dir, **FLAGS.how, card=model_card)
