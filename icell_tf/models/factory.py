"""A run's settings -> its networks and its model."""

import numpy as np

from icell_tf import networks
from icell_tf.models.conditional import ConditionalModel
from icell_tf.models.reference import ReferenceModel


def build_model(run, mean_logits=None):
    """Returns a run's model with fresh weights, not compiled.

    Args:
      run: what to build.
      mean_logits: of the channels' mean intensities, a number a channel, where the decoder starts from if the config
        has `dark_start`; not needed if weights are loaded afterwards.

    Raises: SpecError: if the cells have covariates, which the networks don't take yet.
    """
    config, spec = run.config, run.spec
    spec.require_no_covariates()
    sizes = dict(width=config.width, architecture=config.architecture)
    discriminator = dict(white_noise=config.white_noise, **sizes)
    given = dict(gamma_enc=config.gamma_enc, gamma_dec=config.gamma_dec, mmd_weight=config.mmd_weight, seed=config.seed)
    channels, structures = len(spec.channels), len(spec.structures)
    reference_channels = len(spec.reference_names)
    start = reference_start = None
    if config.dark_start:
        means = np.zeros(channels) if mean_logits is None else np.array(mean_logits)
        start, reference_start = means.tolist(), spec.reference(means).tolist()
    if run.phase == "reference":
        model = ReferenceModel(
            spec,
            _reference_encoder(config, spec),
            networks.build_reference_decoder(
                spec.shape, reference_channels, config.latent_dim, output_logits=reference_start, **sizes
            ),
            networks.build_latent_discriminator(config.latent_dim, name="enc_d_r"),
            networks.build_image_discriminator(
                spec.shape, reference_channels, outputs=1, name="dec_d_r", **discriminator
            ),
            **given,
        )
    else:
        model = ConditionalModel(
            spec,
            _reference_encoder(run.reference, spec),
            networks.build_conditional_encoder(spec.shape, channels, structures, config.latent_dim, **sizes),
            networks.build_conditional_decoder(
                spec.shape, channels, structures, config.latent_dim, output_logits=start, **sizes
            ),
            networks.build_latent_discriminator(config.latent_dim, name="enc_d_s"),
            networks.build_image_discriminator(
                spec.shape, channels, len(spec.classes), name="dec_d_rs", **discriminator
            ),
            generate_from=config.generate_from,
            integration_weight=config.integration_weight,
            reconstruct_from=config.reconstruct_from,
            reconstruction_weight=config.reconstruction_weight,
            z_s_noise=config.z_s_noise,
            independence_weight=config.independence_weight,
            **given,
        )
    for network in model.trained.values():
        networks.set_norm_momentum(network, config.norm_momentum)
    return model


def _reference_encoder(config, spec):
    return networks.build_reference_encoder(
        spec.shape, len(spec.reference_names), config.latent_dim, config.width, config.architecture
    )
