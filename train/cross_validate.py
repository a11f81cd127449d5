"""Cross-validates both phases, so that every cell is tested once: python train/cross_validate.py --preset=small."""

from icell_tf.cli.cross_validate import run

if __name__ == "__main__":
    run()
