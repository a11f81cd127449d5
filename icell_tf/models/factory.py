"""A run's settings -> its networks and its model."""

import numpy as np

from icell_tf import networks
from icell_tf.models.conditional import ConditionalModel
from icell_tf.models.reference import ReferenceModel
from icell_tf.models.sampler import SamplerModel


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
    start = reference_start = None
    if config.dark_start:
        means = np.zeros(len(spec.channels)) if mean_logits is None else np.array(mean_logits)
        start, reference_start = means.tolist(), spec.reference(means).tolist()
    build = _build_sampler if run.phase == "sampler" else _build_autoencoder
    model = build(run, start, reference_start)
    for network in model.trained.values():
        networks.set_norm_momentum(network, config.norm_momentum)
    return model


def _build_autoencoder(run, start, reference_start):
    config, spec = run.config, run.spec
    sizes = dict(width=config.width, architecture=config.architecture)
    discriminator = dict(white_noise=config.white_noise, **sizes)
    given = dict(gamma_enc=config.gamma_enc, gamma_dec=config.gamma_dec, mmd_weight=config.mmd_weight, seed=config.seed)
    channels, structures = len(spec.channels), len(spec.structures)
    reference_channels = len(spec.reference_names)
    if run.phase == "reference":
        return ReferenceModel(
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
    codes = dict(standardize=config.standardize)
    return ConditionalModel(
        spec,
        _reference_encoder(run.reference, spec),
        networks.build_conditional_encoder(spec.shape, channels, structures, config.latent_dim, **sizes, **codes),
        networks.build_conditional_decoder(
            spec.shape, channels, structures, config.latent_dim, output_logits=start, **sizes, **codes
        ),
        networks.build_latent_discriminator(config.latent_dim, name="enc_d_s"),
        networks.build_image_discriminator(spec.shape, channels, len(spec.classes), name="dec_d_rs", **discriminator),
        generate_from=config.generate_from,
        integration_weight=config.integration_weight,
        reconstruct_from=config.reconstruct_from,
        reconstruction_weight=config.reconstruction_weight,
        z_s_noise=config.z_s_noise,
        independence_weight=config.independence_weight,
        **given,
    )


def _build_sampler(run, start, reference_start):
    """The networks of the phases before are those of their models, whose discriminators are not needed any more."""
    spec, width = run.spec, run.config.width
    reference, conditional = build_model(run.before("reference")), build_model(run.before("conditional"))
    channels, reference_channels, structures = len(spec.channels), len(spec.reference_names), len(spec.structures)
    draw_structure = dict(outputs=1, structures=structures, width=width, output_logits=start and start[-1:])
    draw_shape = dict(outputs=reference_channels, width=width, output_logits=reference_start)
    return SamplerModel(
        spec,
        conditional.enc_r,
        reference.dec,
        conditional.enc,
        conditional.dec,
        networks.build_generator(spec.shape, channels, **draw_structure, name="gen_s"),
        networks.build_generator(spec.shape, reference_channels, **draw_shape, name="gen_r"),
        networks.build_generator(spec.shape, channels, **draw_structure, name="mean_gen_s"),
        networks.build_generator(spec.shape, reference_channels, **draw_shape, name="mean_gen_r"),
        networks.build_critic(spec.shape, channels, structures, width, name="critic_s"),
        networks.build_critic(spec.shape, reference_channels, width=width, name="critic_r"),
        run.config.adversarial_weight,
        run.config.penalty_weight,
        turned=run.config.mirror,
        seed=run.config.seed,
    )


def _reference_encoder(config, spec):
    return networks.build_reference_encoder(
        spec.shape, len(spec.reference_names), config.latent_dim, config.width, config.architecture
    )
