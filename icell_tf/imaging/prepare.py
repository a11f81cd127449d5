"""One cell's record of the data set, from a row of a manifest or from the simulator."""

import dataclasses
import hashlib

import numpy as np

from icell_tf import structures
from icell_tf.imaging import simulate
from icell_tf.imaging.manifest import ManifestCell
from icell_tf.imaging.preprocess import Frame, preprocess
from icell_tf.imaging.read import read_stack


@dataclasses.dataclass(frozen=True)
class SimulatedId:
    """A cell to simulate: the number-th one of a structure, for one seed of the data set; a field of its own."""

    structure: str
    number: int
    seed: int = 0

    @property
    def cell_id(self) -> str:
        """As the record names it."""
        return f"{self.structure}-{self.number:04d}"

    @property
    def cell_seed(self) -> int:
        """The simulator's seed for this cell, below 2**63."""
        digest = hashlib.sha256(f"{self.seed}/{self.structure}/{self.number}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1


def prepare_stack(cell: ManifestCell, frame: Frame) -> dict:
    """Reads and preprocesses one cell of a manifest. Errors name its CellId, file and reason. Returns: its record."""
    try:
        raw = read_stack(cell.raw, channels=cell.raw_channels, scale=cell.scale)
        masks = read_stack(cell.segmentation, channels=cell.segmentation_channels, scale=raw.scale[1:])
        if raw.data.shape[2:] != masks.data.shape[2:]:
            raise ValueError(
                f"the masks of {cell.segmentation} have {masks.data.shape[2:]} pixels (Y, X), the stack has "
                f"{raw.data.shape[2:]}"
            )
        channels = np.stack([raw.channel(cell.roles[role]) for role in ("membrane", "nucleus", "structure")])
        cell_mask, nucleus_mask = (masks.channel(cell.roles[role]) for role in ("cell_mask", "nucleus_mask"))
        prepared = preprocess(channels, cell_mask, nucleus_mask, raw.scale, frame, cell_id=cell.cell_id)
    except ValueError as error:
        raise ValueError(f"CellId {cell.cell_id}, {cell.raw}: {error}") from error
    return _record(prepared.image, cell.structure, cell.cell_id, cell.fov_id, frame)


def prepare_simulated(cell: SimulatedId, frame: Frame, expected_draws: int = 0) -> dict:
    """Simulates and preprocesses one cell.

    Args:
      cell: which one.
      frame: its frame.
      expected_draws: how many draws of every structure in this cell the expected localization is the mean of; 0: none.

    Returns:
      Its record. `expected` (H, W, K) uint8 is round(255 E[x_s | cell, y]), and `ceiling` (K,) is its correlation with
      the mean of as many other draws; without draws they are (0, 0, K) and zeros.
    """
    y = structures.NAMES.index(cell.structure)
    simulated = simulate.simulate_cell(cell.cell_seed, y, frame.pixel_size)
    prepared = preprocess(
        simulated.channels,
        simulated.cell_mask,
        simulated.nucleus_mask,
        simulated.scale,
        frame,
        cell_id=cell.cell_id,
    )
    count = len(structures.NAMES)
    expected, ceiling = np.zeros((0, 0, count), np.uint8), np.zeros(count, np.float32)
    if expected_draws:
        first, second = (
            prepared.transform.apply(
                np.stack([simulate.expected_structure(simulated, k, expected_draws, seed) for k in range(count)])
            )
            for seed in (0, 1)
        )
        expected = np.moveaxis(np.rint(255 * np.clip(first, 0, 1)), 0, -1).astype(np.uint8)
        ceiling = np.array([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(first, second, strict=True)])
    record = _record(prepared.image, cell.structure, cell.cell_id, cell.cell_id, frame)
    return record | {"expected": expected, "ceiling": ceiling.astype(np.float32)}


def _record(image, structure, cell_id, fov_id, frame):
    return {
        "image": image,
        "structure": structure,
        "cell_id": cell_id,
        "fov_id": fov_id,
        "pixel_size": np.float32(frame.pixel_size),
    }
