"""A prepared data set -> batches of cells, as tf.data."""

import os
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from icell_tf.data.folds import DatasetError, held_out
from icell_tf.imaging.frame.preprocess import Preparation, describe
from icell_tf.spec import FIRST_PREPARATION, Cells
from icell_tf.structures import canonical_name

READ_BATCH = 64
# What simulated cells of the test split know besides: a last axis of structures, or of channels.
TRUTHS_BY_STRUCTURE = ("expected", "ceiling", "spread")
TRUTHS = (*TRUTHS_BY_STRUCTURE, "noise_free")


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
        structure as its fields allow: part 2 is `test`, the others `train`, and there is no validation. In whatever
        order they lie, the same cells are divided in the same way. "" keeps the splits as they were prepared.
      leave_out: structures in any spelling, whose cells are in no split; the others are numbered without them. The
        parts of a fold are the same with and without them.
    """

    folder: Path
    train_split: str = "train"
    fold: str = ""
    leave_out: tuple[str, ...] = ()

    @cached_property
    def builder(self):
        try:
            builder = tfds.builder_from_directory(self.folder)
        except Exception as error:  # that of a parser: each of its files has one of its own
            raise DatasetError(f"{self.folder} can't be read ({error}); prepare the data set anew") from error
        features = set(builder.info.features)
        if not {"image", "structure", "cell_id", "pixel_size"} <= features:
            raise DatasetError(f"{self.folder} is a data set of {sorted(features)}, not one of `integrated_cell`")
        return builder

    @property
    def image_size(self):
        """Pixels along a side; TensorFlow is not yet asked to compute anything."""
        return self.builder.info.features["image"].shape[0]

    @cached_property
    def cells(self):
        """The `Cells` that a model trained on this data set has to know."""
        pixel_size = float(next(iter(self.examples(next(iter(self.splits)), batch_size=1)))["pixel_size"][0])
        return Cells(
            tuple(self.builder.info.features["structure"].names[k] for k in self._kept),
            self.image_size,
            round(pixel_size, 6),
            self.builder.info.full_name,
            self._preparation(),
        )

    def _preparation(self):
        found = self.builder.info.metadata or {}
        if "preprocessing_version" not in found:
            return FIRST_PREPARATION
        return describe(Preparation(found["alignment"], found["normalization"]), found["preprocessing_version"])

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
        return replace(self, leave_out=self.cells.structures) if self.leave_out else None

    def examples(self, split, batch_size):
        """Returns whole records, in order and in NumPy, image uint8: for the evaluation and for pictures."""
        self.size(split)  # or an error
        source, taken = self._source(split)
        read_config = tfds.ReadConfig(try_autocache=False)
        dataset = self.builder.as_dataset(split=source, shuffle_files=False, read_config=read_config)
        if taken is not None:
            marked = tf.data.Dataset.zip(dataset, tf.data.Dataset.from_tensor_slices(taken))
            dataset = marked.filter(lambda _, take: take).map(lambda record, _: record)
        if self.fold:  # only some of its cells know the truth
            dataset = dataset.map(lambda record: {n: record[n] for n in record if n not in TRUTHS})
        batches = self._read(dataset.batch(batch_size))
        return map(self._without_left_out, batches) if self.leave_out else batches

    def _read(self, batches):
        """Yields batches in NumPy. Raises: DatasetError: if a file of records is damaged."""
        try:
            yield from batches.as_numpy_iterator()
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
        _, taken = self._source(split)
        return self.builder.info.splits[split].num_examples if taken is None else int(taken.sum())

    @cached_property
    def _stored(self):
        return {name: split.num_examples for name, split in self.builder.info.splits.items() if split.num_examples}

    def _source(self, split):
        """Returns the TFDS split that holds a split's records, and which of them it takes: (N,) bool, None for all."""
        source, taken = split, None
        if self.fold:
            source = "+".join(self._stored)
            if split not in ("train", "test"):
                raise DatasetError(f"fold {self.fold} of {self.folder} has splits train and test, whole, not {split!r}")
            taken = self._held_out if split == "test" else ~self._held_out
        if self.leave_out:
            known = np.isin(_labels(self.folder, source)["structure"], self._kept)
            taken = known if taken is None else taken & known
        return source, taken

    @cached_property
    def _held_out(self):
        """Which of all stored cells the fold tests on, (N,) bool."""
        try:
            return held_out(_labels(self.folder, "+".join(self._stored)), self.fold)
        except tf.errors.OpError as error:
            raise DatasetError(f"{self._damaged_file()} can't be read; prepare the data set anew") from error
        except DatasetError as error:
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
        images, y = self._in_memory(split)
        return _to_batches(tf.data.Dataset.range(len(y)).batch(batch_size).map(lambda index: (index,)), images, y)

    def training_batches(self, batch_size, seed, epochs, initial_epoch=0, balanced=False, mirror=False, skip=0):
        """Returns a tf.data.Dataset of the batches of epochs initial_epoch to epochs - 1, shuffled anew for each.

        An epoch's order depends on the seed and its number alone, so that a resumed run sees what an uninterrupted one
        would have seen. The last partial batch of an epoch is dropped. The cells lie in memory as uint8.

        Args:
          batch_size: cells of the global batch.
          seed: of the order.
          epochs, initial_epoch: the epochs to run.
          balanced: draw cells with replacement so that all structures are equally frequent, instead of each cell once.
          mirror: show each cell as it is, or mirrored along either axis or both, in each epoch by a draw of its own.
          skip: batches of the first epoch to leave out, because they were trained on.

        Raises: DatasetError: if an epoch has not even one batch.
        """
        steps = self.steps_per_epoch(batch_size)
        images, y = self._in_memory(self.train_split)
        log_weights = -np.log(np.bincount(y)[y])[None].astype(np.float32)

        def epoch(number):
            if balanced:
                order = tf.random.stateless_categorical(log_weights, len(y), [seed, number], dtype=tf.int64)[0]
            else:
                order = tf.random.experimental.stateless_shuffle(tf.range(len(y), dtype=tf.int64), [seed, number])
            index = tf.reshape(order[: steps * batch_size], [steps, batch_size])
            flips = tf.random.stateless_uniform([steps, 2, batch_size], [seed, number]) < 0.5
            return tf.data.Dataset.from_tensor_slices((index, flips) if mirror else (index,))

        return _to_batches(tf.data.Dataset.range(initial_epoch, epochs).flat_map(epoch).skip(skip), images, y)

    def mean_logits(self):
        """Returns for each channel the logit of the training cells' mean intensity."""
        means = np.clip(self._in_memory(self.train_split)[0].mean(axis=(0, 1, 2)) / 255, 1e-4, 1 - 1e-4)
        return tuple(np.log(means / (1 - means)))

    def steps_per_epoch(self, batch_size):
        """Returns the full batches of the training cells. Raises: DatasetError: if there is not one."""
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


@cache
def _labels(folder, split):
    """Returns id, field of view and structure of a split's stored cells, (N,) each, in the order of `examples`."""
    builder = tfds.builder_from_directory(folder)
    wanted = {name: builder.info.features[name] for name in ("cell_id", "fov_id", "structure")}
    partial, read_config = tfds.decode.PartialDecoding(wanted), tfds.ReadConfig(try_autocache=False)
    labels = builder.as_dataset(split=split, decoders=partial, read_config=read_config).batch(READ_BATCH)
    batches = list(labels.as_numpy_iterator())
    return {name: np.concatenate([batch[name] for batch in batches]) for name in wanted}


def _to_batches(indices, images, y):
    """Args: indices, a tf.data.Dataset of the cells' indices (B,) and, optionally, what to mirror, (2, B) bool."""
    with tf.device("CPU:0"):
        images, y = tf.constant(images), tf.constant(y)

    def gather(index, flips=None):
        cells = tf.gather(images, index)
        if flips is not None:
            cells = tf.map_fn(_mirrored, (cells, tf.transpose(flips)), fn_output_signature=cells.dtype)
        return {"x_rs": tf.cast(cells, tf.float32) / 255.0, "y": tf.gather(y, index)}

    return indices.map(gather, tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def _mirrored(cell_and_flips):
    """One cell (H, W, C), mirrored along the axes that are True of (2,): one cell at a time, TensorFlow is fast."""
    cell, flips = cell_and_flips
    for axis in (0, 1):
        cell = tf.cond(flips[axis], lambda: tf.reverse(cell, [axis]), lambda: cell)  # noqa: B023
    return cell


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
