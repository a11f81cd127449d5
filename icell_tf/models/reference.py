"""Phase 1, Algorithm 1: the model of cell and nuclear shape."""

import tensorflow as tf

from icell_tf.models import losses
from icell_tf.models.adversarial_autoencoder import AdversarialAutoencoder, correct


class ReferenceModel(AdversarialAutoencoder):
    """Enc_r, Dec_r, EncD_r and DecD_r of section 2.1, trained on x_r, the reference channels."""

    def objectives(self, batch, z_prior, training):
        """Algorithm 1; the objectives are eq. 15, 16, 5 and 6."""
        x_r = self.spec.reference(batch["x"])
        z_r = self.enc(x_r, training=training)
        x_r_logits = self.dec(z_r, training=training)
        x_gen = tf.sigmoid(self.dec(z_prior, training=training))

        prior, encoded = self.enc_d(z_prior, training=training), self.enc_d(z_r, training=training)
        observed, generated = self.dec_d(x_r, training=training), self.dec_d(x_gen, training=training)
        reconstructed = self.dec_d(tf.sigmoid(x_r_logits), training=training)

        reconstruction = losses.reconstruction_loss(x_r_logits, x_r)
        passed_as_prior = losses.passed_as_prior_loss(encoded)
        passed_as_observed = losses.passed_as_observed_loss(generated, reconstructed)
        objectives = {
            "enc": losses.reference_encoder_objective(reconstruction, passed_as_prior, self.gamma_enc),
            "dec": losses.reference_decoder_objective(reconstruction, passed_as_observed, self.gamma_dec),
            "enc_d": losses.latent_discriminator_loss(prior, encoded),
            "dec_d": losses.image_discriminator_loss(observed, generated),
        }
        discrepancy = self._add_discrepancy(objectives, z_r)
        verdicts = correct(prior, True), correct(encoded, False), correct(observed, True), correct(generated, False)
        logs = self._logs_of(objectives, reconstruction, passed_as_prior, passed_as_observed, verdicts)
        return objectives, logs | discrepancy

    def reconstruct(self, x_r):
        """Returns x_r_hat, (B, *spec.reference_shape) in [0, 1], in NumPy."""
        return tf.sigmoid(self.dec(self.enc(x_r, training=False), training=False)).numpy()

    def generate(self, count, seed):
        """Returns new cell and nuclear shapes, decoded draws from the prior, in NumPy.

        Returns: (count, *spec.reference_shape) in [0, 1].
        """
        z_r = tf.random.stateless_normal([count, self.latent_dim], [seed, 0])
        return tf.sigmoid(self.dec(z_r, training=False)).numpy()
