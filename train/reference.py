"""Trains phase 1, the model of cell and nuclear shape: python train/reference.py --preset=small."""

from absl import app
from command import TrainingFlags, ensure_prepared, run

from icell_tf.experiment import train_reference

FLAGS = TrainingFlags("reference")


def main():
    ensure_prepared(FLAGS.config.dataset, FLAGS.data_dir)
    train_reference(FLAGS.config, FLAGS.run_dir, FLAGS.data_dir, **FLAGS.how)


if __name__ == "__main__":
    app.run(lambda argv: run(main, argv))
