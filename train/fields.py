"""Cuts single cells out of fields of view, with label images or without, and lists them in a manifest.csv."""

from icell_tf.cli.command import start
from icell_tf.cli.fields import main

if __name__ == "__main__":
    start(main)
