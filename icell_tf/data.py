"""A prepared data set -> batches of cells, as tf.data."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds

from icell_tf.config import Cells

CACHE_BYTES = 2 * 2**30  # cells decoded up to this size stay in memory
SHUFFLE_CELLS = 8192


class DatasetError(ValueError):
    """A prepared data set that is missing, or that is not one of single cells."""


def default_data_dir():
    """The folder in which `tfds build` puts data sets: $TFDS_DATA_DIR, or tensorflow_datasets in the home folder."""
    return Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def find_prepared(dataset, data_dir=None):
    """Returns the folder of a prepared data set.

    Args:
      dataset: NAME/CONFIG, of which the newest version is taken, NAME/CONFIG:VERSION, or the path of a folder that
        holds dataset_info.json.
      data_dir: where data sets lie; None is TFDS' default.

    Raises: DatasetError: if nothing is prepared there.
    """
    if (Path(dataset) / "dataset_info.json").is_file():
        return Path(dataset)
    root = Path(data_dir) if data_dir else default_data_dir()
    name, _, version = str(dataset).partition(":")
    versions = [path.parent for path in (root / name).glob(f"{version or '*'}/dataset_info.json")]
    if not versions:
        raise DatasetError(
            f"no prepared data set {dataset} in {root}. Prepare it with `tfds build` (see datasets/integrated_cell/"
            "README.md), or give --dataset and --data_dir"
        )
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".")])


@dataclass(frozen=True)
class PreparedCells:
    """A prepared data set of single cells in a folder that `tfds build` wrote."""

    folder: Path

    @cached_property
    def builder(self):
        return tfds.builder_from_directory(self.folder)

    @cached_property
    def cells(self):
        """The `Cells` that a model trained on this data set has to know."""
        features = self.builder.info.features
        if not {"image", "structure", "cell_id", "pixel_size"} <= set(features):
            raise DatasetError(f"{self.folder} is a data set of {sorted(features)}, not one of `integrated_cell`")
        image_size = features["image"].shape[0]
        pixel_size = float(next(iter(self.examples(next(iter(self.splits)), batch_size=1)))["pixel_size"][0])
        return Cells(tuple(features["structure"].names), image_size, round(pixel_size, 6), self.builder.info.full_name)

    @property
    def splits(self):
        """{split: number of cells}, for the splits that have cells."""
        return {name: split.num_examples for name, split in self.builder.info.splits.items() if split.num_examples}

    def examples(self, split, batch_size):
        """Returns whole records, in order and in NumPy, image uint8: for the evaluation and for pictures."""
        self._require(split)
        read_config = tfds.ReadConfig(try_autocache=False)
        dataset = self.builder.as_dataset(split=split, shuffle_files=False, read_config=read_config)
        return dataset.batch(batch_size).as_numpy_iterator()

    def batches(self, split, batch_size):
        """Returns a tf.data.Dataset of all cells in order, {"x_rs": (B, H, W, 3) in [0, 1], "y": (B,) int32}."""
        return _to_model(self._cells(split).batch(batch_size))

    def training_batches(self, batch_size, seed, epochs, initial_epoch=0, balanced=False):
        """Returns a tf.data.Dataset of the batches of epochs initial_epoch to epochs - 1, shuffled anew for each.

        An epoch's order depends on the seed and its number alone, so that a resumed run sees what an uninterrupted one
        would have seen. The last partial batch of an epoch is dropped.

        Args:
          batch_size: cells of the global batch.
          seed: of the order.
          epochs, initial_epoch: the epochs to run.
          balanced: draw each structure equally often instead of each cell once.

        Raises: DatasetError: if an epoch has not even one batch.
        """
        self.steps_per_epoch(batch_size)
        cells = self._cells("train")
        count = self.splits["train"]
        if balanced:
            structures = len(self.cells.structures)
            of_structure = [cells.filter(lambda cell, k=k: cell["y"] == k) for k in range(structures)]

        def epoch(number):
            if not balanced:
                return cells.shuffle(min(count, SHUFFLE_CELLS), seed=seed + number).batch(batch_size, drop_remainder=True)
            shuffled = [c.shuffle(min(count, SHUFFLE_CELLS), seed=seed + number).repeat() for c in of_structure]
            drawn = tf.data.Dataset.sample_from_datasets(shuffled, seed=seed + number)
            return drawn.take(count).batch(batch_size, drop_remainder=True)

        return _to_model(tf.data.Dataset.range(initial_epoch, epochs).flat_map(epoch))

    def steps_per_epoch(self, batch_size):
        """Returns the full batches of the training cells. Raises: DatasetError: if there is not one."""
        self._require("train")
        steps = self.splits["train"] // batch_size
        if not steps:
            raise DatasetError(
                f"{self.folder} has {self.splits['train']} training cells, fewer than one batch of {batch_size}: give a "
                "smaller --batch_size, or prepare more cells"
            )
        return steps

    def _cells(self, split):
        self._require(split)
        read_config = tfds.ReadConfig(try_autocache=False)
        dataset = self.builder.as_dataset(split=split, shuffle_files=False, read_config=read_config)
        dataset = dataset.map(
            lambda record: {"x_rs": record["image"], "y": tf.cast(record["structure"], tf.int32)}, tf.data.AUTOTUNE
        )
        decoded = self.splits[split] * 3 * self.cells.image_size**2
        return dataset.cache() if decoded <= CACHE_BYTES else dataset

    def _require(self, split):
        if split not in self.splits:
            raise DatasetError(f"{self.folder} has no cells in split {split!r}, only in {', '.join(self.splits)}")


def _to_model(batches):
    def scale(batch):
        return {"x_rs": tf.cast(batch["x_rs"], tf.float32) / 255.0, "y": batch["y"]}

    return batches.map(scale, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
