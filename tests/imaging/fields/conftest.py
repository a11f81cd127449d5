"""A field of view made of simulated cells, also as files."""

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.fields.field_list import Field
from icell_tf.simulate.fields import simulate_field

CHANNELS = {"membrane": 0, "nucleus": 1, "structure": 2}


@pytest.fixture(scope="session")
def simulated():
    return simulate_field(range(4), range(4), pixel_size=0.6)


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
