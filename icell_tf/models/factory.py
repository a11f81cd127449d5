"""A run's settings -> its networks and its model."""

from icell_tf import networks
from icell_tf.models.conditional import ConditionalModel
from icell_tf.models.reference import ReferenceModel


def build_model(run, mean_logits=None):
    """Returns a run's model with fresh weights, not compiled.

    Args:
      run: what to build.
      mean_logits: of the three channels' mean intensities, where the decoder starts from if the config has
        `dark_start`; not needed if weights are loaded afterwards.
    """
    config, size, structures = run.config, run.spec.shape[0], len(run.spec.structures)
    shape = dict(width=config.width, architecture=config.architecture)
    discriminator = dict(white_noise=config.white_noise, **shape)
    given = dict(gamma_enc=config.gamma_enc, gamma_dec=config.gamma_dec, mmd_weight=config.mmd_weight, seed=config.seed)
    start = (mean_logits or (0.0, 0.0, 0.0)) if config.dark_start else None
    if run.phase == "reference":
        model = ReferenceModel(
            run.spec,
            _reference_encoder(config, size),
            networks.build_reference_decoder(size, config.latent_dim, output_logits=start and start[:-1], **shape),
            networks.build_latent_discriminator(config.latent_dim, name="enc_d_r"),
            networks.build_image_discriminator(size, channels=2, outputs=1, name="dec_d_r", **discriminator),
            **given,
        )
    else:
        model = ConditionalModel(
            run.spec,
            _reference_encoder(run.reference, size),
            networks.build_conditional_encoder(size, structures, config.latent_dim, **shape),
            networks.build_conditional_decoder(size, structures, config.latent_dim, output_logits=start, **shape),
            networks.build_latent_discriminator(config.latent_dim, name="enc_d_s"),
            networks.build_image_discriminator(size, 3, structures + 1, name="dec_d_rs", **discriminator),
            generate_from=config.generate_from,
            integration_weight=config.integration_weight,
            **given,
        )
    for network in model.trained.values():
        networks.set_norm_momentum(network, config.norm_momentum)
    return model


def _reference_encoder(config, image_size):
    return networks.build_reference_encoder(image_size, config.latent_dim, config.width, config.architecture)
