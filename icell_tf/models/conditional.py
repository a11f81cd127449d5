"""Phase 2, Algorithm 2: the model of where a structure sits in a cell of a given shape."""

import numpy as np
import tensorflow as tf

from icell_tf.models import losses
from icell_tf.models.adversarial_autoencoder import AdversarialAutoencoder, correct, correct_class
from icell_tf.networks import fit_standardization, noise, standardizations
from icell_tf.spec import GENERATED


class ConditionalModel(AdversarialAutoencoder):
    """Enc_{r,s}, Dec_{r,s}, EncD_s and DecD_{r,s} of section 2.2, trained on x_rs and y, with Enc_r frozen.

    The logits of y_hat are the spec's structures, and those of DecD_{r,s} its classes.

    Args:
      spec: the `CellSpec` of the cells that the networks are for.
      enc_r: the trained encoder of phase 1; its codes are the targets of z_r_hat.
      enc, dec, enc_d, dec_d: the four networks of phase 2.
      generate_from: "estimates" makes x_gen from y_hat and z_r_hat (Algorithm 2), "targets" from y and z_r.
      integration_weight: of H(x_rs, dec(y, z_r, 0)) in the decoder's objective. Algorithm 3 asks for just this image,
        but Algorithm 2 (weight 0) never shows it, and nothing then keeps z_s from carrying the cell's shape.
      reconstruct_from: "estimates" makes x_hat in training from y_hat and z_r_hat (Algorithm 2), "targets" from y and
        z_r. z_s then has nothing to add about these, and the encoder's reconstruction loss is that of the structure
        channel alone: in the others z_s could only mend what z_r has lost of the shape.
      reconstruction_weight: of the reconstruction loss in the encoder's objective.
      z_s_noise: share of noise in the variance of the z_s that x_hat is made from in training.
      independence_weight: of `losses.dependence` in the encoder's objective.
      **kwargs: as of `AdversarialAutoencoder`.
    """

    metric_names = (
        *AdversarialAutoencoder.metric_names,
        "integration",
        "reference_code",
        "classification",
        "classification_accuracy",
        "dependence",
    )

    def __init__(
        self,
        spec,
        enc_r,
        enc,
        dec,
        enc_d,
        dec_d,
        generate_from="estimates",
        integration_weight=0.0,
        reconstruct_from="estimates",
        reconstruction_weight=1.0,
        z_s_noise=0.0,
        independence_weight=0.0,
        **kwargs,
    ):
        super().__init__(spec, enc, dec, enc_d, dec_d, **kwargs)
        enc_r.trainable = False
        self.enc_r = enc_r
        self.generate_from = generate_from
        self.integration_weight = integration_weight
        self.reconstruct_from = reconstruct_from
        self.reconstruction_weight = reconstruction_weight
        self.z_s_noise = z_s_noise
        self.independence_weight = independence_weight
        self.classes = spec.classes

    def objectives(self, batch, z_prior, training):
        """Algorithm 2; the objectives are eq. 17, 18, 11 and 14."""
        x_rs, y = batch["x"], batch["structure"]
        z_r = tf.stop_gradient(self.enc_r(self.spec.reference(x_rs), training=False))
        coded = self.enc(x_rs, training=training)
        y_logits, z_r_hat, z_s = coded["y_logits"], coded["z_r_hat"], coded["z_s"]
        z_s_seen = self._blurred(z_s) if training and self.z_s_noise else z_s
        estimates = {"y": tf.nn.softmax(y_logits), "z_r": z_r_hat, "z_s": z_s_seen}
        x_rs_logits, x_gen_logits, x_mode_logits = self._decode(y, z_r, estimates, z_prior, training)
        x_gen = tf.sigmoid(x_gen_logits)

        prior, encoded = self.enc_d(z_prior, training=training), self.enc_d(z_s, training=training)
        observed, generated = self.dec_d(x_rs, training=training), self.dec_d(x_gen, training=training)
        reconstructed = self.dec_d(tf.sigmoid(x_rs_logits), training=training)

        reconstruction = losses.reconstruction_loss(x_rs_logits, x_rs)
        taught = reconstruction  # what the encoder learns from
        if self.reconstruct_from == "targets":
            taught = losses.reconstruction_loss(
                *(self.spec.structure(image)[..., None] for image in (x_rs_logits, x_rs))
            )
        reference_code = losses.reference_code_loss(z_r, z_r_hat)
        classification = losses.class_loss(y_logits, y)
        passed_as_prior = losses.passed_as_prior_loss(encoded)
        passed_as_class = losses.passed_as_class_loss(generated, reconstructed, y)
        objectives = {
            "enc": losses.conditional_encoder_objective(
                self.reconstruction_weight * taught, reference_code, classification, passed_as_prior, self.gamma_enc
            ),
            "dec": losses.conditional_decoder_objective(reconstruction, passed_as_class, self.gamma_dec),
            "enc_d": losses.latent_discriminator_loss(prior, encoded),
            "dec_d": losses.class_discriminator_loss(observed, generated, y),
        }
        optional = self._add_discrepancy(objectives, z_s)
        if self.independence_weight:
            optional["dependence"] = losses.dependence(z_s, z_r, y, len(self.spec.structures))
            objectives["enc"] = losses.total(objectives["enc"], self.independence_weight * optional["dependence"])
        if x_mode_logits is not None:
            optional["integration"] = losses.reconstruction_loss(x_mode_logits, x_rs)
            objectives["dec"] = losses.total(objectives["dec"], self.integration_weight * optional["integration"])
        generated_class = tf.fill(tf.shape(y), tf.cast(self.classes.index(GENERATED), y.dtype))
        verdicts = [correct(prior, True), correct(encoded, False), correct_class(observed, y)]
        verdicts.append(correct_class(generated, generated_class))
        logs = self._logs_of(objectives, reconstruction, passed_as_prior, passed_as_class, verdicts)
        logs |= {"reference_code": reference_code, "classification": classification}
        return objectives, logs | {"classification_accuracy": correct_class(y_logits, y)} | optional

    def end_epoch(self, batches):
        """Fits the standardization of z_s, if the networks have one, to the codes of the training cells."""
        layers = standardizations(self.enc, self.dec)
        if not layers:
            return []
        for layer in layers:
            layer.reset()
        codes = [(*self._codes(batch["x"]), batch["structure"]) for batch in batches]
        z_s, z_r, y = (np.concatenate(parts) for parts in zip(*codes, strict=True))
        if not np.isfinite(z_s).all():  # training has broken down, which the caller finds in the weights
            return []
        weights = fit_standardization(z_s, z_r, y, len(self.spec.structures))
        for layer in layers:
            layer.set_weights(weights[layer.inverse])
        return [weight for layer in layers for weight in layer.weights]

    def _codes(self, x_rs):
        z_r = self.enc_r(self.spec.reference(x_rs), training=False)
        return tf.cast(self.enc(x_rs, training=False)["z_s"], tf.float32), tf.cast(z_r, tf.float32)

    def _blurred(self, z_s):
        """Replaces a share of the variance of z_s by noise: codes that follow the prior still do. Args: (B, Z)."""
        share = self.z_s_noise
        return (1 - share) ** 0.5 * z_s + share**0.5 * noise.normal(tf.shape(z_s), z_s.dtype)

    def _decode(self, y, z_r, estimates, z_prior, training):
        """Returns the logits of x_hat, x_gen and, unless nothing asks for it, of Algorithm 3's image.

        Where that image is trained too, the three are decoded as one batch. In passes of their own, each with its own
        BatchNorm statistics, the moving averages would be right for none of them: codes of 0 have no variance.
        """
        targets = {"y": tf.one_hot(y, len(self.spec.structures)), "z_r": z_r}
        given = targets
        if self.generate_from == "estimates":
            given = {name: tf.stop_gradient(estimates[name]) for name in targets}
        reconstructed = {**targets, "z_s": estimates["z_s"]} if self.reconstruct_from == "targets" else estimates
        inputs = [reconstructed, {**given, "z_s": z_prior}]
        if self.integration_weight or not training:
            inputs.append({**targets, "z_s": tf.zeros_like(z_r)})
        if not self.integration_weight:
            return ([self.dec(one, training=training) for one in inputs] + [None])[:3]
        together = {name: tf.concat([one[name] for one in inputs], axis=0) for name in estimates}
        return tf.split(self.dec(together, training=training), 3)
