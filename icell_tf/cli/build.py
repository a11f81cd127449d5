"""Builds a data set of single cells, or finds that it is built already.

  icell build --config=simulated_64
  icell build --config='{"name": "mine", "image_size": 64, "pixel_size": 0.6}' --manual_dir=FOLDER_OF_MANIFEST_CSV

Every cell is examined before anything is written. A report, with a contact sheet of cells, lies beside the data.
"""

import sys

import tensorflow_datasets as tfds
from absl import flags

from icell_tf.cli.command import define_data_dir, define_folder
from icell_tf.data.builder.integrated_cell import build
from icell_tf.messages import show

CONFIG = flags.DEFINE_string(
    "config",
    None,
    "name of a config, such as simulated_64, or a JSON object with your own arguments",
    required=True,
)
MANUAL_DIR = define_folder("manual_dir", None, "folder of manifest.csv, or of a public collection as downloaded")
DATA_DIR = define_data_dir()
OVERWRITE = flags.DEFINE_bool(
    "overwrite",
    False,
    "build anew, and replace the data set that lies there under this name once the new one is complete",
)


def main():
    if not sys.stderr.isatty():  # bars would fill a log
        tfds.disable_progress_bar()
    folder = build(CONFIG.value, DATA_DIR.value, MANUAL_DIR.value, OVERWRITE.value)
    show(f"The data set lies in {folder}")
