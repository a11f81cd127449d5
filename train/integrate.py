"""Predicts every structure in a user's cells: prepared data sets, a manifest.csv, or stacks with their segmentation."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("integrate")
