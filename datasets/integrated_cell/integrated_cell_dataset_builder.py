"""TFDS builder of `integrated_cell`: preprocessed pictures of single cells, each with one labelled structure."""

import collections
import dataclasses
import functools
import json

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from icell_tf import structures
from icell_tf.imaging import manifest as manifests
from icell_tf.imaging import prepare, simulate, splits
from icell_tf.imaging.frame import Frame
from icell_tf.imaging.parallel import WorkerPool

# Nothing of this data set lies on Google Cloud; behind a firewall TFDS would hang while it asks.
tfds.core.utils.gcs_utils._is_gcs_disabled = True

KINDS = ("simulated", "stacks")


@dataclasses.dataclass(eq=False)
class IntegratedCellConfig(tfds.core.BuilderConfig):
    """What a build is made from; the keys of `tfds build --config='{"name": ..., ...}'`.

    Attributes:
      kind: "simulated", or "stacks": a user's own, listed in manifest.csv in the manual_dir.
      image_size: side of the pictures, px; a power of two from 32 to 512.
      pixel_size: resolution of the pictures, µm/px.
      validation_fraction, test_fraction: shares of each structure's cells, by field of view.
      cells_per_structure: (simulated) 0 for the counts of Table S8.
      seed: (simulated) another seed gives other cells.
      expected_draws: (simulated) draws behind each expected localization of the test split; 0: none.
    """

    kind: str = "stacks"
    image_size: int = 256
    pixel_size: float = 0.317
    validation_fraction: float = 0.1
    test_fraction: float = 0.25
    cells_per_structure: int = 0
    seed: int = 0
    expected_draws: int = 64

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"Config {self.name!r}: kind is {self.kind!r}, expected one of {', '.join(KINDS)}.")
        if self.image_size not in (32, 64, 128, 256, 512):
            raise ValueError(
                f"Config {self.name!r}: image_size is {self.image_size}, expected a power of two from 32 to 512 px."
            )
        splits.check_fractions(self.validation_fraction, self.test_fraction)
        self.frame = Frame(self.image_size, float(self.pixel_size))

    @property
    def simulated(self) -> bool:
        """Whether the cells are simulated."""
        return self.kind == "simulated"

    def arguments(self) -> dict:
        """Everything that decides what the records hold, apart from a manifest; stored in metadata.json."""
        names = ["kind", "image_size", "pixel_size", "validation_fraction", "test_fraction"]
        if self.simulated:
            names += ["cells_per_structure", "seed", "expected_draws"]
        arguments = {name: getattr(self, name) for name in names}
        arguments["pixel_size"] = float(self.pixel_size)
        return arguments | ({"simulator_version": simulate.SIMULATOR_VERSION} if self.simulated else {})


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds `integrated_cell`; README.md says what each config holds and how to make one's own."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release: simulated cells and stacks listed in a manifest."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Simulated configs need nothing. For your own stacks put manifest.csv into the folder given with --manual_dir; "
        "its columns are described in datasets/integrated_cell/README.md."
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
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "structure"),
            homepage="https://arxiv.org/abs/1705.00092",
            metadata=tfds.core.MetadataDict(config.arguments()),
        )

    def download_and_prepare(self, *, download_dir=None, download_config=None, **kwargs):
        """As TFDS has it, but a folder prepared from other arguments or another manifest is an error, not reused."""
        download_config = download_config or tfds.download.DownloadConfig()
        if self.data_path.exists() and not download_config.download_mode.overwrite_dataset:
            self._check_prepared(self._make_download_manager(download_dir, download_config))
        with WorkerPool() as self._pool:
            super().download_and_prepare(download_dir=download_dir, download_config=download_config, **kwargs)

    def _check_prepared(self, dl_manager):
        stored = json.loads((self.data_path / "metadata.json").read_text())
        wanted = self._fingerprint(dl_manager)
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

    def _fingerprint(self, dl_manager):
        """The arguments, and the manifest's digest where there is a manifest."""
        config = self.builder_config
        if config.simulated:
            return config.arguments()
        return config.arguments() | {"manifest_sha256": manifests.manifest_digest(_manifest_path(dl_manager))}

    def _split_generators(self, dl_manager):
        cells = self._simulated_ids() if self.builder_config.simulated else self._manifest_cells(dl_manager)
        self.info.metadata.update(self._fingerprint(dl_manager))
        return {split: self._generate_examples(cells[split]) for split in splits.SPLITS if cells[split]}

    def _simulated_ids(self):
        config = self.builder_config
        ids = [
            prepare.SimulatedId(structure.name, number, config.seed)
            for structure in structures.STRUCTURES
            for number in range(config.cells_per_structure or structure.total)
        ]
        prepare_cell = functools.partial(prepare.prepare_simulated, frame=config.frame)
        with_expected = functools.partial(prepare_cell, expected_draws=config.expected_draws)
        jobs = self._divide(ids, lambda cell: cell.structure, lambda cell: cell.cell_id)
        return {
            split: (with_expected if split == "test" else prepare_cell, members) if members else ()
            for split, members in jobs.items()
        }

    def _manifest_cells(self, dl_manager):
        cells = manifests.read_manifest(_manifest_path(dl_manager))
        self.info.features["structure"].names = manifests.structure_names(cells)
        prepare_cell = functools.partial(_record_of, frame=self.builder_config.frame)
        jobs = self._divide(cells, lambda cell: cell.structure, lambda cell: cell.fov_id)
        return {split: (prepare_cell, members) if members else () for split, members in jobs.items()}

    def _divide(self, cells, structure_of, field_of):
        """Divides cells into splits by field of view within each structure: {split: [cells]}."""
        config = self.builder_config
        by_structure = collections.defaultdict(list)
        for cell in cells:
            by_structure[structure_of(cell)].append(cell)
        divided = {split: [] for split in splits.SPLITS}
        for structure, members in by_structure.items():
            fields = [field_of(cell) for cell in members]
            assigned = splits.split_fields(fields, config.validation_fraction, config.test_fraction, structure)
            for cell, field in zip(members, fields, strict=True):
                divided[assigned[field]].append(cell)
            if len(assigned) < 3:
                logging.warning(
                    "Structure %s has %d field(s) of view; it takes three for a cell in each of train, validation and "
                    "test. Its cells are in %s only.",
                    structure,
                    len(assigned),
                    ", ".join(sorted(set(assigned.values()))),
                )
        return divided

    def _generate_examples(self, job):
        prepare_cell, cells = job
        for record in self._pool.map(prepare_cell, cells):
            yield record["cell_id"], record


def _manifest_path(dl_manager):
    return dl_manager.manual_dir / "manifest.csv"


def _record_of(cell, frame):
    record, _ = prepare.prepare_cell(cell, frame)
    return record
