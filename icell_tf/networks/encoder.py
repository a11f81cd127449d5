"""Encoders: Enc_r of Table S1 and Enc_{r,s} of Table S5."""

import keras

from icell_tf.networks.blocks import ARCHITECTURES, batch_norm, down_conv, network, prelu, stage_widths

FILTERS = (64, 128, 256, 512, 1024, 1024)  # Tables S1 and S5


def build_reference_encoder(image_size, latent_dim=16, width=1.0, architecture="paper", channels=2):
    """Enc_r, eq. 1 and Table S1. Input x_r, (B, H, W, 2) in [0, 1]. Output z_r, (B, latent_dim)."""
    x_r = keras.Input((image_size, image_size, channels), name="x_r")
    h = _trunk(x_r, width, architecture)
    return network(x_r, [_head(h, latent_dim, "z_r")], name="enc_r")


def build_conditional_encoder(image_size, structures, latent_dim=16, width=1.0, architecture="paper", channels=3):
    """Enc_{r,s}, eq. 7 and Table S5.

    Input x_rs, (B, H, W, 3) in [0, 1]. Outputs: logits of y_hat, (B, structures); z_r_hat and z_s, (B, latent_dim).
    """
    x_rs = keras.Input((image_size, image_size, channels), name="x_rs")
    h = _trunk(x_rs, width, architecture)
    heads = [_head(h, structures, "y_logits"), _head(h, latent_dim, "z_r_hat"), _head(h, latent_dim, "z_s")]
    return network(x_rs, heads, name="enc_rs")


def _trunk(x, width, architecture):
    h = x
    for filters in stage_widths(FILTERS, x.shape[1], width):
        h = batch_norm()(down_conv(filters)(h))  # (B, H/2, W/2, filters)
        h = prelu(ARCHITECTURES[architecture].channel_slopes)(h)
    return keras.layers.Flatten()(h)  # (B, 4 * 4 * filters)


def _head(h, units, name):
    return batch_norm(name=name)(keras.layers.Dense(units)(h))
