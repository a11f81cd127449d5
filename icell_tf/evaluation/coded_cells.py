"""The cells of a split, as the model encodes them."""

from dataclasses import dataclass

import numpy as np
from skimage.transform import downscale_local_mean

from icell_tf.data.prepared import TRUTHS

BATCH = 50


@dataclass(frozen=True, eq=False)
class CodedCells:
    """The N cells of a split, in order, with their codes.

    Attributes:
      split: train, validation or test, or a part of one.
      images: (N, H, W, 3) uint8.
      y: (N,) structure indices.
      cell_ids, fov_ids: N texts.
      probabilities: (N, K) of the structures.
      z_r: (N, Z), enc_r's codes of shape. z_r_hat, z_s: (N, Z), enc_rs' codes of shape and of what shape leaves open.
      expected: (N, H, W, K) uint8, mean localizations; ceiling: (N, K), their correlation with an independent mean;
        noise_free: (N, H, W, 3) uint8, the cell without background and noise; spread: (N, K), root of the mean over
        the frame of the variance of the localization. Each is None where the data set doesn't know it.
    """

    split: str
    images: np.ndarray
    y: np.ndarray
    cell_ids: list[str]
    fov_ids: list[str]
    probabilities: np.ndarray
    z_r: np.ndarray
    z_r_hat: np.ndarray
    z_s: np.ndarray
    expected: np.ndarray | None = None
    ceiling: np.ndarray | None = None
    noise_free: np.ndarray | None = None
    spread: np.ndarray | None = None

    def __len__(self):
        return len(self.y)

    def x_rs(self, rows=slice(None)):
        """Returns the images of some cells as float32 in [0, 1]."""
        return self.images[rows].astype(np.float32) / 255

    def averaged_down(self, side, channels=slice(None)):
        """Returns (N, h, w, C) in [0, 1], means over blocks of pixels, h = w = `side` if it divides the frame."""
        factor = max(1, self.images.shape[1] // side)
        block = (1, factor, factor, 1)
        return np.concatenate([downscale_local_mean(self.x_rs(rows)[..., channels], block) for rows in self.batches()])

    def batches(self, size=BATCH):
        """Yields slices over all cells, so that no more than `size` images are floats at once."""
        for start in range(0, len(self), size):
            yield slice(start, min(start + size, len(self)))


def code_cells(integrator, prepared, split):
    """Reads a split and encodes its cells.

    Args:
      integrator: the trained `Integrator`.
      prepared: `PreparedCells`.
      split: a split, or a part of one as TFDS slices it.

    Returns: `CodedCells`. Raises: DatasetError: the split has no cells. ValueError: a code isn't a number, as of a
      model whose training diverged.
    """
    records, codes = [], []
    for batch in prepared.examples(split, BATCH):
        x_rs = batch["image"].astype(np.float32) / 255
        codes.append(integrator.encode(x_rs) | {"shape": integrator.encode_reference(x_rs[..., :-1])["z_r"]})
        records.append(batch)
    read = {name: np.concatenate([batch[name] for batch in records]) for name in records[0]}
    coded = {name: np.concatenate([part[name] for part in codes]) for name in codes[0]}
    for name, values in coded.items():
        if not np.isfinite(values).all():
            raise ValueError(
                f"--model: its {name} of cells in split {split!r} are not numbers (NaN): training diverged. Train it "
                "anew, with a lower --learning_rate"
            )
    ids = ([text.decode() for text in read[name]] for name in ("cell_id", "fov_id"))
    codes = (coded[name] for name in ("probabilities", "shape", "z_r", "z_s"))
    known = {name: read[name] for name in TRUTHS if name in read and read[name].any()}
    return CodedCells(split, read["image"], read["structure"], *ids, *codes, **known)
