"""Trains phase 3, sharp draws of cells and structures: python train/sampler.py --preset=small --conditional=RUN_DIR."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("train sampler")
