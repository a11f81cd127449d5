"""Encoders: Enc_r of Table S1 and Enc_{r,s} of Table S5."""

import keras

from icell_tf.config import ARCHITECTURES
from icell_tf.networks.blocks import batch_norm, down_conv, halved, network, prelu, stage_widths
from icell_tf.networks.standardization import Standardization

FILTERS = (64, 128, 256, 512, 1024, 1024)  # Tables S1 and S5


def build_reference_encoder(shape, channels, latent_dim=16, width=1.0, architecture="paper"):
    """Enc_r, eq. 1 and Table S1. Input x_r, (B, *shape, channels) in [0, 1]. Output z_r, (B, latent_dim)."""
    x_r = keras.Input((*shape, channels), name="x_r")
    h = _trunk(x_r, shape, width, architecture)
    return network(x_r, _head(h, latent_dim, "z_r"), name="enc_r")


def build_conditional_encoder(
    shape, channels, structures, latent_dim=16, width=1.0, architecture="paper", standardize=False
):
    """Enc_{r,s}, eq. 7 and Table S5.

    Input x_rs, (B, *shape, channels) in [0, 1]. Outputs by name: y_logits, the logits of y_hat, (B, structures);
    z_r_hat and z_s, (B, latent_dim). `standardize`: z_s is what a `Standardization` makes of it, by y_hat and z_r_hat.
    """
    x_rs = keras.Input((*shape, channels), name="x_rs")
    h = _trunk(x_rs, shape, width, architecture)
    units = {"y_logits": structures, "z_r_hat": latent_dim, "z_s": latent_dim}
    outputs = {name: _head(h, number, name) for name, number in units.items()}
    if standardize:
        y_hat = keras.layers.Softmax(dtype="float32")(outputs["y_logits"])
        outputs["z_s"] = Standardization()([outputs["z_s"], y_hat, outputs["z_r_hat"]])
    return network(x_rs, outputs, name="enc_rs")


def _trunk(x, shape, width, architecture):
    h = x
    for filters in stage_widths(FILTERS, shape, width):
        h = batch_norm()(down_conv(filters, shape)(h))
        h = prelu(len(shape), ARCHITECTURES[architecture].channel_slopes)(h)
        shape = halved(shape)  # of h, (B, *shape, filters)
    return keras.layers.Flatten()(h)  # (B, 4 * 4 * filters), in three dimensions (B, 4 * 4 * 4 * filters)


def _head(h, units, name):
    return batch_norm(name=name)(keras.layers.Dense(units)(h))
