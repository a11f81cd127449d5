"""A prepared data set in its folder: which cells its splits hold, and how they are read."""

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from icell_tf.data.batches import ordered_batches, shuffled_batches
from icell_tf.data.folds import held_out, read_labels
from icell_tf.spec import CellSpec, Preparation
from icell_tf.structures import canonical_name

READ_BATCH = 64
# What only the simulator knows of the cells of its test split: a last axis of structures, or of channels.
TRUTHS_BY_STRUCTURE = ("expected", "ceiling", "spread")
TRUTHS = (*TRUTHS_BY_STRUCTURE, "noise_free")


class DatasetError(ValueError):
    """A prepared data set that is missing or damaged, or lacks cells, a split or a structure."""


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


@dataclass(frozen=True)
class PreparedCells:
    """A prepared data set of single cells in a folder that `tfds build` wrote.

    Attributes:
      folder: holds dataset_info.json.
      train_split: the split to train on, also a part of it as TFDS slices it: "train[:640]".
      fold: "2/4" divides the cells of all splits anew, by field of view, into four parts with as equal shares of every
        structure as its fields allow: part 2 is `test`, the others are `train`, and there is no validation. The
        division does not depend on the order of the records. "" keeps the splits as they were prepared.
      leave_out: structures in any spelling, whose cells are in no split; the other structures are numbered without
        them. The parts of a fold are the same with and without them.
    """

    folder: Path
    train_split: str = "train"
    fold: str = ""
    leave_out: tuple[str, ...] = ()

    @cached_property
    def builder(self):
        try:
            builder = tfds.builder_from_directory(self.folder)
        except Exception as error:  # each of the folder's files has a parser with errors of its own
            raise DatasetError(f"{self.folder} can't be read ({error}); prepare the data set anew") from error
        features = set(builder.info.features)
        if not {"image", "structure", "cell_id", "pixel_size"} <= features:
            raise DatasetError(f"{self.folder} is a data set of {sorted(features)}, not one of `integrated_cell`")
        return builder

    @cached_property
    def spec(self):
        """TEMPORARY."""
        found = self.builder.info.metadata or {}
        names = tuple(self.builder.info.features["structure"].names[k] for k in self._kept)
        preparation = Preparation(found["alignment"], found["normalization"], found["preprocessing_version"])
        sizes = (round(found["pixel_size"], 6),) * 2
        return CellSpec("YX", (found["image_size"],) * 2, sizes, names, preparation=preparation)

    @property
    def dataset(self):
        return self.builder.info.full_name

    @property
    def splits(self):
        """{split: number of cells}, for the splits that have cells."""
        if not self.fold and not self.leave_out:
            return self._stored
        counts = {name: int(self._source(name)[1].sum()) for name in (("train", "test") if self.fold else self._stored)}
        return {name: count for name, count in counts.items() if count}

    @property
    def unseen(self):
        """The cells that are left out, as `PreparedCells` of their own, or None if none are."""
        return replace(self, leave_out=self.spec.structures) if self.leave_out else None

    def examples(self, split, batch_size):
        """Yields batches of whole records, in order and in NumPy, image uint8. Raises: DatasetError: there are none."""
        self.size(split)
        source, chosen = self._source(split)
        read_config = tfds.ReadConfig(try_autocache=False)
        dataset = self.builder.as_dataset(split=source, shuffle_files=False, read_config=read_config)
        if chosen is not None:
            marked = tf.data.Dataset.zip(dataset, tf.data.Dataset.from_tensor_slices(chosen))
            dataset = marked.filter(lambda _, choose: choose).map(lambda record, _: record)
        if self.fold:  # only some of its cells have truths
            dataset = dataset.map(lambda record: {n: record[n] for n in record if n not in TRUTHS})
        read = self._read(dataset.batch(batch_size))
        return map(self._without_left_out, read) if self.leave_out else read

    def _read(self, dataset):
        """Yields batches in NumPy. Raises: DatasetError: if a file of records is damaged."""
        try:
            yield from dataset.as_numpy_iterator()
        except tf.errors.OpError as error:
            raise DatasetError(f"{self._damaged_file()} can't be read; prepare the data set anew") from error

    def size(self, split):
        """Returns the number of cells of a split, or of a slice of one. Raises: DatasetError: if it has none."""
        name = split.partition("[")[0]
        if name not in self.splits:
            of_fold = f" of fold {self.fold}" if self.fold else ""
            raise DatasetError(
                f"{self.folder} has no cells in split {split!r}{of_fold}, only in {', '.join(self.splits)}"
            )
        _, chosen = self._source(split)
        return self.builder.info.splits[split].num_examples if chosen is None else int(chosen.sum())

    @cached_property
    def _stored(self):
        return {name: split.num_examples for name, split in self.builder.info.splits.items() if split.num_examples}

    def _source(self, split):
        """Returns the TFDS split that holds a split's records, and which of them belong to it: (N,) bool, None: all."""
        source, chosen = split, None
        if self.fold:
            source = "+".join(self._stored)
            if split not in ("train", "test"):
                raise DatasetError(f"fold {self.fold} of {self.folder} has splits train and test, whole, not {split!r}")
            chosen = self._held_out if split == "test" else ~self._held_out
        if self.leave_out:
            known = np.isin(read_labels(self.folder, source)["structure"], self._kept)
            chosen = known if chosen is None else chosen & known
        return source, chosen

    @cached_property
    def _held_out(self):
        """Which of all stored cells are in the part of the fold that is tested on, (N,) bool."""
        try:
            return held_out(read_labels(self.folder, "+".join(self._stored)), self.fold)
        except tf.errors.OpError as error:
            raise DatasetError(f"{self._damaged_file()} can't be read; prepare the data set anew") from error
        except ValueError as error:
            raise DatasetError(f"{self.folder}: {error}") from None

    @cached_property
    def _kept(self):
        """The structures that are not left out, as indices of the stored records."""
        names = self.builder.info.features["structure"].names
        left_out = {canonical_name(name) for name in self.leave_out}
        kept = [k for k, name in enumerate(names) if canonical_name(name) not in left_out]
        unknown = left_out - {canonical_name(name) for name in names}
        if unknown or not kept:
            found = f"has no {', '.join(sorted(unknown))}, only" if unknown else "would have no cells without"
            raise DatasetError(f"--leave_out: {self.folder} {found} {', '.join(names)}")
        return kept

    def _without_left_out(self, records):
        truths = [name for name in TRUTHS_BY_STRUCTURE if name in records and records[name].size]
        records = records | {"structure": np.searchsorted(self._kept, records["structure"])}
        return records | {name: records[name][..., self._kept] for name in truths}

    def first(self, split, count):
        """Returns the first cells of a split in NumPy: x_rs (count, H, W, 3) in [0, 1], and y (count,)."""
        records = next(self.examples(split, count))
        return records["image"].astype(np.float32) / 255, records["structure"]

    def batches(self, split, batch_size):
        """Returns a tf.data.Dataset of all cells in order, {"x_rs": (B, H, W, 3) in [0, 1], "y": (B,) int32}."""
        return ordered_batches(*self._in_memory(split), batch_size)

    def training_batches(self, batch_size, seed, epochs, initial_epoch=0, **options):
        """Returns a tf.data.Dataset of the batches of epochs initial_epoch to epochs - 1, as `shuffled_batches` does.

        A resumed run thus sees the same batches as one without interruption. The cells lie in memory as uint8.

        Raises: DatasetError: if an epoch has not even one batch.
        """
        self.steps_per_epoch(batch_size)
        images, y = self._in_memory(self.train_split)
        return shuffled_batches(images, y, batch_size, seed, range(initial_epoch, epochs), **options)

    def mean_logits(self):
        """Returns for each channel the logit of the training cells' mean intensity."""
        means = np.clip(self._in_memory(self.train_split)[0].mean(axis=(0, 1, 2)) / 255, 1e-4, 1 - 1e-4)
        return tuple(np.log(means / (1 - means)))

    def steps_per_epoch(self, batch_size):
        """Returns the number of full batches of the training cells. Raises: DatasetError: if there is not one."""
        cells = self.size(self.train_split)
        if cells < batch_size:
            raise DatasetError(
                f"{self.folder} has {cells} cells in {self.train_split!r}, fewer than one batch of {batch_size}: "
                "give a smaller --batch_size, or prepare more cells"
            )
        return cells // batch_size

    def _in_memory(self, split):
        """Returns the cells of a split, uint8 (N, H, W, 3), and their structures, int32 (N,)."""
        records = [(batch["image"], batch["structure"].astype(np.int32)) for batch in self.examples(split, READ_BATCH)]
        return tuple(np.concatenate(parts) for parts in zip(*records, strict=True))

    def _damaged_file(self):
        """The first file of records that can't be read to its end, or the folder."""
        for path in (path for split in self.builder.info.splits.values() for path in split.filepaths):
            try:
                for _ in tf.data.TFRecordDataset(str(path)):
                    pass
            except tf.errors.OpError:
                return path
        return self.folder


def open_prepared(config, dataset=None, data_dir=None):
    """Returns the `PreparedCells` that a phase's config is trained and evaluated on.

    Args:
      config: of either phase.
      dataset: another prepared data set, to evaluate on; None is the config's.
      data_dir: where prepared data sets lie; None is TFDS' default.

    Raises: DatasetError: if there is none.
    """
    names = getattr(config, "leave_out", "")  # phase 1 sees no structures
    leave_out = tuple(names.split(",")) if names else ()
    return PreparedCells(find_prepared(dataset or config.dataset, data_dir), config.train_split, config.fold, leave_out)
