"""Trains phase 2, structures given the shape: python train/conditional.py --preset=small --reference=RUN_DIR."""

from absl import app
from command import TrainingFlags, define_folder, ensure_prepared, run

from icell_tf.experiment import train_conditional

FLAGS = TrainingFlags("conditional")
REFERENCE = define_folder("reference", None, "run of train/reference.py (default: runs/PRESET-reference)")


def main():
    ensure_prepared(FLAGS.config.dataset, FLAGS.data_dir)
    reference = REFERENCE.value or FLAGS.default_run_dir("reference")
    train_conditional(FLAGS.config, reference, FLAGS.run_dir, FLAGS.data_dir, **FLAGS.how)


if __name__ == "__main__":
    app.run(lambda argv: run(main, argv))
