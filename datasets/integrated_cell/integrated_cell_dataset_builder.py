"""TFDS builder of `integrated_cell`: preprocessed pictures of single cells, each with one labelled structure."""

import collections
import dataclasses
import functools
import json

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core import shuffle

from icell_tf import structures
from icell_tf.imaging import prepare
from icell_tf.imaging.manifest import splits
from icell_tf.imaging.manifest.cells import BadCell, LeftOut
from icell_tf.viz import figures

from . import build_report, examination, sources
from .build_config import IntegratedCellConfig

# Nothing of this data set lies on Google Cloud; behind a firewall TFDS would hang while it asks.
tfds.core.utils.gcs_utils._is_gcs_disabled = True
# TFDS keeps up to a gigabyte of records in memory before it shuffles them by way of files; the order is the same.
shuffle.MAX_MEM_BUFFER_SIZE = 32 << 20


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds `integrated_cell`; README.md says what each config holds and how to make one's own."""

    VERSION = tfds.core.Version("1.2.0")
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
            image_size=256,
            pixel_size=0.317,
            validation_fraction=0.05,
            test_fraction=0.05,
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
            validation_fraction=0.05,
            test_fraction=0.05,
        ),
        IntegratedCellConfig(
            name="hipsc_single_cell",
            description="The Allen Institute's hiPSC Single-Cell Image Dataset, split by field of view.",
            kind="hipsc_single_cell",
            validation_fraction=0.05,
            test_fraction=0.05,
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
        """As TFDS has it, but every cell is examined first, so that a build that will fail writes nothing.

        Raises:
          ValueError: the folder is prepared from other arguments or files; or cells can't be used (`BadCells`).
        """
        config = download_config or tfds.download.DownloadConfig()
        dl_manager = self._make_download_manager(download_dir, config)
        prepare_super = functools.partial(
            super().download_and_prepare, download_dir=download_dir, download_config=config, **kwargs
        )
        cells, problems, fingerprint = self._list_cells(dl_manager)
        fingerprint = self.builder_config.arguments() | fingerprint
        if config.max_examples_per_split is not None:  # such a part must not pass for the whole
            fingerprint["max_examples_per_split"] = config.max_examples_per_split
        if self.data_path.exists() and not config.download_mode.overwrite_dataset:
            self._check_prepared(fingerprint)
            return prepare_super()
        with self._passes(cells, config) as passes:
            self._build = self._examine(cells, problems, passes)
            self._build.fingerprint = fingerprint
            self._build.cap(config.max_examples_per_split)
            return prepare_super()

    def _list_cells(self, dl_manager):
        """All cells, those that can't be used, and what tells them from others: see `sources.list_cells`."""
        config = self.builder_config
        if not config.simulated:
            return sources.list_cells(config, dl_manager.manual_dir)
        cells = sources.simulated_cells(config)
        tested = set(self._divide(cells, range(len(cells)))["test"])
        draws = config.expected_draws
        return [dataclasses.replace(c, expected_draws=draws if i in tested else 0) for i, c in enumerate(cells)], [], {}

    def _passes(self, cells, download_config):
        config = self.builder_config
        function = functools.partial(prepare.examine, frame=config.frame, preparation=config.preparation)
        self.data_dir_root.mkdir(parents=True, exist_ok=True)
        options, runner = download_config.beam_options, download_config.beam_runner
        if options or runner:
            return examination.BeamPasses(cells, function, self.data_dir_root, options, runner)
        return examination.LocalPasses(cells, function, self.data_dir_root)

    def _examine(self, cells, problems, passes):
        """The first pass. Returns: what the second is to write. Raises: BadCells."""
        problems, good, tally = list(problems), [], build_report.Tally()
        for index, outcome in enumerate(passes.examine()):
            if isinstance(outcome, BadCell):
                problems.append(outcome)
            else:
                good.append(index)
                tally.add(outcome)
        bad = [problem for problem in problems if not isinstance(problem, LeftOut)]
        if bad and (self.builder_config.on_bad_cell == "fail" or not good):
            raise build_report.BadCells(bad, self.builder_config.on_bad_cell == "fail")
        return _Build(cells, passes, self._divide(cells, good), tally, problems)

    def _check_prepared(self, wanted):
        try:
            stored = json.loads((self.data_path / "metadata.json").read_text())
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.data_path} holds no finished data set ({error}): remove the folder.") from error
        differences = [
            f"{name}: there {stored.get(name)!r}, asked for {wanted.get(name)!r}"
            for name in sorted(stored.keys() | wanted.keys())
            if stored.get(name) != wanted.get(name)
        ]
        if differences:
            raise ValueError(
                f"{self.data_path} holds a data set that was prepared differently:\n  "
                + "\n  ".join(differences)
                + "\nGive this one another name (--config='{\"name\": ...}'), or replace the old one with --overwrite."
            )

    def _split_generators(self, dl_manager):
        if not self.builder_config.simulated:
            self.info.features["structure"].names = self._build.structures
        self.info.metadata.update(self._build.fingerprint)
        return {split: self._generate_examples(indices) for split, indices in self._build.divided.items() if indices}

    def _generate_examples(self, indices):
        return self._build.passes.examples(indices)

    def _download_and_prepare(self, dl_manager, download_config):
        super()._download_and_prepare(dl_manager, download_config)
        # The folder is still the temporary one: the reports appear with the data or not at all.
        if self._build.structures:
            self._build.write_report(self.info.full_name, self.data_path)

    def _divide(self, cells, indices):
        """Divides cells into splits by field of view within each structure: {split: [indices]}."""
        config = self.builder_config
        by_structure = collections.defaultdict(list)
        for index in indices:
            by_structure[cells[index].structure].append(index)
        divided = {split: [] for split in splits.SPLITS}
        for structure, members in by_structure.items():
            fields = [cells[index].fov_id for index in members]
            assigned = splits.split_fields(fields, config.validation_fraction, config.test_fraction, structure)
            for index, field in zip(members, fields, strict=True):
                divided[assigned[field]].append(index)
            if len(assigned) < 3:
                logging.warning(
                    "Structure %s has %d field(s) of view; it takes three for a cell in each of train, validation and "
                    "test. Its cells are in %s only.",
                    structure,
                    len(assigned),
                    ", ".join(sorted(set(assigned.values()))),
                )
        return divided


@dataclasses.dataclass
class _Build:
    """What the first pass leaves to the second: all cells, their records, {split: [indices]}, and what was seen."""

    cells: list
    passes: examination.LocalPasses | examination.BeamPasses
    divided: dict[str, list[int]]
    tally: build_report.Tally
    problems: list[BadCell]
    fingerprint: dict | None = None

    def cap(self, count):
        """Keeps the first cells of each split, as TFDS' --max_examples_per_split does; None keeps all."""
        self.divided = {split: indices[:count] for split, indices in self.divided.items()}

    @property
    def structures(self):
        """Their names: those of Table S8 in its order, then the others alphabetically."""
        return structures.in_table_order(self.cells[i].structure for indices in self.divided.values() for i in indices)

    def write_report(self, name, folder):
        """Prints the report and writes it beside the data, with the contact sheet and the list of bad cells."""
        good = sorted(i for indices in self.divided.values() for i in indices)
        chosen = build_report.choose_pictured((i, self.cells[i]) for i in good)
        pictured = {structure: chosen[structure] for structure in self.structures}
        rows = {s: [record["image"] for record in self.passes.records(indices)] for s, indices in pictured.items()}
        text = build_report.report_text(
            name,
            {split: [self.cells[i] for i in indices] for split, indices in self.divided.items()},
            self.tally,
            self.problems,
            {structure: [self.cells[i].cell_id for i in indices] for structure, indices in pictured.items()},
        )
        (folder / build_report.REPORT).write_text(text + "\n")
        (folder / build_report.SET_ASIDE).write_text(build_report.to_csv(self.problems))
        with (folder / build_report.CONTACT_SHEET).open("wb") as file:
            figures.to_png(build_report.contact_sheet(rows), file)
        print(f"\n{text}\n")
