"""Cross-validates the phases, so that every cell is tested once: python train/cross_validate.py --preset=small."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("cross-validate")
