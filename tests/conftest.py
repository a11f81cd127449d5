"""What all tests share: no GPU, seeds that don't depend on the order of tests, and where real images lie."""

import os
import pathlib
import random
import sys

import numpy as np
import pytest

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def seeds():
    """Seeds every global generator before each test; Keras only where a test has it, because it is slow to import."""
    random.seed(0)
    np.random.seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session")
def real_data():
    """The folder of real images: $ICELL_TEST_DATA or ../shared/data. Skips the test where there is none."""
    folder = pathlib.Path(os.environ.get("ICELL_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real images: {folder} is not a folder; set ICELL_TEST_DATA to one")
    return folder


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A tiny prepared data set: 80 simulated cells, 8 a structure, in frames of 32 pixels of 1.2 µm."""
    from datasets.integrated_cell.integrated_cell_dataset_builder import Builder, IntegratedCellConfig
    from icell_tf.data import PreparedCells

    config = IntegratedCellConfig(
        name="tiny", kind="simulated", image_size=32, pixel_size=1.2, cells_per_structure=8, expected_draws=4
    )
    builder = Builder(config=config, data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare()
    return PreparedCells(pathlib.Path(builder.data_dir))
