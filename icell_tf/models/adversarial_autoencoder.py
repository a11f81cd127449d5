"""What Algorithms 1 and 2 share: four networks, four optimizers, and a step of losses, gradients and updates."""

import keras
import tensorflow as tf

from icell_tf.models import losses
from icell_tf.models.adam import FusedAdam, SkipCountingLossScaleOptimizer
from icell_tf.networks import noise

ADAM_EPSILON = 1e-8  # Torch's; Keras' own is 1e-7


def batch_mean(values):
    """The one reduction over the batch: the sum over this replica's examples by the size of the global batch.

    Args: values, (B,), with B equal on all replicas. Returns: a scalar; summed over replicas, it is the batch's mean.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return tf.reduce_mean(values) / replicas


class AdversarialAutoencoder(keras.Model):
    """An autoencoder with a discriminator on its codes and one on its images (section 2.1).

    A subclass defines the objective of each network in `objectives`. Each objective updates its own network only: the
    reconstruction updates encoder and decoder, the latent discriminator's verdict the encoder only, and the image
    discriminator's verdict the decoder only.

    Args:
      spec: the `CellSpec` of the cells that the networks are for.
      enc, dec, enc_d, dec_d: the networks.
      gamma_enc, gamma_dec: weights of the adversarial terms (section 3.3: 1e-4 and 1e-5).
      mmd_weight: of `losses.prior_discrepancy` in the encoder's objective; 0, the paper's, leaves the codes'
        distribution to the latent discriminator. Replicas each compare their own part of a batch.
      seed: of z_prior and of the white noise, which are a function of it, the step and the replica.

    Attributes:
      classes: the names of the structures' logits and of the image discriminator's; none where these don't tell
        structures apart.
    """

    classes = ()

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
        super().__init__(**kwargs)
        self.spec = spec
        self.enc, self.dec, self.enc_d, self.dec_d = enc, dec, enc_d, dec_d
        self.gamma_enc, self.gamma_dec, self.mmd_weight = gamma_enc, gamma_dec, mmd_weight
        self.seed, self.optimizers = seed, {}
        self.latent_dim = enc_d.input_shape[-1]
        self.trackers = {name: keras.metrics.Mean(name=name) for name in self.metric_names}
        self.built = True  # by its networks, which are functional models

    @property
    def trained(self):
        """The networks that this phase trains, by the role that names their objective."""
        return {"enc": self.enc, "dec": self.dec, "enc_d": self.enc_d, "dec_d": self.dec_d}

    def compile(self, learning_rate=2e-4, beta_1=0.5, make_optimizer=None, jit=False, loss_scale=False):
        """Makes one optimizer a network and builds its variables: in the strategy's scope, before weights are loaded.

        Args:
          learning_rate, beta_1: Adam's. `CoolDown` in training/callbacks.py sets the rate in every epoch.
          make_optimizer: without arguments, returns another optimizer; then learning_rate and beta_1 are ignored.
          jit: whether XLA compiles the step.
          loss_scale: whether each optimizer scales its objective, so that no gradient is too small for float16.
        """
        super().compile(optimizer=None, jit_compile=jit)
        make = make_optimizer or (lambda: FusedAdam(learning_rate, beta_1, epsilon=ADAM_EPSILON))
        scaled = SkipCountingLossScaleOptimizer if loss_scale else lambda optimizer: optimizer
        self.optimizers = {role: scaled(make()) for role in self.trained}
        for role, network in self.trained.items():
            self.optimizers[role].build(network.trainable_variables)

    @property
    def metrics(self):
        return list(self.trackers.values())

    def objectives(self, batch, z_prior, training):
        """Returns what each network descends, and what is logged.

        Args:
          batch: {"x": (B, *spec.image_shape) in [0, 1], "structure": (B,) integers}.
          z_prior: (B, Z), a draw from the prior.
          training: whether BatchNorm takes the batch's statistics and white noise is added.

        Returns: {role: (B,)} and {name of a metric: (B,)}.
        """
        raise NotImplementedError

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

    def update(self, batch, z_prior):
        """One step of Algorithm 1 or 2: all losses, then all gradients, then the four updates.

        Args: as of `objectives`. Returns: {name of a metric: (B,)}.
        """
        with tf.GradientTape(persistent=True) as tape:
            objectives, logs = self.objectives(batch, z_prior, training=True)
            totals = {role: self.optimizers[role].scale_loss(batch_mean(values)) for role, values in objectives.items()}
        gradients = {role: tape.gradient(totals[role], net.trainable_variables) for role, net in self.trained.items()}
        for role, network in self.trained.items():
            self.optimizers[role].apply(gradients[role], network.trainable_variables)
        return logs

    @property
    def step(self):
        """The steps that the model has been trained for, a scalar: also those whose gradients overflowed float16."""
        optimizer = self.optimizers["enc"]
        return tf.convert_to_tensor(optimizer.iterations) + getattr(optimizer, "skipped", 0)

    def train_step(self, batch):
        with noise.drawn_from(self.seed, self.step):
            return self._track(self.update(batch, self._draw_prior(batch)))

    def test_step(self, batch):
        # The cells counted so far tell the batches apart, and every epoch is measured with the same draws.
        with noise.drawn_from(self.seed, -1 - tf.cast(self.trackers["reconstruction"].count, tf.int64)):
            if tf.distribute.get_strategy().num_replicas_in_sync == 1:
                _, logs = self.objectives(batch, self._draw_prior(batch), training=False)
            else:  # of the last batch a device may get no cell, which oneDNN's convolutions can't take
                count = tf.size(batch["structure"])
                padded = {name: _with_one_row(values) for name, values in batch.items()}
                _, logs = self.objectives(padded, self._draw_prior(padded), training=False)
                logs = {name: values[:count] for name, values in logs.items()}
        return self._track(logs)

    def _draw_prior(self, batch):
        return noise.normal([tf.shape(batch["x"])[0], self.latent_dim])

    def _track(self, logs):
        for name, values in logs.items():
            self.trackers[name].update_state(values)
        return {name: self.trackers[name].result() for name in logs}


def _with_one_row(values):
    """Returns values (B, ...) as they are, or one row of zeros in place of none."""
    missing = tf.maximum(1 - tf.shape(values)[0], 0)
    return tf.pad(values, [[0, missing]] + [[0, 0]] * (values.shape.rank - 1))


def correct(logits, positive):
    """Whether a discriminator's logit falls on the right side. Args: (B, 1); bool. Returns: (B,), 0 or 1."""
    return tf.cast((logits[:, 0] > 0) == positive, logits.dtype)


def correct_class(logits, y):
    """Whether the largest logit is the class's. Args: (B, K); (B,) integers. Returns: (B,), 0 or 1."""
    return tf.cast(tf.argmax(logits, axis=-1, output_type=y.dtype) == y, logits.dtype)
