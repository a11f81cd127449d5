"""Folders of prepared data sets: where they lie, and what they say of themselves."""

import json
import os
from pathlib import Path

import tensorflow_datasets as tfds

from icell_tf.data.records import SPEC, DatasetError
from icell_tf.messages import DATA_SET_README
from icell_tf.spec import CellSpec, SpecError

_INFO = "dataset_info.json"  # as TFDS calls it


def default_data_dir():
    """Returns the folder in which `icell build` puts data sets: $TFDS_DATA_DIR, or ~/tensorflow_datasets."""
    return Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def find_prepared(dataset, data_dir=None):
    """Returns the folder of a prepared data set.

    Args:
      dataset: NAME/CONFIG, of which the newest version is taken, NAME/CONFIG:VERSION, or the path of a folder that
        holds dataset_info.json.
      data_dir: where data sets lie; None is TFDS' default.

    Raises: DatasetError: if nothing is prepared there.

    Example:
      >>> from icell_tf.data.folders import find_prepared
      >>> find_prepared("integrated_cell/simulated_64").name
      '3.0.0'
    """
    folder = Path(dataset).expanduser()  # a shell leaves the ~ of --dataset=~/cells to us
    if (folder / _INFO).is_file():
        return folder
    root = Path(data_dir).expanduser() if data_dir else default_data_dir()
    name, _, version = str(dataset).partition(":")
    # A digit first: an interrupted build may leave a folder incomplete.*
    versions = [path.parent for path in (root / name).glob(f"{version or '[0-9]*'}/{_INFO}")]
    if not versions:
        raise DatasetError(
            f"no prepared data set {dataset} in {root}. Prepare it with `icell build`, which {DATA_SET_README} "
            "describes, or give another --dataset; if you built it with --data_dir, give the same --data_dir here"
        )
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".")])


def name_of(dataset, data_dir=None):
    """Returns NAME/CONFIG of a data set, also where it is not prepared yet. Args: as of `find_prepared`."""
    try:
        about = json.loads((find_prepared(dataset, data_dir) / _INFO).read_text(encoding="utf-8"))
        return f"{about['name']}/{about['configName']}"
    except (DatasetError, ValueError, KeyError, TypeError):  # what is damaged is refused when it is opened
        return str(dataset).partition(":")[0]


def open_builder(folder):
    """Returns TFDS' builder of a data set, which reads it. Raises: DatasetError: it isn't an `integrated_cell`."""
    try:
        builder = tfds.builder_from_directory(folder)
        _ = builder.info.metadata  # read on demand
    except Exception as error:  # each of the folder's files has a parser with errors of its own
        raise DatasetError(f"{folder} can't be read ({error}); prepare the data set anew") from error
    features = set(builder.info.features)
    if not {"image", "structure", "cell_id", "fov_id"} <= features:
        raise DatasetError(f"{folder} is a data set of {sorted(features)}, not one of `integrated_cell`")
    if builder.info.file_format is not tfds.core.FileFormat.ARRAY_RECORD:
        raise DatasetError(
            f"{folder} is stored as {builder.info.file_format.value}, expected array_record, which can be read in any "
            "order; prepare the data set anew"
        )
    return builder


def stored_metadata(folder, builder, key):
    """Returns what metadata.json has of a key. Raises: DatasetError: it hasn't that key."""
    found = (builder.info.metadata or {}).get(key)
    if found is None:
        raise DatasetError(f"{folder} has no {key} in metadata.json; prepare the data set anew")
    return found


def stored_spec(folder, builder):
    """Returns the `CellSpec` of a data set. Raises: DatasetError: there is none, or the cells are others."""
    try:
        spec = CellSpec.from_dict(stored_metadata(folder, builder, SPEC))
    except SpecError as error:
        raise DatasetError(f"{folder} can't be used: {error}; prepare the data set anew") from error
    features = builder.info.features
    stored = {"image": tuple(features["image"].shape), "structure": tuple(features["structure"].names)}
    described = {"image": spec.image_shape, "structure": spec.structures}
    for name, value in stored.items():
        if value != described[name]:
            raise DatasetError(
                f"{folder} can't be used: metadata.json describes the feature {name!r} as {described[name]}, "
                f"but it is stored as {value}; restore metadata.json, or prepare the data set anew"
            )
    return spec
