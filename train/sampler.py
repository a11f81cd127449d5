"""Trains phase 3, sharp draws of cells and structures: python train/sampler.py --preset=small --conditional=RUN_DIR."""

from icell_tf.cli.command import start
from icell_tf.cli.sampler import main

if __name__ == "__main__":
    start(main)
