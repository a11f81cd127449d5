"""Fields of view made of simulated cells, with the labels that a perfect segmentation would give, also as files."""

import dataclasses

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.fields.field_list import Field
from icell_tf.simulate import SimulatedCell, simulate_cell

CHANNELS = {"membrane": 0, "nucleus": 1, "structure": 2}
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


@pytest.fixture(scope="session")
def simulated():
    return simulate_field()


@pytest.fixture
def files(simulated, tmp_path):
    """A field and its label images, TIFF without metadata as segmentation tools write them; cell 4 has no nucleus."""
    scale = dict(zip(("PhysicalSizeZ", "PhysicalSizeY", "PhysicalSizeX"), simulated.scale, strict=True))
    metadata = {"axes": "CZYX", "Channel": {"Name": ["membrane", "DNA", "tubulin"]}, **scale}
    tifffile.imwrite(tmp_path / "a.ome.tif", simulated.channels, photometric="minisblack", metadata=metadata)
    tifffile.imwrite(tmp_path / "cells.tif", simulated.cells)
    tifffile.imwrite(tmp_path / "nuclei.tif", np.where(simulated.nuclei == 97, 0, simulated.nuclei))
    return tmp_path


@pytest.fixture
def field(files):
    return Field(
        "a", str(files / "a.ome.tif"), "alpha-tubulin", str(files / "cells.tif"), str(files / "nuclei.tif"), CHANNELS
    )
