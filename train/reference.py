"""Trains phase 1, the model of cell and nuclear shape: python train/reference.py --preset=small."""

from icell_tf.cli.command import start
from icell_tf.cli.reference import main

if __name__ == "__main__":
    start(main)
