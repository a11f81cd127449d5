"""Trains phase 2, structures given the shape: python train/conditional.py --preset=small --reference=RUN_DIR."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("train conditional")
