"""The networks of Tables S1 to S7, and those of the third phase, as Keras functional models that return logits."""

from icell_tf.networks.blocks import set_norm_momentum
from icell_tf.networks.critic import build_critic
from icell_tf.networks.decoder import build_conditional_decoder, build_reference_decoder
from icell_tf.networks.encoder import build_conditional_encoder, build_reference_encoder
from icell_tf.networks.generator import build_generator
from icell_tf.networks.image_discriminator import build_image_discriminator
from icell_tf.networks.latent_discriminator import build_latent_discriminator
from icell_tf.networks.plain import plain_form
from icell_tf.networks.standardization import fit_standardization, standardizations

__all__ = [
    "build_conditional_decoder",
    "build_conditional_encoder",
    "build_critic",
    "build_generator",
    "build_image_discriminator",
    "build_latent_discriminator",
    "build_reference_decoder",
    "build_reference_encoder",
    "fit_standardization",
    "plain_form",
    "set_norm_momentum",
    "standardizations",
]
