"""TFDS builder of `integrated_cell`: preprocessed pictures of single cells, each with one labelled structure."""

import contextlib
import functools

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import shuffle

from icell_tf import structures
from icell_tf.data.builder import examination, sources
from icell_tf.data.builder.config import VERSION, IntegratedCellConfig
from icell_tf.data.builder.passes import open_passes
from icell_tf.data.builder.report import write_report

# Nothing of this data set is on Google Cloud. Behind a firewall TFDS would hang when it asks there.
tfds.core.utils.gcs_utils._is_gcs_disabled = True
# TFDS keeps up to a gigabyte of records in memory before it shuffles them through files. The order is the same.
shuffle.MAX_MEM_BUFFER_SIZE = 32 << 20
TWENTIETHS = {"validation_fraction": 0.05, "test_fraction": 0.05}


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds `integrated_cell`; README.md describes the configs and how to define a new one."""

    VERSION = tfds.core.Version(VERSION)
    RELEASE_NOTES = {
        "1.2.0": "The features `noise_free` and `spread` of simulated test cells. All that was there is unchanged.",
        "1.1.0": "The feature `ambiguous_pose`, and reports beside the data. The pictures are unchanged, "
        "but for stacks of continuous floats, whose background was arbitrary.",
        "1.0.0": "First release: simulated cells and stacks listed in a manifest.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Simulated configs need nothing. For the others put manifest.csv, or the collection as downloaded, into the "
        "folder given with --manual_dir; datasets/integrated_cell/README.md says exactly which files go where."
    )
    BUILDER_CONFIGS = [
        IntegratedCellConfig(
            name="simulated",
            description="Simulated cells in the paper's frame, with its counts of each structure (Table S8).",
            kind="simulated",
            **TWENTIETHS,
        ),
        IntegratedCellConfig(
            name="simulated_64",
            description="Simulated cells for the demo and for work without a GPU: 280 of each structure.",
            kind="simulated",
            image_size=64,
            pixel_size=0.6,
            validation_fraction=1 / 7,
            test_fraction=1 / 7,
            cells_per_structure=280,
        ),
        IntegratedCellConfig(
            name="paper_2d",
            description="The paper's own collection of projected cells, in its frame.",
            kind="paper_2d",
            **TWENTIETHS,
        ),
        IntegratedCellConfig(
            name="hipsc_single_cell",
            description="The Allen Institute's hiPSC Single-Cell Image Dataset, split by field of view.",
            kind="hipsc_single_cell",
            **TWENTIETHS,
        ),
    ]

    def _info(self):
        config = self.builder_config
        size, count = config.image_size, len(structures.NAMES)
        features = {
            "image": tfds.features.Image(shape=(size, size, 3), dtype=np.uint8, encoding_format="png"),
            "structure": tfds.features.ClassLabel(names=structures.NAMES if config.simulated else None),
            "cell_id": tfds.features.Text(),
            "fov_id": tfds.features.Text(),
            "pixel_size": np.float32,
            "ambiguous_pose": np.bool_,
        }
        if config.simulated:
            features["expected"] = tfds.features.Tensor(shape=(None, None, None), dtype=np.uint8, encoding="zlib")
            features["ceiling"] = tfds.features.Tensor(shape=(count,), dtype=np.float32)
            features["noise_free"] = tfds.features.Tensor(shape=(None, None, 3), dtype=np.uint8, encoding="zlib")
            features["spread"] = tfds.features.Tensor(shape=(count,), dtype=np.float32)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "structure"),
            homepage="https://arxiv.org/abs/1705.00092",
            metadata=tfds.core.MetadataDict(config.arguments()),
        )

    def download_and_prepare(self, *, download_dir=None, download_config=None, **kwargs):
        """As TFDS' method, but examines every cell first, so that a build that fails writes nothing.

        Raises:
          ValueError: the folder holds a data set of other arguments or files; or cells can't be used (`BadCells`).
        """
        config = download_config or tfds.download.DownloadConfig()
        prepare_super = functools.partial(
            super().download_and_prepare, download_dir=download_dir, download_config=config, **kwargs
        )
        downloads = self._make_download_manager(download_dir, config)
        manual_dir = None if self.builder_config.simulated else downloads.manual_dir
        cells, bad_cells, files = sources.list_cells(self.builder_config, manual_dir)
        self._fingerprint = self.builder_config.arguments() | files
        if config.max_examples_per_split is not None:  # a part of a data set must not pass for the whole
            self._fingerprint["max_examples_per_split"] = config.max_examples_per_split
        if self.data_path.exists() and not config.download_mode.overwrite_dataset:
            examination.check_prepared(self.data_path, self._fingerprint)
            return prepare_super()
        beam = config.beam_options, config.beam_runner
        with contextlib.closing(open_passes(self.builder_config, cells, self.data_dir_root, *beam)) as passes:
            self._examination = examination.examine(
                self.builder_config, cells, bad_cells, passes, config.max_examples_per_split
            )
            return prepare_super()

    def _split_generators(self, dl_manager):
        if not self.builder_config.simulated:
            self.info.features["structure"].names = self._examination.structures
        self.info.metadata.update(self._fingerprint)
        divided = self._examination.divided
        return {split: self._generate_examples(indices) for split, indices in divided.items() if indices}

    def _generate_examples(self, indices):
        return self._examination.passes.examples(indices)

    def _download_and_prepare(self, dl_manager, download_config):
        super()._download_and_prepare(dl_manager, download_config)
        # TFDS' folder is still the temporary one, so the reports appear with the data or not at all.
        if self._examination.structures:
            write_report(self.info.full_name, self.data_path, self._examination)
