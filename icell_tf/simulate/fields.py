"""Fields of view made of simulated cells, with the labels that a perfect segmentation would give."""

from dataclasses import dataclass

import numpy as np

from icell_tf.simulate import SimulatedCell, simulate_cell

OFFSET, NOISE = 107, 4  # counts of the empty field, as in the stacks of `simulate_cell`
HIGHEST_NUCLEUS = 100  # nuclei are numbered downwards from it, so that no nucleus has its cell's label


@dataclass(frozen=True, eq=False)
class SimulatedField:
    """A field of view as the microscope images it.

    Attributes:
      channels: (3, Z, Y, X) uint16 counts: membrane, nucleus, structure.
      cells, nuclei: (Z, Y, X) uint16 labels, 0 outside. Cell i has label i + 1, its nucleus 100 - i.
      alone: the `SimulatedCell` of each, in its own stack.
    """

    channels: np.ndarray
    cells: np.ndarray
    nuclei: np.ndarray
    alone: tuple[SimulatedCell, ...]

    @property
    def scale(self):
        """(z, y, x), µm a voxel."""
        return self.alone[0].scale


def simulate_field(seeds, structures, pixel_size, columns=2, gap=3.0):
    """Puts simulated cells into a grid.

    Args:
      seeds: of the cells, one each, as of `simulate_cell`; at most 49.
      structures: index of each cell's structure in `PROGRAMS`.
      pixel_size: µm a pixel of the frame that the cells are meant for; voxels are a little finer.
      columns: cells in a row.
      gap: around each cell's own stack, µm.

    Returns: `SimulatedField`, equal to the bit for equal arguments.

    Example:
      >>> from icell_tf.simulate.fields import simulate_field
      >>> field = simulate_field(seeds=(0, 1), structures=(8, 8), pixel_size=1.2)
      >>> field.channels.shape[0], sorted(set(field.cells.ravel().tolist()))
      (3, [0, 1, 2])
    """
    alone = [simulate_cell(seed, y, pixel_size) for seed, y in zip(seeds, structures, strict=True)]
    margin = round(gap / alone[0].scale[1])
    depth, *tile = np.max([cell.cell_mask.shape for cell in alone], axis=0)
    rows, cols = (size + margin for size in tile)
    shape = (depth, rows * -(-len(alone) // columns) + margin, cols * columns + margin)
    rng = np.random.default_rng(0)
    channels = np.rint(rng.normal(OFFSET, NOISE, (3, *shape))).astype(np.uint16)
    cells, nuclei = np.zeros((2, *shape), np.uint16)
    for i, cell in enumerate(alone):
        corner = (0, margin + i // columns * rows, margin + i % columns * cols)
        where = tuple(slice(c, c + size) for c, size in zip(corner, cell.cell_mask.shape, strict=True))
        channels[:, *where] = cell.channels
        cells[where][cell.cell_mask] = i + 1
        nuclei[where][cell.nucleus_mask] = HIGHEST_NUCLEUS - i
    return SimulatedField(channels, cells, nuclei, tuple(alone))
