"""Trains phase 2, structures given the shape: python train/conditional.py --preset=small --reference=RUN_DIR."""

from absl import app, flags
from command import config_from_flags, define_config_flags, ensure_prepared, run, run_dir_from_flags

from icell_tf.config import ConditionalConfig
from icell_tf.experiment import train_conditional

define_config_flags(ConditionalConfig)
flags.DEFINE_string("reference", None, "the run of train/reference.py to build on (default: runs/PRESET-reference)")


def main():
    config = config_from_flags("conditional")
    ensure_prepared(config.dataset, flags.FLAGS.data_dir)
    reference = run_dir_from_flags("reference", flag="reference")
    train_conditional(config, reference, run_dir_from_flags("conditional"), flags.FLAGS.data_dir)


if __name__ == "__main__":
    app.run(lambda argv: run(main, argv))
