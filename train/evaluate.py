"""Evaluates a trained model on its test cells: python train/evaluate.py --model=RUN_DIR."""

from icell_tf.cli.command import start
from icell_tf.cli.evaluate import main

if __name__ == "__main__":
    start(main)
