"""Exports a trained model as a SavedModel, for TensorFlow Serving or for plain TensorFlow."""

from icell_tf.cli.command import start
from icell_tf.cli.export import main

if __name__ == "__main__":
    start(main)
