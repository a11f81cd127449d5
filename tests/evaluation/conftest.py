"""A subject with small untrained networks, and the cells of a tiny data set as it codes them."""

import keras
import pytest

from icell_tf.config import ConditionalConfig, ReferenceConfig, Run
from icell_tf.evaluation.cells import Subject, code_cells
from icell_tf.experiment import build_model
from icell_tf.integrator import Integrator


@pytest.fixture(scope="session")
def subject(prepared):
    """A `Subject` on simulated cells of 32 pixels, ten structures, latent space of 4 dimensions."""
    keras.utils.set_random_seed(0)
    settings = dict(width=1 / 16, latent_dim=4, architecture="released", dark_start=True)
    reference = build_model(Run("reference", ReferenceConfig(**settings), prepared.cells))
    run = Run("conditional", ConditionalConfig(**settings), prepared.cells, ReferenceConfig(**settings))
    model = build_model(run)
    x_rs, y = prepared.first("train", 40)
    for _ in range(10):  # fills the moving statistics: without them all cells are coded alike
        reference.enc(x_rs[..., :2], training=True)
        _, z_r, z_s = model.enc(x_rs, training=True)
        reference.dec(z_r, training=True)
        model.dec([keras.ops.one_hot(y, 10), z_r, z_s], training=True)
    model.enc_r.set_weights(reference.enc.get_weights())
    networks = {"enc_r": model.enc_r, "enc_rs": model.enc, "dec_rs": model.dec}
    networks |= {"enc_d_s": model.enc_d, "dec_d_rs": model.dec_d}
    networks |= {"dec_r": reference.dec, "enc_d_r": reference.enc_d, "dec_d_r": reference.dec_d}
    integrator = Integrator(model.enc_r, model.enc, model.dec, prepared.cells.structures, prepared.cells.pixel_size)
    shared = {"reconstruction": 0.5, "latent_discriminator": 1.4, "latent_discriminator_accuracy": 0.5}
    curve = [{"epoch": i, **shared, "val_reconstruction": 0.6} for i in range(3)]
    conditional = [{**row, "classification": 2.0} for row in curve[:2]]
    curves = {"reference": curve, "conditional": conditional}
    return Subject(integrator, run, prepared, "tiny-conditional", networks, curves, reference_trained=True)


@pytest.fixture(scope="session")
def cells(subject):
    """{"train", "validation", "test": `CodedCells`}."""
    return {split: code_cells(subject.integrator, subject.prepared, split) for split in ("train", "validation", "test")}
