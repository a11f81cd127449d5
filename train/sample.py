"""Draws new cells in chosen structures."""

from icell_tf.cli.command import start
from icell_tf.cli.sample import main

if __name__ == "__main__":
    start(main)
