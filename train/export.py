"""Exports a trained model as a SavedModel, for TensorFlow Serving or for plain TensorFlow."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("export")
