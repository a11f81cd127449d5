"""Decoders: Dec_r of Table S2 and Dec_{r,s} of Table S6."""

import keras

from icell_tf.networks.blocks import ARCHITECTURES, LogProbability, batch_norm, network, prelu, stage_widths, up_conv
from icell_tf.networks.encoder import FILTERS  # Tables S2 and S6 have the filters of S1 and S5 in reverse order


def build_reference_decoder(image_size, latent_dim=16, width=1.0, architecture="paper", channels=2, output_logits=None):
    """Dec_r, eq. 2 and Table S2. Input z_r, (B, latent_dim). Output: logits of x_r_hat, (B, H, W, 2).

    `output_logits` are the output's logits before training, one a channel. None: 0, which is grey, as in the paper.
    """
    z_r = keras.Input((latent_dim,), name="z_r")
    x_r = _image(z_r, image_size, channels, width, architecture, output_logits)
    return network(z_r, [x_r], name="dec_r")


def build_conditional_decoder(
    image_size, structures, latent_dim=16, width=1.0, architecture="paper", channels=3, output_logits=None
):
    """Dec_{r,s}, eq. 12 and Table S6.

    Inputs: y, (B, structures), probabilities or one-hot; z_r and z_s, (B, latent_dim).
    Output: logits of x_rs_hat, (B, H, W, 3). `output_logits` as in `build_reference_decoder`.
    """
    y = keras.Input((structures,), name="y")
    z_r = keras.Input((latent_dim,), name="z_r")
    z_s = keras.Input((latent_dim,), name="z_s")
    structure = LogProbability(dtype="float32")(y) if ARCHITECTURES[architecture].log_probabilities else y
    code = keras.layers.Concatenate()([structure, z_r, z_s])
    x_rs = _image(code, image_size, channels, width, architecture, output_logits)
    return network([y, z_r, z_s], [x_rs], name="dec_rs")


def _image(code, image_size, channels, width, architecture, output_logits):
    details = ARCHITECTURES[architecture]
    *filters, top = stage_widths(FILTERS, image_size, width)
    h = keras.layers.Reshape((4, 4, top))(keras.layers.Dense(4 * 4 * top)(code))
    if details.projection_norm:
        h = batch_norm()(h)
    h = prelu(details.channel_slopes)(h)
    for f in reversed(filters):
        h = batch_norm()(up_conv(f)(h))  # (B, 2H, 2W, f)
        h = prelu(details.channel_slopes)(h)
    start = None if output_logits is None else keras.initializers.Constant(output_logits)
    if details.output_norm:
        return batch_norm(offset=start or "zeros")(up_conv(channels)(h))
    return up_conv(channels, bias=start)(h)
