"""What all tests share: no GPU, seeds that don't depend on the order of tests, and where real images lie."""

import functools
import os
import pathlib
import random
import sys

import numpy as np
import pytest

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SIZE, STRUCTURES, LATENT = 32, ("lamin-b1", "tom20", "zo1"), 4  # of `make_integrator`
TINY_RUN = dict(epochs=2, width=1 / 16, latent_dim=4, batch_size=16, architecture="released")


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


@pytest.fixture(scope="session")
def reference_config(prepared):
    """Of `reference_run`."""
    from icell_tf.config import ReferenceConfig

    return ReferenceConfig(dataset=str(prepared.folder), **TINY_RUN)


@pytest.fixture(scope="session")
def conditional_config(prepared):
    """Of `conditional_run`."""
    from icell_tf.config import ConditionalConfig

    return ConditionalConfig(dataset=str(prepared.folder), **TINY_RUN)


@pytest.fixture(scope="session")
def reference_run(reference_config, tmp_path_factory):
    """The folder of phase 1, trained for two epochs; tests copy it before they change anything."""
    from icell_tf import experiment

    return experiment.train_reference(reference_config, tmp_path_factory.mktemp("runs") / "reference")


@pytest.fixture(scope="session")
def conditional_run(conditional_config, reference_run):
    """The folder of phase 2 on `reference_run`; tests copy it before they change anything."""
    from icell_tf import experiment

    return experiment.train_conditional(conditional_config, reference_run, reference_run.parent / "conditional")


@pytest.fixture(scope="session")
def make_integrator():
    """A function from an architecture to an `Integrator` of tiny networks, whose output depends on their input.

    The same arguments give the same `Integrator`, whose functions are traced once; tests leave its weights alone.
    """
    import keras

    from icell_tf import networks
    from icell_tf.integrator import Integrator

    @functools.cache
    def make(architecture="paper", mirrored=False):
        keras.utils.set_random_seed(5)
        options = {"latent_dim": LATENT, "width": 1 / 16, "architecture": architecture}
        enc_r = networks.build_reference_encoder(SIZE, **options)
        enc_rs = networks.build_conditional_encoder(SIZE, len(STRUCTURES), **options)
        dec_rs = networks.build_conditional_decoder(SIZE, len(STRUCTURES), **options)
        rng = np.random.default_rng(0)
        images, codes = rng.random((8, SIZE, SIZE, 3), np.float32), rng.standard_normal((8, LATENT))
        y_onehot = np.eye(len(STRUCTURES), dtype=np.float32)[np.arange(8) % len(STRUCTURES)]
        for network in (enc_r, enc_rs, dec_rs):
            networks.set_norm_momentum(network, 0.0)
        # Fills the moving statistics with those of one batch: without them nothing of the input reaches the output.
        enc_r(images[..., :2], training=True)
        enc_rs(images, training=True)
        dec_rs([y_onehot, codes, codes[::-1]], training=True)
        keras.utils.set_random_seed(0)  # as `seeds` has left it, whichever test comes first
        return Integrator(enc_r, enc_rs, dec_rs, STRUCTURES, pixel_size=1.2, mirrored=mirrored)

    return make


@pytest.fixture(scope="session")
def make_export(make_integrator, tmp_path_factory):
    """A function from the arguments of `make_integrator` to the folder of its `Integrator`'s export."""
    from icell_tf.export import export_integrator

    @functools.cache
    def make(*arguments, **options):
        return export_integrator(make_integrator(*arguments, **options), tmp_path_factory.mktemp("saved_models"))

    return make
