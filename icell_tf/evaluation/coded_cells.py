"""The cells of a split, as the model encodes them. Their images stay in files until they are looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from skimage.transform import downscale_local_mean

from icell_tf.data.prepared import TRUTHS
from icell_tf.evaluation import views
from icell_tf.spec import CellSpec

IMAGES = ("expected", "noise_free")  # truths of the size of an image, which stay in files


@dataclass(frozen=True, eq=False)
class CodedCells:
    """The N cells of a split, in order, with their codes.

    Attributes:
      split: train, validation or test, or a part of one.
      spec: the `CellSpec` of the data set.
      read: a function from a slice or a list of rows, and names of features, to records, {name: (n, ...)}.
      y: (N,) structure indices.
      cell_ids, fov_ids: N texts.
      probabilities: (N, K) of the structures.
      z_r: (N, Z), enc_r's codes of shape. z_r_hat, z_s: (N, Z), enc_rs' codes of shape and of what shape leaves open;
        z_r_hat is z_r where the model decodes `from_targets`.
      truths: names of what the data set knows of these cells beside their images.
      observations: a function from a row to images of all structures in that cell as a camera would show them, (n,
        *shape, K) uint8; or to None where the data set doesn't know them.
      truth: a function from rows to all structures that are known of real cells, (n, *shape, K) uint8, zeros where one
        isn't known; or to None where the data set knows only the structure that a cell shows.
      ceiling: (N, K), correlation of the expected localization with an independent mean; spread: (N, K), root of the
        mean over the frame of the variance of the localization. Each is None where the data set doesn't know it.
    """

    split: str
    spec: CellSpec
    read: Callable
    y: np.ndarray
    cell_ids: list[str]
    fov_ids: list[str]
    probabilities: np.ndarray
    z_r: np.ndarray
    z_r_hat: np.ndarray
    z_s: np.ndarray
    truths: tuple[str, ...] = ()
    observations: Callable = lambda row: None
    truth: Callable = lambda rows: None
    ceiling: np.ndarray | None = None
    spread: np.ndarray | None = None

    def __len__(self):
        return len(self.y)

    def images(self, rows):
        """Returns the images of some cells, (n, *shape, C) uint8. Args: rows: a slice or a sequence of integers."""
        return self._read("image", rows)

    def x(self, rows):
        """Returns the images of some cells as float32 in [0, 1]. Args: see `images`."""
        return self.images(rows).astype(np.float32) / 255

    def expected(self, rows):
        """Returns mean localizations, (n, *shape, K) uint8, or None where the data set doesn't know them."""
        return self._read("expected", rows) if "expected" in self.truths else None

    def noise_free(self, rows):
        """Returns the cells without background and noise, as `images`, or None where the data set lacks them."""
        return self._read("noise_free", rows) if "noise_free" in self.truths else None

    @cached_property
    def observed_rows(self):
        """The rows of the cells that have `observations`, integers."""
        return np.array([row for row in range(len(self)) if self.observations(row) is not None], int)

    def planes(self, rows):
        """Returns what pictures show of some cells, (n, Y, X, C) float32 in [0, 1]. Args: a sequence of integers."""
        return self.seen_by(lambda x: x, rows)

    def seen_by(self, function, rows):
        """Returns planes of what a function of x, (B, *shape, C), makes of some cells. Args: see `planes`."""
        parts = (rows[part] for part in views.batches(len(rows), self.spec))
        return np.concatenate([self.spec.plane(function(self.x(part))) for part in parts])

    def averaged_down(self, longest, seen):
        """Yields small images of the cells, (B, ..., C) float32 in [0, 1], batch by batch.

        Args:
          longest: pixels along the longest side, if it divides the frame's.
          seen: a function of x that returns what is averaged: planes or volumes, all channels or some.
        """
        for rows in self.batches():
            images = seen(self.x(rows))
            yield downscale_local_mean(images, (1, *views.block(images.shape[1:-1], longest), 1))

    def batches(self, size=views.BATCH):
        """Yields slices over all cells, so that no more than `size` images are floats at once."""
        return views.batches(len(self), self.spec, size)

    @property
    def mean_image(self):
        """The mean image, (*shape, C) float64 in [0, 1]."""
        return self._means[0]

    @property
    def class_means(self):
        """The mean structure channel of each structure, (*shape, K) float32 in 0..255; zeros where none shows it."""
        return self._means[1]

    @cached_property
    def _means(self):
        total = np.zeros(self.spec.image_shape, np.int64)
        sums = np.zeros((len(self.spec.structures), *self.spec.shape), np.int64)
        for rows in self.batches():
            images, y = self.images(rows), self.y[rows]
            total += images.sum(axis=0, dtype=np.int64)
            for k in np.unique(y):
                sums[k] += self.spec.structure(images[y == k]).sum(axis=0, dtype=np.int64)
        counts = np.maximum(np.bincount(self.y, minlength=len(sums)), 1)
        means = [(total / count).astype(np.float32) for total, count in zip(sums, counts, strict=True)]
        return total / len(self) / 255, np.stack(means, axis=-1)

    def _read(self, name, rows):
        records = self.read(rows if isinstance(rows, slice) else [int(row) for row in rows], (name,))
        return np.ascontiguousarray(records[name])  # sums over it have the order of its layout in memory


def code_cells(integrator, prepared, split):
    """Encodes the cells of a split, reading them once.

    Args:
      integrator: the trained `Integrator`.
      prepared: `PreparedCells`.
      split: a split, or a part of one as TFDS slices it.

    Returns: `CodedCells`. Raises: DatasetError: the split has no cells. ValueError: a code isn't a number, as of a
      model whose training diverged.
    """
    spec, records, codes, known = prepared.spec, [], [], set()
    size = next(views.batches(prepared.size(split), spec)).stop
    for batch in prepared.examples(split, size):
        x = batch["image"].astype(np.float32) / 255
        codes.append(integrator.encode(x) | {"shape": integrator.encode_reference(spec.reference(x))["z_r"]})
        known |= {name for name in TRUTHS if name in batch and batch[name].any()}
        records.append({name: values for name, values in batch.items() if name not in ("image", *IMAGES)})
    coded = {name: np.concatenate([part[name] for part in codes]) for name in codes[0]}
    for name, values in coded.items():
        if not np.isfinite(values).all():
            raise ValueError(
                f"--model: its {name} of cells in split {split!r} are not numbers (NaN): training diverged. Train it "
                "anew, with a lower --learning_rate"
            )
    few = {name: np.ascontiguousarray(np.concatenate([batch[name] for batch in records])) for name in records[0]}
    ids = ([text.decode() for text in few[name]] for name in ("cell_id", "fov_id"))
    names = {"probabilities": "probabilities", "z_r": "shape", "z_r_hat": "z_r", "z_s": "z_s"}
    codes = {name: coded[of_model] for name, of_model in names.items()}
    numbers = {name: few[name] for name in known if name not in IMAGES}
    functions = {name: partial(getattr(prepared, name), split) for name in ("read", "observations", "truth")}
    labels = {"y": few["structure"], **dict(zip(("cell_ids", "fov_ids"), ids, strict=True))}
    return CodedCells(split, spec, **functions, **labels, **codes, truths=tuple(sorted(known)), **numbers)
