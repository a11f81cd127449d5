"""Builds of the data set `integrated_cell` for tests, from simulated cells and from the stacks in its dummy_data."""

import pathlib

import tensorflow_datasets as tfds

from datasets.integrated_cell import integrated_cell_dataset_builder as module

FOLDER = pathlib.Path(module.__file__).parent
DUMMY = FOLDER / "dummy_data"
STACKS = {"name": "stacks", "image_size": 32, "pixel_size": 1.0}
TINY_3D = {"name": "tiny_3d", "kind": "simulated", "image_size": [8, 16, 16], "pixel_size": [2.0, 2.5, 2.5]}
TINY_3D |= {"cells_per_structure": 4, "expected_draws": 2}


def build(data_dir, config, manual_dir=None, **options):
    """Builds a config, by name or from its arguments, as `tfds build` does, and reads it back as training does.

    Args: options: of TFDS' DownloadConfig.
    """
    config = config if isinstance(config, str) else module.IntegratedCellConfig(**config)
    builder = module.Builder(data_dir=data_dir, config=config)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir, **options))
    return tfds.builder_from_directory(builder.data_dir)


def records(builder, split):
    """Returns the records of a split, in NumPy."""
    return list(builder.as_data_source(split=split))


def build_tiny_3d(data_dir):
    """Builds 40 simulated cells in 3D, 4 a structure, in frames of 8 x 16 x 16 px, and reads the data set back."""
    return build(data_dir, TINY_3D)
