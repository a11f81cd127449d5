"""Image discriminators: DecD_r of Table S4 and DecD_{r,s} of Table S7."""

import keras

from icell_tf.config import ARCHITECTURES
from icell_tf.networks.blocks import (
    MEANS,
    batch_norm,
    down_conv,
    halved,
    leaky_relu,
    network,
    stage_widths,
)
from icell_tf.networks.noise import WhiteNoise

FILTERS = (64, 128, 256, 512, 512)  # Tables S4 and S7


def build_image_discriminator(
    shape, channels, outputs, width=1.0, architecture="paper", white_noise=0.05, name="dec_d_r"
):
    """DecD, Tables S4 and S7.

    Input: x_r or x_rs, (B, *shape, channels) in [0, 1]. Output: logits, (B, outputs), of which DecD_r has 1, and
    DecD_{r,s} K + 1, whose class K is "generated". `white_noise` is the standard deviation of the noise added to the
    input while training.
    """
    details = ARCHITECTURES[architecture]
    x = keras.Input((*shape, channels), name="x")
    h = WhiteNoise(white_noise)(x)
    for stage, filters in enumerate(stage_widths(FILTERS, shape, width, fewer=1)):
        h = down_conv(filters, shape)(h)
        shape = halved(shape)  # of h, (B, *shape, filters)
        if stage or details.first_stage_norm:
            h = batch_norm()(h)
        h = leaky_relu()(h)
    if details.dense_head:
        logits = keras.layers.Dense(outputs)(keras.layers.Flatten()(WhiteNoise(white_noise)(h)))
    else:
        h = down_conv(outputs, shape, use_bias=True)(h)  # (B, 4, 4, outputs)
        logits = MEANS[len(shape)]()(h)
    return network(x, logits, name=name)
