"""Trains phase 1, the model of cell and nuclear shape: python train/reference.py --preset=small."""

from absl import app, flags
from command import config_from_flags, define_config_flags, ensure_prepared, run, run_dir_from_flags

from icell_tf.config import ReferenceConfig
from icell_tf.experiment import train_reference

define_config_flags(ReferenceConfig)


def main():
    config = config_from_flags("reference")
    ensure_prepared(config.dataset, flags.FLAGS.data_dir)
    train_reference(config, run_dir_from_flags("reference"), flags.FLAGS.data_dir)


if __name__ == "__main__":
    app.run(lambda argv: run(main, argv))
