"""Small models of the real networks, and batches for them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.config import ARCHITECTURES
from icell_tf.models import ConditionalModel, ReferenceModel
from icell_tf.spec import CellSpec

SIZE, STRUCTURES, LATENT = 32, 3, 4
NAMES = "actb", "lmnb1", "tomm20"
SPEC = CellSpec("YX", (SIZE, SIZE), (1.2, 1.2), NAMES)
WIDE = CellSpec("YX", (16, 32), (1.2, 1.2), NAMES)
VOLUME = CellSpec("ZYX", (8, 16, 16), (2.4, 1.2, 1.2), NAMES)


def make_model(phase, architecture="paper", white_noise=0.05, spec=SPEC, **settings):
    widths = dict(width=1 / 16, architecture=architecture)
    enc_r = networks.build_reference_encoder(spec.shape, 2, LATENT, **widths)
    if phase == "reference":
        return ReferenceModel(
            spec,
            enc_r,
            networks.build_reference_decoder(spec.shape, 2, LATENT, **widths),
            networks.build_latent_discriminator(LATENT),
            networks.build_image_discriminator(spec.shape, 2, 1, white_noise=white_noise, **widths),
            **settings,
        )
    structures, classes = len(spec.structures), len(spec.classes)
    return ConditionalModel(
        spec,
        enc_r,
        networks.build_conditional_encoder(spec.shape, 3, structures, LATENT, **widths),
        networks.build_conditional_decoder(spec.shape, 3, structures, LATENT, **widths),
        networks.build_latent_discriminator(LATENT, name="enc_d_s"),
        networks.build_image_discriminator(spec.shape, 3, classes, white_noise=white_noise, name="dec_d_rs", **widths),
        **settings,
    )


def make_batch(size=8, seed=0, spec=SPEC):
    rng = np.random.default_rng(seed)
    return {
        "x": tf.constant(rng.random((size, *spec.image_shape), np.float32)),
        "structure": tf.constant(rng.integers(0, len(spec.structures), size).astype(np.int32)),
    }


def make_prior(size=8, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=(size, LATENT)).astype(np.float32))


def trained_models(phase="reference"):
    """Returns a model after one step, and another of the same networks with other weights."""
    models = make_model(phase), make_model(phase)
    for model in models:
        model.compile()
    models[0].train_step(make_batch())
    return models


def state(model):
    """The weights and the optimizers' variables, in NumPy."""
    moments = [variable for optimizer in model.optimizers.values() for variable in optimizer.variables]
    return [np.array(variable) for variable in model.weights + moments]


def assert_equal(arrays, others):
    for ours, theirs in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def step_gradients(phase, monkeypatch, z_prior=None, **settings):
    """The gradients that one step applies, by role."""
    keras.utils.set_random_seed(0)
    model = make_model(phase, white_noise=0.0, **settings)
    applied = {}
    model.compile(make_optimizer=lambda: keras.optimizers.SGD(0.0))
    for role, optimizer in model.optimizers.items():
        monkeypatch.setattr(
            optimizer, "apply", lambda g, v, role=role: applied.update({role: [np.array(tensor) for tensor in g]})
        )
    model.update(make_batch(), make_prior() if z_prior is None else z_prior)
    return applied


def same(a, b):
    """Whether two lists of gradients are equal to the bit."""
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.fixture(params=["reference", "conditional"])
def phase(request):
    return request.param


@pytest.fixture(params=ARCHITECTURES)
def model(phase, request):
    keras.utils.set_random_seed(0)
    model = make_model(phase, request.param)
    model.compile()
    return model
