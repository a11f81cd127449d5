"""Where prepared data sets lie."""

import os
from pathlib import Path

from icell_tf.data.records import DatasetError


def default_data_dir():
    """Returns the folder in which `tfds build` puts data sets: $TFDS_DATA_DIR, or ~/tensorflow_datasets."""
    return Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def find_prepared(dataset, data_dir=None):
    """Returns the folder of a prepared data set.

    Args:
      dataset: NAME/CONFIG, of which the newest version is taken, NAME/CONFIG:VERSION, or the path of a folder that
        holds dataset_info.json.
      data_dir: where data sets lie; None is TFDS' default.

    Raises: DatasetError: if nothing is prepared there.
    """
    folder = Path(dataset).expanduser()  # a shell leaves the ~ of --dataset=~/cells to us
    if (folder / "dataset_info.json").is_file():
        return folder
    root = Path(data_dir).expanduser() if data_dir else default_data_dir()
    name, _, version = str(dataset).partition(":")
    # A digit first: an interrupted `tfds build` may leave a folder incomplete.*
    versions = [path.parent for path in (root / name).glob(f"{version or '[0-9]*'}/dataset_info.json")]
    if not versions:
        raise DatasetError(
            f"no prepared data set {dataset} in {root}. Prepare it with `tfds build` (see datasets/integrated_cell/"
            "README.md), or give --dataset and --data_dir"
        )
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".")])
