"""Cuts single cells out of fields of view, with label images or without, and lists them in a manifest.csv."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("fields")
