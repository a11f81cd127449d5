"""TFDS' own conformance test of the builder, on the stacks in dummy_data."""

import itertools

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.testing.dataset_builder_testing import checksum

from . import integrated_cell_dataset_builder as module


class IntegratedCellTest(tfds.testing.DatasetBuilderTestCase):
    """Builds the configs a user makes for stacks of their own, in 2D and in 3D, and reads them back."""

    DATASET_CLASS = module.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [
        module.IntegratedCellConfig(name="dummy", image_size=32, pixel_size=1.0),
        module.IntegratedCellConfig(name="dummy_3d", image_size=[8, 32, 32], pixel_size=1.0),
    ]
    # Eight cells: three fields of tom20 and of fibrillarin, one cell each, and two of lysosome.
    SPLITS = {"train": 3, "validation": 2, "test": 3}

    def _assertAsDataset(self, builder):
        """In place of TFDS' check, which reads by `as_dataset`: there is none of ArrayRecord files."""
        found = {split: list(builder.as_data_source(split=split)) for split in self.SPLITS}
        self.assertEqual(self.SPLITS, {split: len(records) for split, records in found.items()})
        wanted = builder.info.features.get_tensor_info()
        for record in itertools.chain.from_iterable(found.values()):
            self.assertEqual(wanted.keys(), record.keys())
            self.assertEqual(wanted["image"].shape, record["image"].shape)
            self.assertEqual(wanted["image"].dtype, record["image"].dtype)
            for name in wanted.keys() - {"image"}:
                self.assertEqual((), np.shape(record[name]))
        checksums = [checksum(record) for record in itertools.chain.from_iterable(found.values())]
        self.assertLen(set(checksums), len(checksums))  # no record twice, in one split or in two
