"""Latent discriminators: EncD_r and EncD_s of Table S3."""

import keras

from icell_tf.networks.blocks import batch_norm, leaky_relu, network


def build_latent_discriminator(latent_dim=16, name="enc_d_r"):
    """EncD, Table S3. Its widths are fixed. Input z, (B, latent_dim). Output: a logit, (B, 1)."""
    z = keras.Input((latent_dim,), name="z")
    h = leaky_relu()(keras.layers.Dense(1024)(z))
    for units in (1024, 512):
        h = leaky_relu()(batch_norm()(keras.layers.Dense(units)(h)))
    return network(z, keras.layers.Dense(1)(h), name=name)
