"""Decoders: Dec_r of Table S2 and Dec_{r,s} of Table S6."""

import math

import keras

from icell_tf.config import ARCHITECTURES
from icell_tf.networks.blocks import (
    LogProbability,
    batch_norm,
    halved,
    network,
    prelu,
    stage_widths,
    up_conv,
)
from icell_tf.networks.encoder import FILTERS  # Tables S2 and S6 have the filters of S1 and S5 in reverse order
from icell_tf.networks.standardization import Standardization


def build_reference_decoder(shape, channels, latent_dim=16, width=1.0, architecture="paper", output_logits=None):
    """Dec_r, eq. 2 and Table S2. Input z_r, (B, latent_dim). Output: logits of x_r_hat, (B, *shape, channels).

    `output_logits` are the output's logits before training, one a channel. None: 0, which is grey, as in the paper.
    """
    z_r = keras.Input((latent_dim,), name="z_r")
    x_r = _image(z_r, shape, channels, width, architecture, output_logits)
    return network(z_r, x_r, name="dec_r")


def build_conditional_decoder(
    shape, channels, structures, latent_dim=16, width=1.0, architecture="paper", output_logits=None, standardize=False
):
    """Dec_{r,s}, eq. 12 and Table S6.

    Inputs by name: y, (B, structures), probabilities or one-hot; z_r and z_s, (B, latent_dim).
    Output: logits of x_rs_hat, (B, *shape, channels). `output_logits` as in `build_reference_decoder`; `standardize`:
    z_s is standardized, as `build_conditional_encoder` has it, and is taken back by y and z_r.
    """
    units = {"y": structures, "z_r": latent_dim, "z_s": latent_dim}
    inputs = {name: keras.Input((number,), name=name) for name, number in units.items()}
    y, z_r, z_s = inputs.values()
    if standardize:
        z_s = Standardization(inverse=True)([z_s, y, z_r])
    structure = LogProbability(dtype="float32")(y) if ARCHITECTURES[architecture].log_probabilities else y
    code = keras.layers.Concatenate()([structure, z_r, z_s])
    x_rs = _image(code, shape, channels, width, architecture, output_logits)
    return network(inputs, x_rs, name="dec_rs")


def _image(code, shape, channels, width, architecture, output_logits):
    details, rank = ARCHITECTURES[architecture], len(shape)
    *filters, top = stage_widths(FILTERS, shape, width)
    smaller = [halved(shape)]  # the images inside, from the largest to the bottom: the encoder's
    for _ in filters:
        smaller.append(halved(smaller[-1]))
    bottom = *smaller.pop(), top  # 4x4 or 4x4x4 pixels
    h = keras.layers.Reshape(bottom)(keras.layers.Dense(math.prod(bottom))(code))
    if details.projection_norm:
        h = batch_norm()(h)
    h = prelu(rank, details.channel_slopes)(h)
    for f, larger in zip(reversed(filters), reversed(smaller), strict=True):
        h = batch_norm()(up_conv(f, larger)(h))  # (B, *larger, f)
        h = prelu(rank, details.channel_slopes)(h)
    start = None if output_logits is None else keras.initializers.Constant(output_logits)
    if details.output_norm:
        return batch_norm(offset=start or "zeros")(up_conv(channels, shape)(h))
    return up_conv(channels, shape, bias=start)(h)
