"""Small models of the real networks, and batches for them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.models import ConditionalModel, ReferenceModel

SIZE, STRUCTURES, LATENT = 32, 3, 4


def make_model(phase, architecture="paper", white_noise=0.05, **settings):
    shape = dict(width=1 / 16, architecture=architecture)
    enc_r = networks.build_reference_encoder(SIZE, LATENT, **shape)
    if phase == "reference":
        return ReferenceModel(
            enc_r,
            networks.build_reference_decoder(SIZE, LATENT, **shape),
            networks.build_latent_discriminator(LATENT),
            networks.build_image_discriminator(SIZE, 2, 1, white_noise=white_noise, **shape),
            **settings,
        )
    return ConditionalModel(
        enc_r,
        networks.build_conditional_encoder(SIZE, STRUCTURES, LATENT, **shape),
        networks.build_conditional_decoder(SIZE, STRUCTURES, LATENT, **shape),
        networks.build_latent_discriminator(LATENT),
        networks.build_image_discriminator(SIZE, 3, STRUCTURES + 1, white_noise=white_noise, **shape),
        **settings,
    )


def make_batch(size=8, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "x_rs": tf.constant(rng.random((size, SIZE, SIZE, 3), np.float32)),
        "y": tf.constant(rng.integers(0, STRUCTURES, size).astype(np.int32)),
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


@pytest.fixture(params=networks.ARCHITECTURES)
def model(phase, request):
    keras.utils.set_random_seed(0)
    model = make_model(phase, request.param)
    model.compile()
    return model
