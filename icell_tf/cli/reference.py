"""Trains phase 1, the model of cell and nuclear shape.

icell train reference --preset=small
"""

from icell_tf.cli.command import TrainingFlags, ensure_prepared
from icell_tf.reports import model_card
from icell_tf.training.experiment import train_reference

FLAGS = TrainingFlags("reference")


def main():
    ensure_prepared(FLAGS.config.dataset, FLAGS.data_dir.value)
    train_reference(FLAGS.config, FLAGS.run_dir, **FLAGS.how, card=model_card)
