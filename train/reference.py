"""Trains phase 1, the model of cell and nuclear shape: python train/reference.py --preset=small."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("train reference")
