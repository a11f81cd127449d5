"""Evaluates a trained model on its test cells: python train/evaluate.py --model=RUN_DIR."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("evaluate")
