"""Draws new cells in chosen structures."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("sample")
