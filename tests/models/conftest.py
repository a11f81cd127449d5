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


@pytest.fixture(params=["reference", "conditional"])
def phase(request):
    return request.param


@pytest.fixture(params=networks.ARCHITECTURES)
def model(phase, request):
    keras.utils.set_random_seed(0)
    model = make_model(phase, request.param)
    model.compile()
    return model
