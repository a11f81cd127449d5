"""TFDS' own conformance test of the builder, on the stacks in dummy_data."""

import tensorflow_datasets as tfds

from . import integrated_cell_dataset_builder as module


class IntegratedCellTest(tfds.testing.DatasetBuilderTestCase):
    """Builds the config a user makes for stacks of their own, and reads it back."""

    DATASET_CLASS = module.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [module.IntegratedCellConfig(name="dummy", image_size=32, pixel_size=1.0)]
    # Eight cells: three fields of tom20 and of fibrillarin, one cell each, and two of lysosome.
    SPLITS = {"train": 3, "validation": 2, "test": 3}
