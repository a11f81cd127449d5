"""A prepared data set in its folder: which cells its splits hold, and how they are read."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from icell_tf.config import split_names
from icell_tf.data.batches import ordered_batches, shuffled_batches
from icell_tf.data.cells import StoredCells, cached
from icell_tf.data.folders import find_prepared, open_builder, stored_metadata, stored_spec
from icell_tf.data.folds import held_out
from icell_tf.data.records import FILES, FINGERPRINT, DatasetError, Records, decoder
from icell_tf.messages import counted
from icell_tf.structures import canonical_name

# What only the simulator knows of the cells of its test split: a last axis of structures, or of channels.
TRUTHS_BY_STRUCTURE = ("expected", "ceiling", "spread")
TRUTHS = (*TRUTHS_BY_STRUCTURE, "noise_free")
TRUTH = "truth"  # all structures that are known of a real cell: read where they are asked for
OBSERVATIONS = "observations"  # of some test cells only, and large: read where they are asked for
BY_STRUCTURE = (*TRUTHS_BY_STRUCTURE, TRUTH, OBSERVATIONS)


@dataclass(frozen=True)
class PreparedCells:
    """A prepared data set of single cells in a folder that `icell build` wrote. Its cells stay in its files.

    Attributes:
      folder: holds dataset_info.json.
      train_split: the split to train on, also a part of it as TFDS slices it: "train[:640]".
      fold: "2/4" divides the cells of all splits anew, by field of view, into four parts with as equal shares of every
        structure as its fields allow: part 2 is `test`, the others are `train`, and there is no validation. The
        division does not depend on the order of the records. "" keeps the splits as they were prepared.
      leave_out: structures in any spelling, whose cells are in no split; the other structures are numbered without
        them. The parts of a fold are the same with and without them.

    Example:
      >>> from icell_tf.data.folders import find_prepared
      >>> from icell_tf.data.prepared import PreparedCells
      >>> cells = PreparedCells(find_prepared("integrated_cell/simulated_64"))
      >>> sorted(cells.splits), len(cells.spec.structures)
      (['test', 'train', 'validation'], 10)
      >>> x_rs, y = cells.first("test", 5)
      >>> x_rs.shape == (5, *cells.spec.image_shape), y.shape
      (True, (5,))
    """

    folder: Path
    train_split: str = "train"
    fold: str = ""
    leave_out: tuple[str, ...] = ()

    @cached_property
    def builder(self):
        return open_builder(self.folder)

    @cached_property
    def spec(self):
        """The `CellSpec`: what a model that is trained on this data set has to know."""
        return replace(self._stored_spec, structures=tuple(self._stored_spec.structures[k] for k in self._kept))

    @cached_property
    def _stored_spec(self):
        return stored_spec(self.folder, self.builder)

    @property
    def dataset(self):
        """Name, config and version of the data set."""
        return self.builder.info.full_name

    @property
    def splits(self):
        """{split: number of cells}, for the splits that have cells."""
        if not self.fold and not self.leave_out:
            return self._stored
        counts = {name: len(self._source(name)[1]) for name in (("train", "test") if self.fold else self._stored)}
        return {name: count for name, count in counts.items() if count}

    @property
    def unseen(self):
        """The cells that are left out, as `PreparedCells` of their own, or None if none are."""
        return replace(self, leave_out=self.spec.structures) if self.leave_out else None

    def labels(self, split):
        """Reads the labels of all cells of a split, once. Their records are read whole, but no image is decoded.

        Returns: {"cell_id", "fov_id": bytes, "structure": integers}, (N,) each, in order. Raises: DatasetError.
        """
        self.size(split)
        records, rows = self._source(split)
        labels = {name: values[rows] for name, values in records.labels.items()}
        return labels | {"structure": self._numbers[labels["structure"]]}

    @property
    def fingerprint(self):
        """Text that differs where any cell of any split differs, in its image, its labels or its split."""
        return stored_metadata(self.folder, self.builder, FINGERPRINT)

    def check(self):
        """Opens all files of records. Raises: DatasetError: one is missing, damaged, or of another data set."""
        self._everything.check(stored_metadata(self.folder, self.builder, FILES))

    def examples(self, split, batch_size):
        """Yields batches of all cells, in order, as `read` returns them. Raises: DatasetError: there are none."""
        count = self.size(split)
        return (self.read(split, slice(start, start + batch_size)) for start in range(0, count, batch_size))

    def read(self, split, rows, features=None):
        """Reads records, in any order.

        Args:
          split: a split, or a part of one.
          rows: a sequence of integers from 0, or a slice, of the split's cells.
          features: names of the features to read. None: all but the truth and the observations; where cells of several
            splits are mixed, as in a fold, also all but the truths, which only those of the test split have.

        Returns: {feature: (n, ...)} in NumPy; image is (n, *shape, C) uint8.
        Raises: DatasetError: there are no cells, or a file is damaged. IndexError: there is no such cell.
        """
        count = self.size(split)
        stored, cells = self._source(split)
        rows = np.arange(count)[rows] if isinstance(rows, slice) else np.asarray(rows, np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < count:
            raise IndexError(f"rows are from {rows.min()} to {rows.max()}, but {split!r} has {count} cells")
        if features is None:
            without = (TRUTH, OBSERVATIONS, *(TRUTHS if self.fold or "+" in split else ()))
            features = tuple(name for name in self.builder.info.features if name not in without)
        found = stored.read(cells[rows] if len(rows) else cells[:1])  # of one cell, for the shapes of an empty result
        records = {name: values[: len(rows)] for name, values in self._decoder(features)(found).items()}
        if "structure" in records:
            records["structure"] = self._numbers[records["structure"]]
        known = [name for name in BY_STRUCTURE if name in records and records[name].size]
        return records | {name: records[name][..., self._kept] for name in known}

    def _decoder(self, features):
        if features not in self._decoders:
            self._decoders[features] = decoder(self.builder.info.features, features)
        return self._decoders[features]

    @cached_property
    def _decoders(self):
        return {}

    def size(self, split):
        """Returns the number of cells of a split, or of a slice of one. Raises: DatasetError: if it has none."""
        name = split.partition("[")[0]
        if name not in self.splits:
            of_fold = f" of fold {self.fold}" if self.fold else ""
            raise DatasetError(
                f"{self.folder} has no cells in split {split!r}{of_fold}, only in {', '.join(self.splits)}"
            )
        count = len(self._source(split)[1])
        if not count:
            raise DatasetError(f"{self.folder} has no cells in {split!r}: it has {self.splits[name]} in {name}")
        return count

    @cached_property
    def _stored(self):
        return {name: split.num_examples for name, split in self.builder.info.splits.items() if split.num_examples}

    def _source(self, split):
        """Returns the `Records` that hold a split's cells, and which of them are its cells, (N,) in order."""
        if split not in self._sources:
            self._sources[split] = self._find_source(split)
        return self._sources[split]

    @cached_property
    def _sources(self):
        return {}

    def _find_source(self, split):
        if self.fold and split not in ("train", "test"):
            raise DatasetError(f"fold {self.fold} of {self.folder} has splits train and test, whole, not {split!r}")
        records, chosen = self._everything if self.fold else self._records(split), True
        if self.fold:
            chosen = self._held_out == (split == "test")
        if self.leave_out:
            chosen = chosen & np.isin(records.labels["structure"], self._kept)
        return records, np.arange(len(records)) if chosen is True else np.flatnonzero(chosen)

    def _records(self, split):
        return Records(self.builder.info.splits[split].file_instructions)

    @cached_property
    def _everything(self):
        """The `Records` of all splits."""
        return self._records("+".join(self._stored))

    @cached_property
    def _held_out(self):
        """Which of all stored cells are in the part of the fold that is tested on, (N,) bool."""
        labels = self._everything.labels
        try:
            return held_out(labels, self.fold)
        except ValueError as error:
            raise DatasetError(f"{self.folder}: {error}") from None

    @cached_property
    def _kept(self):
        """The structures that are not left out, as indices of the stored records."""
        names = self._stored_spec.structures
        left_out = {canonical_name(name) for name in self.leave_out}
        kept = [k for k, name in enumerate(names) if canonical_name(name) not in left_out]
        unknown = left_out - {canonical_name(name) for name in names}
        if unknown or not kept:
            found = f"has no {', '.join(sorted(unknown))}, only" if unknown else "would have no cells without"
            raise DatasetError(f"--leave_out: {self.folder} {found} {', '.join(names)}")
        return kept

    @cached_property
    def _numbers(self):
        """y of each stored structure, -1 for those that are left out."""
        numbers = np.full(len(self._stored_spec.structures), -1)
        numbers[self._kept] = np.arange(len(self._kept))
        return numbers

    def first(self, split, count):
        """Returns the first cells of a split in NumPy: x, (count, *shape, C) in [0, 1], and structure, (count,)."""
        records = self.read(split, slice(count), ("image", "structure"))
        return records["image"].astype(np.float32) / 255, records["structure"]

    def observations(self, split, row):
        """Returns what a camera would show of all structures in a cell, (n, *shape, K) uint8, or None if it has none.

        Raises: DatasetError: a file is damaged.
        """
        if OBSERVATIONS not in self.builder.info.features:
            return None
        (found,) = self.read(split, [row], (OBSERVATIONS,))[OBSERVATIONS]
        return found if len(found) else None

    def truth(self, split, rows):
        """Returns all structures that are known of some cells, (n, *shape, K) uint8, zeros where one isn't known.

        None of a data set that was built without truth.csv. Args, Raises: as of `read`.
        """
        return self.read(split, rows, (TRUTH,))[TRUTH] if TRUTH in self.builder.info.features else None

    def batches(self, split, batch_size, cache="off", free=None):
        """Returns the `Batches` of all cells, in order.

        Args: cache, free: as of `cells.cached`.
        """
        return ordered_batches(cached(self.stored_cells(split), cache, free), batch_size)

    def training_batches(
        self, batch_size, seed, epochs, initial_epoch=0, balanced=False, mirror=False, skip=0, cache="auto", free=None
    ):
        """Returns the `Batches` of epochs initial_epoch to epochs - 1, as `shuffled_batches` does.

        A resumed run thus sees the same batches as one without interruption.

        Args:
          batch_size, seed, epochs, skip: as of `shuffled_batches`.
          balanced: draw cells with replacement so that all structures are equally frequent, instead of each cell once.
          mirror: mirror each cell along no axis of the plane, one or both, by a draw of its own in each epoch.
          cache, free: as of `cells.cached`; the batches are the same with and without.

        Raises: DatasetError: if an epoch has not even one batch; also while batches are taken, if a file is damaged.
        """
        self.steps_per_epoch(batch_size)
        return shuffled_batches(
            cached(self.stored_cells(self.train_split), cache, free),
            batch_size,
            seed,
            range(initial_epoch, epochs),
            balance=self.labels(self.train_split)["structure"] if balanced else None,
            mirror=self.spec.mirrored_axes if mirror else (),
            skip=skip,
        )

    def mean_logits(self):
        """Returns for each channel the logit of the training cells' mean intensity."""
        total, count = 0, 0
        for images, _ in self.stored_cells(self.train_split).batches():
            channels = images.shape[-1]
            total = total + images.reshape(-1, channels).sum(axis=0, dtype=np.int64)
            count += images.size // channels
        means = np.clip(total / count / 255, 1e-4, 1 - 1e-4)
        return tuple(np.log(means / (1 - means)))

    def steps_per_epoch(self, batch_size):
        """Returns the number of full batches of the training cells. Raises: DatasetError: if there is not one."""
        cells = self.size(self.train_split)
        if cells < batch_size:
            raise DatasetError(
                f"{self.folder} has {counted(cells, 'cell')} in {self.train_split!r}, fewer than one batch of "
                f"{batch_size}: give a smaller --batch_size, or prepare more cells"
            )
        return cells // batch_size

    def stored_cells(self, split):
        """Returns the `StoredCells` of a split."""
        self.size(split)
        return StoredCells(*self._source(split), self.builder.info.features["image"], self._numbers)


def open_prepared(config, dataset=None, data_dir=None):
    """Returns the `PreparedCells` that a phase's config is trained and evaluated on.

    Args:
      config: of either phase.
      dataset: another prepared data set, to evaluate on; None is the config's.
      data_dir: where prepared data sets lie; None is TFDS' default.

    Raises: DatasetError: if there is none.
    """
    leave_out = tuple(split_names(getattr(config, "leave_out", "")))  # phase 1 sees no structures
    return PreparedCells(find_prepared(dataset or config.dataset, data_dir), config.train_split, config.fold, leave_out)
