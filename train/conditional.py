"""Trains phase 2, structures given the shape: python train/conditional.py --preset=small --reference=RUN_DIR."""

from icell_tf.cli.command import start
from icell_tf.cli.conditional import main

if __name__ == "__main__":
    start(main)
