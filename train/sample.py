"""Draws new cells in chosen structures."""

from icell_tf.cli.sample import run

if __name__ == "__main__":
    run()
