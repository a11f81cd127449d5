"""One cell's record of the data set, from a row of a manifest or from the simulator."""

import dataclasses
import hashlib

import numpy as np

from icell_tf import structures
from icell_tf.imaging import simulate
from icell_tf.imaging.cells import BadCell, CellSource
from icell_tf.imaging.frame import Frame
from icell_tf.imaging.preprocess import Preparation, preprocess


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
    def fov_id(self) -> str:
        """Its field of view, which it shares with no other."""
        return self.cell_id

    @property
    def cell_seed(self) -> int:
        """The simulator's seed for this cell, below 2**63."""
        digest = hashlib.sha256(f"{self.seed}/{self.structure}/{self.number}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was seen of a cell while it was prepared.

    Attributes:
      scale: (z, y, x) of its stack, µm per voxel.
      ranges: for each channel the intensity that became 0 and the one that became 255, in the stack's units.
      ambiguous_pose: see `Pose.ambiguous`.
    """

    scale: tuple[float, float, float]
    ranges: tuple[tuple[float, float], ...]
    ambiguous_pose: bool


def prepare_cell(cell: CellSource, frame: Frame, preparation: Preparation | None = None) -> tuple[dict, Findings]:
    """Reads and preprocesses one cell. Returns: its record, and what was seen. Raises: BadCell."""
    try:
        loaded = cell.load()
        prepared = preprocess(loaded.channels, loaded.cell_mask, loaded.nucleus_mask, loaded.scale, frame, preparation)
    except (ValueError, OSError) as error:
        raise BadCell(cell.cell_id, cell.source, str(error)) from error
    return _record(cell, prepared, frame), Findings(tuple(loaded.scale), prepared.ranges, prepared.pose.ambiguous)


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
    record = _record(cell, prepared, frame)
    return record | {"expected": expected, "ceiling": ceiling.astype(np.float32)}


def _record(cell, prepared, frame):
    return {
        "image": prepared.image,
        "structure": cell.structure,
        "cell_id": cell.cell_id,
        "fov_id": cell.fov_id,
        "pixel_size": np.float32(frame.pixel_size),
        "ambiguous_pose": prepared.pose.ambiguous,
    }
