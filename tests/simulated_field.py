"""A field of view made of simulated cells, with the labels that a perfect segmentation would give."""

import dataclasses

import numpy as np

from icell_tf.simulate import SimulatedCell, simulate_cell

OFFSET, NOISE = 107, 4  # counts of the empty field, as in the simulator's stacks


@dataclasses.dataclass(frozen=True, eq=False)
class SimulatedField:
    """Channels (3, Z, Y, X), labels (Z, Y, X), and the cells it is made of: cell i has label i + 1, nucleus 100 - i."""

    channels: np.ndarray
    cells: np.ndarray
    nuclei: np.ndarray
    alone: tuple[SimulatedCell, ...]

    @property
    def scale(self):
        return self.alone[0].scale


def simulate_field(count=4, pixel_size=0.6, columns=2, gap=3.0):
    """Puts cells into a grid with a gap (µm) around each."""
    alone = [simulate_cell(seed, seed % 10, pixel_size) for seed in range(count)]
    margin = round(gap / alone[0].scale[1])
    depth, *tile = np.max([cell.cell_mask.shape for cell in alone], axis=0)
    rows, cols = (size + margin for size in tile)
    shape = (depth, rows * -(-count // columns) + margin, cols * columns + margin)
    rng = np.random.default_rng(0)
    channels = np.rint(rng.normal(OFFSET, NOISE, (3, *shape))).astype(np.uint16)
    cells, nuclei = np.zeros((2, *shape), np.uint16)
    for i, cell in enumerate(alone):
        corner = (0, margin + i // columns * rows, margin + i % columns * cols)
        where = tuple(slice(c, c + size) for c, size in zip(corner, cell.cell_mask.shape, strict=True))
        channels[:, *where] = cell.channels
        cells[where][cell.cell_mask] = i + 1
        nuclei[where][cell.nucleus_mask] = 100 - i
    return SimulatedField(channels, cells, nuclei, tuple(alone))
