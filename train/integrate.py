"""Predicts every structure in a user's cells: prepared data sets, a manifest.csv, or stacks with their segmentation."""

from icell_tf.cli.command import start
from icell_tf.cli.integrate import main

if __name__ == "__main__":
    start(main)
