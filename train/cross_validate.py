"""Cross-validates the phases, so that every cell is tested once: python train/cross_validate.py --preset=small."""

from icell_tf.cli.command import start
from icell_tf.cli.cross_validate import main

if __name__ == "__main__":
    start(main)
