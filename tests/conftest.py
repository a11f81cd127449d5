"""What all tests share: no GPU, seeds that don't depend on the order of tests, and where real images lie."""

import functools
import json
import os
import pathlib
import random
import sys

import numpy as np
import pytest

from icell_tf.spec import CellSpec

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SIZE, STRUCTURES, LATENT = 32, ("lamin-b1", "tom20", "zo1"), 4  # of `make_integrator`
SPEC = CellSpec("YX", (SIZE, SIZE), (1.2, 1.2), STRUCTURES)
TINY_RUN = dict(epochs=2, width=1 / 16, latent_dim=4, batch_size=16, architecture="released")


@pytest.fixture(autouse=True)
def seeds():
    """Seeds every global generator before each test; Keras only where a test has it, because it is slow to import."""
    random.seed(0)
    np.random.seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture
def healthy(monkeypatch):
    """Makes the machine that runs the tests one with enough memory, without GPU, container's limit and cluster."""
    from icell_tf.training import machine

    monkeypatch.setattr(machine, "memory", lambda: (16 * 2**30, 12 * 2**30))
    monkeypatch.setattr(machine, "granted_cores", lambda: None)
    monkeypatch.setattr(machine, "gpus", lambda: [])
    for name in ("TF_CONFIG", "TF_NUM_INTRAOP_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


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
    from icell_tf.data.prepared import PreparedCells

    config = IntegratedCellConfig(
        name="tiny",
        kind="simulated",
        image_size=32,
        pixel_size=1.2,
        cells_per_structure=8,
        expected_draws=4,
        observations=3,
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

    return ConditionalConfig(dataset=str(prepared.folder), standardize=True, **TINY_RUN)


@pytest.fixture(scope="session")
def reference_run(reference_config, tmp_path_factory):
    """The folder of phase 1, trained for two epochs; tests copy it before they change anything."""
    from icell_tf.reports import model_card
    from icell_tf.training import experiment

    run_dir = tmp_path_factory.mktemp("runs") / "reference"
    return experiment.train_reference(reference_config, run_dir, card=model_card)


@pytest.fixture(scope="session")
def conditional_run(conditional_config, reference_run):
    """The folder of phase 2 on `reference_run`; tests copy it before they change anything."""
    from icell_tf.reports import model_card
    from icell_tf.training import experiment

    run_dir = reference_run.parent / "conditional"
    return experiment.train_conditional(conditional_config, reference_run, run_dir, card=model_card)


@pytest.fixture(scope="session")
def sampler_config(prepared):
    """Of `sampler_run`."""
    from icell_tf.config import SamplerConfig

    return SamplerConfig(dataset=str(prepared.folder), epochs=2, width=1 / 16)


@pytest.fixture(scope="session")
def sampler_run(sampler_config, conditional_run):
    """The folder of phase 3 on `conditional_run`; tests copy it before they change anything."""
    from icell_tf.reports import model_card
    from icell_tf.training import experiment

    run_dir = conditional_run.parent / "sampler"
    return experiment.train_sampler(sampler_config, conditional_run, run_dir, card=model_card)


@pytest.fixture(scope="session")
def shipped_folder(sampler_run, tmp_path_factory):
    """The folder of all models that ship, with one, `tiny`, of `sampler_run`; beside it its evaluation, made up."""
    from icell_tf.export import shipping

    folder = tmp_path_factory.mktemp("shipped")
    score = {"structure": None, "value": 0.5, "interval": [0.4, 0.6]}
    scores = [{"part": part, "metric": metric, **score} for part, metric in shipping.SCORES.values()]
    (folder / "metrics.json").write_text(json.dumps({"scores": scores}))
    model = shipping.Model("tiny", str(sampler_run), summary="tiny cells", recipe="two epochs", not_for="any use")
    shipping.ship(model, folder, folder / "models")
    return folder / "models"


@pytest.fixture
def ships(shipped_folder, tmp_path, monkeypatch):
    """The same folder, in place of the package's; the working directory is empty."""
    from icell_tf.runs import shipped

    monkeypatch.setattr(shipped, "FOLDER", shipped_folder)
    monkeypatch.chdir(tmp_path)
    return shipped_folder


@pytest.fixture(scope="session")
def make_integrator():
    """A function from an architecture to an `Integrator` of tiny networks, whose output depends on their input.

    The same arguments give the same `Integrator`, whose functions are traced once; tests leave its weights alone.
    """
    import keras

    from icell_tf import networks
    from icell_tf.inference.backends import Networks
    from icell_tf.inference.integrator import Integrator

    @functools.cache
    def make(architecture="paper", mirrored=False, from_targets=False):
        keras.utils.set_random_seed(5)
        options = {"latent_dim": LATENT, "width": 1 / 16, "architecture": architecture}
        enc_r = networks.build_reference_encoder(SPEC.shape, 2, **options)
        enc_rs = networks.build_conditional_encoder(SPEC.shape, 3, len(STRUCTURES), **options)
        dec_rs = networks.build_conditional_decoder(SPEC.shape, 3, len(STRUCTURES), **options)
        rng = np.random.default_rng(0)
        images, codes = rng.random((8, *SPEC.image_shape), np.float32), rng.standard_normal((8, LATENT))
        y_onehot = np.eye(len(STRUCTURES), dtype=np.float32)[np.arange(8) % len(STRUCTURES)]
        for network in (enc_r, enc_rs, dec_rs):
            networks.set_norm_momentum(network, 0.0)
        # Fills the moving statistics with those of one batch: without them nothing of the input reaches the output.
        enc_r(SPEC.reference(images), training=True)
        enc_rs(images, training=True)
        dec_rs({"y": y_onehot, "z_r": codes, "z_s": codes[::-1]}, training=True)
        keras.utils.set_random_seed(0)  # as `seeds` has left it, whichever test comes first
        return Integrator(Networks(SPEC, enc_r, enc_rs, dec_rs, mirrored, from_targets=from_targets))

    return make


@pytest.fixture(scope="session")
def make_export(make_integrator, tmp_path_factory):
    """A function from the arguments of `make_integrator` to the folder of its `Integrator`'s export."""
    from icell_tf.export.saved_model import export_integrator

    @functools.cache
    def make(*arguments, **options):
        return export_integrator(make_integrator(*arguments, **options), tmp_path_factory.mktemp("saved_models"))

    return make


@pytest.fixture(scope="session")
def subject(prepared):
    """A `Subject` on simulated cells of 32 pixels, ten structures, latent space of 4 dimensions."""
    import keras

    from icell_tf.config import ConditionalConfig, ReferenceConfig
    from icell_tf.evaluation.subject import Subject
    from icell_tf.inference.loading import integrator_of
    from icell_tf.models.factory import build_model
    from icell_tf.runs.run import Run

    keras.utils.set_random_seed(0)
    settings = dict(width=1 / 16, latent_dim=4, architecture="released", dark_start=True)
    reference = build_model(Run("reference", ReferenceConfig(**settings), prepared.spec))
    run = Run(
        "conditional", ConditionalConfig(**settings), prepared.spec, prepared.dataset, ReferenceConfig(**settings)
    )
    model = build_model(run)
    x_rs, y = prepared.first("train", 40)
    for _ in range(10):  # fills the moving statistics: without them all cells are coded alike
        reference.enc(prepared.spec.reference(x_rs), training=True)
        coded = model.enc(x_rs, training=True)
        reference.dec(coded["z_r_hat"], training=True)
        codes = {"y": keras.ops.one_hot(y, 10), "z_r": coded["z_r_hat"], "z_s": coded["z_s"]}
        model.dec(codes, training=True)
    model.enc_r.set_weights(reference.enc.get_weights())
    networks = {"enc_r": model.enc_r, "enc_rs": model.enc, "dec_rs": model.dec}
    networks |= {"enc_d_s": model.enc_d, "dec_d_rs": model.dec_d}
    networks |= {"dec_r": reference.dec, "enc_d_r": reference.enc_d, "dec_d_r": reference.dec_d}
    integrator = integrator_of(model)
    shared = {"reconstruction": 0.5, "latent_discriminator": 1.4, "latent_discriminator_accuracy": 0.5}
    curve = [{"epoch": i, **shared, "val_reconstruction": 0.6} for i in range(3)]
    conditional = [{**row, "classification": 2.0} for row in curve[:2]]
    curves = {"reference": curve, "conditional": conditional}
    return Subject(integrator, run, prepared, "tiny-conditional", networks, curves, reference_trained=True)


@pytest.fixture(scope="session")
def cells(subject):
    """{"train", "validation", "test": `CodedCells`}."""
    from icell_tf.evaluation.coded_cells import code_cells

    return {split: code_cells(subject.integrator, subject.prepared, split) for split in ("train", "validation", "test")}


@pytest.fixture(scope="session")
def evaluation(subject):
    """The whole evaluation of `subject`: its context, its parts, and what it told. Tests must not change any."""
    from tests.short_evaluation import evaluate

    told = []
    context, parts = evaluate(subject, progress=told.append)
    return context, parts, tuple(told)  # what a report of it tells later is not among them
