"""Builds a data set of single cells, or finds that it is built already.

  icell build --config=simulated_64
  icell build --config='{"name": "mine", "image_size": 64, "pixel_size": 0.6}' --manual_dir=FOLDER_OF_MANIFEST_CSV

Every cell is examined before anything is written. A report, with a contact sheet of cells, lies beside the data.
"""

import sys
import textwrap

from absl import app, flags

from icell_tf.cli.command import define_data_dir, define_folder
from icell_tf.data.builder.config import CONFIGS, IntegratedCellConfig
from icell_tf.messages import DATA_SET_README, quiet_start, show

_KEYS = ", ".join(IntegratedCellConfig.__annotations__)
__doc__ += "\n".join(
    [
        "\nConfigs:\n",
        *(f"  {config.name:17}  {config.description}" for config in CONFIGS),
        "\nA config of your own is a JSON object with a name and any of these keys:\n",
        textwrap.indent(textwrap.fill(_KEYS, 90), "  "),
        f"\n{DATA_SET_README} describes them.\n",
    ]
)

CONFIG = flags.DEFINE_string("config", None, "one of the configs, or a JSON object: see above")
MANUAL_DIR = define_folder("manual_dir", None, "folder of manifest.csv, or of a public collection as downloaded")
DATA_DIR = define_data_dir()
OVERWRITE = flags.DEFINE_bool(
    "overwrite",
    False,
    "build anew, and replace the data set that lies there under this name once the new one is complete",
)


def main():
    if not CONFIG.value:
        raise app.UsageError("give --config=NAME, of a config above, or --config='{...}', a JSON object")

    with quiet_start():  # here, because they import TensorFlow, which takes seconds that --help does not need
        import tensorflow_datasets as tfds

        from icell_tf.data.builder.integrated_cell import build

    if not sys.stderr.isatty():  # bars would fill a log
        tfds.disable_progress_bar()
    folder = build(CONFIG.value, DATA_DIR.value, MANUAL_DIR.value, OVERWRITE.value)
    show(f"The data set lies in {folder}")
