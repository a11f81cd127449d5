"""What Algorithms 1 and 2 share: an autoencoder, a discriminator of its codes and one of its images."""

import tensorflow as tf

from icell_tf.models import losses
from icell_tf.models.adversarial_model import AdversarialModel
from icell_tf.networks import noise


class AdversarialAutoencoder(AdversarialModel):
    """An autoencoder with a discriminator on its codes and one on its images (section 2.1).

    The reconstruction updates encoder and decoder, the latent discriminator's verdict the encoder only, and the image
    discriminator's verdict the decoder only. What is random in a step is z_prior, (B, Z), a draw from the prior, and
    the white noise.

    Args:
      spec: the `CellSpec` of the cells that the networks are for.
      enc, dec, enc_d, dec_d: the networks.
      gamma_enc, gamma_dec: weights of the adversarial terms (section 3.3: 1e-4 and 1e-5).
      mmd_weight: of `losses.prior_discrepancy` in the encoder's objective; 0, the paper's, leaves the codes'
        distribution to the latent discriminator. Replicas each compare their own part of a batch.
      seed: as of `AdversarialModel`.

    Attributes:
      classes: the names of the structures' logits and of the image discriminator's; none where these don't tell
        structures apart.
    """

    metric_names = (  # what `objectives` logs, in both phases
        "reconstruction",
        "encoder",
        "decoder",
        "latent_discriminator",
        "image_discriminator",
        "passed_as_prior",
        "passed_as_data",
        "latent_discriminator_accuracy",
        "image_discriminator_accuracy",
        "discrepancy",
    )

    def __init__(self, spec, enc, dec, enc_d, dec_d, gamma_enc=1e-4, gamma_dec=1e-5, mmd_weight=0.0, seed=0, **kwargs):
        super().__init__(spec, seed, **kwargs)
        self.enc, self.dec, self.enc_d, self.dec_d = enc, dec, enc_d, dec_d
        self.gamma_enc, self.gamma_dec, self.mmd_weight = gamma_enc, gamma_dec, mmd_weight
        self.latent_dim = enc_d.input_shape[-1]

    @property
    def trained(self):
        return {"enc": self.enc, "dec": self.dec, "enc_d": self.enc_d, "dec_d": self.dec_d}

    def draw(self, batch):
        return noise.normal([tf.shape(batch["x"])[0], self.latent_dim])

    def _add_discrepancy(self, objectives, z):
        """Adds the discrepancy of codes (B, Z) from their prior to the encoder's objective; returns it to be logged."""
        if not self.mmd_weight:
            return {}
        discrepancy = losses.prior_discrepancy(z)
        objectives["enc"] = losses.total(objectives["enc"], self.mmd_weight * discrepancy)
        return {"discrepancy": discrepancy}

    @staticmethod
    def _logs_of(objectives, reconstruction, passed_as_prior, passed_as_data, verdicts):
        """Returns what both phases log: every loss, and how often the discriminators are right.

        Args:
          objectives: {role: (B,)}.
          reconstruction, passed_as_prior, passed_as_data: (B,), the terms that the objectives are made of.
          verdicts: (prior, encoded, observed, generated), (B,) each: whether the discriminator was right about it.
        """
        prior, encoded, observed, generated = verdicts
        return {
            "reconstruction": reconstruction,
            "encoder": objectives["enc"],
            "decoder": objectives["dec"],
            "latent_discriminator": objectives["enc_d"],
            "image_discriminator": objectives["dec_d"],
            "passed_as_prior": passed_as_prior,
            "passed_as_data": passed_as_data,
            "latent_discriminator_accuracy": (prior + encoded) / 2,
            "image_discriminator_accuracy": (observed + generated) / 2,
        }


def correct(logits, positive):
    """Whether a discriminator's logit falls on the right side. Args: (B, 1); bool. Returns: (B,), 0 or 1."""
    return tf.cast((logits[:, 0] > 0) == positive, logits.dtype)


def correct_class(logits, y):
    """Whether the largest logit is the class's. Args: (B, K); (B,) integers. Returns: (B,), 0 or 1."""
    return tf.cast(tf.argmax(logits, axis=-1, output_type=y.dtype) == y, logits.dtype)
