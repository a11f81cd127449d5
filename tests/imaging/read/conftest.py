"""What the tests of reading share."""

import numpy as np
import pytest
import tifffile

SIZES = {"PhysicalSizeX": 0.2, "PhysicalSizeY": 0.3, "PhysicalSizeZ": 0.5}


@pytest.fixture
def pixels():
    """A function from a shape to random intensities."""
    rng = np.random.default_rng(0)
    return lambda *shape, dtype=np.uint16: rng.integers(0, 200, shape).astype(dtype)


@pytest.fixture
def write_ome():
    """A function that writes an OME-TIFF of (0.5, 0.3, 0.2) µm, or with what else is given, and returns its path."""

    def write(path, data, axes, sizes=SIZES, compression=None, bigtiff=False, **metadata):
        metadata = {"axes": axes, **sizes, **metadata}
        options = {"photometric": "minisblack", "compression": compression, "bigtiff": bigtiff}
        tifffile.imwrite(path, data, ome=True, metadata=metadata, **options)
        return path

    return write


@pytest.fixture
def cell():
    """A cell as microscopes see it, (3, 12, 60, 70): planes look like their neighbours, channels don't."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (12, 60, 70)), indexing="ij")
    r = np.sqrt(z**2 + y**2 + x**2)
    blobs = np.sin(20 * x + 2 * z) * np.sin(25 * y) > 0.5
    channels = [(abs(r - 0.9) < 0.1), r < 0.4, blobs & (r < 0.9) & (r > 0.4)]
    noise = np.random.default_rng(0).normal(0, 20, (3, *r.shape))
    return np.clip(300 * np.array(channels) + 100 + noise, 0, None).astype(np.uint16)
