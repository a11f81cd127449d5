"""The data set `integrated_cell` for TFDS: preprocessed pictures of single cells, each with one labelled structure.

README.md, CITATIONS.bib and TAGS.txt beside this file describe it. They are links to those in datasets/integrated_cell,
where a subclass registers the builder, so that `tfds build` finds it there.
"""

import contextlib
import functools
import json

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import shuffle

from icell_tf import structures
from icell_tf.data.builder import examination, sources, storage
from icell_tf.data.builder.config import CONFIGS, NAME, VERSION, IntegratedCellConfig
from icell_tf.data.builder.passes import open_passes
from icell_tf.data.builder.report import write_report
from icell_tf.data.records import FILES, FINGERPRINT, SPEC, file_digests
from icell_tf.messages import DATA_SET_README, counted, show

# Nothing of this data set is on Google Cloud. Behind a firewall TFDS would hang when it asks there.
tfds.core.utils.gcs_utils._is_gcs_disabled = True
# TFDS keeps up to a gigabyte of records in memory before it shuffles them through files. The order is the same.
shuffle.MAX_MEM_BUFFER_SIZE = 32 << 20
FILE_FORMAT = tfds.core.FileFormat.ARRAY_RECORD  # training reads records at random places


class IntegratedCellBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Builds `integrated_cell`; README.md describes the configs and how to define a new one."""

    name = NAME
    pkg_dir_path = tfds.core.Path(__file__).parent  # of README.md and the others, also for a subclass elsewhere
    VERSION = tfds.core.Version(VERSION)
    RELEASE_NOTES = {
        "3.0.0": "Masks and segmentations have exactly two values, or a threshold; pixels without data are no "
        "background. Pictures differ where a channel is a mask with soft edges, is overexposed, or has pixels without "
        "data; the others are unchanged. metadata.json has `cells_sha256` and `files`, and some simulated test cells "
        "have `observations`.",
        "2.0.0": "ArrayRecord files; volumes beside pictures; the description `spec` of the cells in metadata.json, in "
        "place of the feature `pixel_size`. The pictures are unchanged.",
        "1.2.0": "The features `noise_free` and `spread` of simulated test cells. All that was there is unchanged.",
        "1.1.0": "The feature `ambiguous_pose`, and reports beside the data. The pictures are unchanged, "
        "but for stacks of continuous floats, whose background was arbitrary.",
        "1.0.0": "First release: simulated cells and stacks listed in a manifest.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Simulated configs need nothing. For the others put manifest.csv, or the collection as downloaded, into the "
        f"folder given with --manual_dir; {DATA_SET_README} says exactly which files go where."
    )
    BUILDER_CONFIGS = CONFIGS

    def __init__(self, *, data_dir=None, file_format=None, **kwargs):
        _check_file_format(file_format)
        if "://" in str(data_dir):
            raise ValueError(
                f"--data_dir is {data_dir}, where {FILE_FORMAT.value} files can't be written: give a folder of this "
                "machine or of a file system mounted on it."
            )
        super().__init__(data_dir=data_dir, file_format=FILE_FORMAT, **kwargs)

    def _info(self):
        config = self.builder_config
        spec = config.spec()
        some = (None,) * spec.rank  # test cells have these images, the others none
        if spec.axes == "YX":
            image = tfds.features.Image(shape=spec.image_shape, dtype=np.uint8, encoding_format="png")
        else:
            image = tfds.features.Tensor(shape=spec.image_shape, dtype=np.uint8, encoding="zlib")
        features = {
            "image": image,
            "structure": tfds.features.ClassLabel(names=spec.structures if config.simulated else None),
            "cell_id": tfds.features.Text(),
            "fov_id": tfds.features.Text(),
            "ambiguous_pose": np.bool_,
        }
        if config.truth:
            features["truth"] = tfds.features.Tensor(shape=(*spec.shape, None), dtype=np.uint8, encoding="zlib")
        if config.simulated:
            count, channels = len(spec.structures), len(spec.channels)
            features["expected"] = tfds.features.Tensor(shape=(*some, None), dtype=np.uint8, encoding="zlib")
            features["ceiling"] = tfds.features.Tensor(shape=(count,), dtype=np.float32)
            features["noise_free"] = tfds.features.Tensor(shape=(*some, channels), dtype=np.uint8, encoding="zlib")
            observed = (None, *spec.shape, count)
            features["observations"] = tfds.features.Tensor(shape=observed, dtype=np.uint8, encoding="zlib")
            features["spread"] = tfds.features.Tensor(shape=(count,), dtype=np.float32)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "structure"),
            homepage="https://arxiv.org/abs/1705.00092",
            metadata=tfds.core.MetadataDict(config.arguments()),
        )

    def download_and_prepare(self, *, download_dir=None, download_config=None, file_format=None, **kwargs):
        """As TFDS' method, but examines every cell first, so that a build that fails writes nothing.

        Raises:
          ValueError: the folder holds a data set of other arguments or files; or cells can't be used (`BadCells`); or
            the file format is another than ArrayRecord.
          storage.BuildError: the data set can't be written, or another process builds it.
        """
        _check_file_format(file_format)
        config = download_config or tfds.download.DownloadConfig()
        prepare_super = functools.partial(
            super().download_and_prepare, download_dir=download_dir, download_config=config, **kwargs
        )
        folder = self.data_path.parent
        with storage.explaining(folder):
            downloads = self._make_download_manager(download_dir, config)
        manual_dir = None if self.builder_config.simulated else _manual_dir(downloads)
        cells, bad_cells, listed = sources.list_cells(self.builder_config, manual_dir)
        self._fingerprint = self.builder_config.arguments() | listed
        if config.max_examples_per_split is not None:  # a part of a data set must not pass for the whole
            self._fingerprint["max_examples_per_split"] = config.max_examples_per_split
        with storage.building(folder):
            if self.data_path.exists() and not config.download_mode.overwrite_dataset:
                examination.check_prepared(self.data_path, self._fingerprint)
                return prepare_super()
            self._describe(cell.structure for cell in cells)  # refuses a structure's name before it examines any cell
            beam = config.beam_options, config.beam_runner
            show(f"Examining {counted(len(cells), 'cell')}.")
            with contextlib.closing(open_passes(self.builder_config, cells, folder, *beam)) as passes:
                self._examination = examination.examine(
                    self.builder_config, cells, bad_cells, passes, config.max_examples_per_split
                )
                self._spec = self._describe(self._examination.structures)
                return prepare_super()

    def _describe(self, names):
        """Returns the cells' `CellSpec`. Args: names: the structures of all cells; simulated ones are known."""
        config = self.builder_config
        return config.spec() if config.simulated else config.spec(structures.in_table_order(names))

    def _split_generators(self, dl_manager):
        if not self.builder_config.simulated:
            self.info.features["structure"].names = self._spec.structures
        self.info.metadata.update(self._fingerprint | {SPEC: self._spec.to_dict()})
        divided = self._examination.divided
        return {split: self._generate_examples(indices) for split, indices in divided.items() if indices}

    def _generate_examples(self, indices):
        return self._examination.passes.examples(indices)

    def _download_and_prepare(self, dl_manager, download_config):
        super()._download_and_prepare(dl_manager, download_config)
        # TFDS' folder is still the temporary one, so the reports appear with the data or not at all.
        self.info.metadata.update(
            {FINGERPRINT: self._examination.fingerprint, FILES: file_digests(self.data_path.glob(f"{NAME}-*"))}
        )
        if self._examination.structures:
            write_report(self.info.full_name, self.data_path, self._examination, self._spec)

    # What TFDS prints before and after it writes. It speaks of a download, and of a size that it does not know yet.
    def _log_download_bytes(self):
        show(f"Writing {counted(sum(map(len, self._examination.divided.values())), 'cell')}.")

    def _log_download_done(self):
        show(f"The records take {self.info.dataset_size}.")


def parse_config(text):
    """Returns the config that a text names, or whose arguments it holds as a JSON object. Raises: ValueError."""
    if not text.lstrip().startswith("{"):
        if text not in (names := [config.name for config in CONFIGS]):
            raise ValueError(
                f"{text!r} is no config: expected one of {', '.join(names)}, or a JSON object with the arguments "
                'of one of your own, such as {"name": "mine", "image_size": 64, "pixel_size": 0.6}'
            )
        return text
    try:
        return IntegratedCellConfig(**json.loads(text))
    except json.JSONDecodeError as error:
        raise ValueError(f"{text[:200]!r} is no JSON: {error}") from error


def build(config, data_dir=None, manual_dir=None, overwrite=False):
    """Builds a data set, or finds that it is built already, and returns its folder. Needs no Apache Beam.

    Args:
      config: as of `parse_config`.
      data_dir: where data sets lie; None is TFDS' default.
      manual_dir: the folder of manifest.csv or of a collection; simulated cells need none.
      overwrite: build it anew, and then remove the data set that lies there under this name.

    Raises: ValueError, storage.BuildError: as of `IntegratedCellBuilder.download_and_prepare`; what lay there is as it
      was.
    """
    config, how = parse_config(config), tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder = IntegratedCellBuilder(data_dir=data_dir, config=config)
    storage.restore(builder.data_path.parent)
    if overwrite and builder.is_prepared():
        # Another builder: this one has read the names of the old classes, which TFDS lets nobody change.
        with storage.replacing(builder.data_path) as beside:
            IntegratedCellBuilder(data_dir=beside, config=config).download_and_prepare(download_config=how)
    else:
        builder.download_and_prepare(download_config=how)
    return builder.data_path


def _manual_dir(downloads):
    try:
        return downloads.manual_dir
    except AssertionError as error:  # TFDS': there is no such folder, or it is empty
        found = str(error).partition(" Create it and")[0]
        raise ValueError(f"--manual_dir: {found} {IntegratedCellBuilder.MANUAL_DOWNLOAD_INSTRUCTIONS}") from error


def _check_file_format(given):
    if given is not None and tfds.core.FileFormat(given) != FILE_FORMAT:
        raise ValueError(
            f"{NAME} is written as {FILE_FORMAT.value} only, which training reads at random places; found file_format "
            f"{tfds.core.FileFormat(given).value}: leave --file_format out."
        )
