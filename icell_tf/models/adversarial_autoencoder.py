"""What Algorithms 1 and 2 share: four networks, four optimizers, and a step of losses, gradients and updates."""

import zlib

import keras
import numpy as np
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

    A subclass says which objective each network descends, in `objectives`. An objective's gradient reaches that network
    alone, which is how error signals stay where they belong: the reconstruction flows through the decoder into the
    encoder, a latent discriminator's verdict into the encoder only, an image discriminator's into the decoder only.

    Args:
      enc, dec, enc_d, dec_d: the networks.
      gamma_enc, gamma_dec: weights of the adversarial terms (section 3.3: 1e-4 and 1e-5).
      mmd_weight: of `losses.prior_discrepancy` in the encoder's objective; 0, the paper's, leaves the codes'
        distribution to the latent discriminator. Replicas each compare their own part of a batch.
      seed: of z_prior and of the white noise, which are a function of it, the step and the replica.

    Attributes:
      key: of the run, which its weights bear; 0 is none.
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

    def __init__(self, enc, dec, enc_d, dec_d, gamma_enc=1e-4, gamma_dec=1e-5, mmd_weight=0.0, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.enc, self.dec, self.enc_d, self.dec_d = enc, dec, enc_d, dec_d
        self.gamma_enc, self.gamma_dec = gamma_enc, gamma_dec
        self.mmd_weight = mmd_weight
        self.seed = seed
        self.optimizers = {}
        self.latent_dim = enc_d.input_shape[-1]
        self.trackers = {name: keras.metrics.Mean(name=name) for name in self.metric_names}
        self.key, self.loaded_key, self.loaded_checksums = 0, 0, None
        self.built = True  # by its networks, which are functional models

    @property
    def trained(self):
        """The networks that this phase trains, by the role that names their objective."""
        return {"enc": self.enc, "dec": self.dec, "enc_d": self.enc_d, "dec_d": self.dec_d}

    def compile(self, learning_rate=2e-4, beta_1=0.5, make_optimizer=None, jit=False, loss_scale=False):
        """Makes one optimizer a network and builds its variables: in the strategy's scope, before weights are loaded.

        Args:
          learning_rate, beta_1: Adam's.
          make_optimizer: a function without arguments that returns another optimizer; then the others do not count.
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
          batch: {"x_rs": (B, H, W, 3) in [0, 1], "y": (B,) integers}.
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
        objectives["enc"] += self.mmd_weight * discrepancy
        return {"discrepancy": discrepancy}

    @staticmethod
    def _logs_of(objectives, reconstruction, passed_as_prior, passed_as_data, verdicts):
        """Returns what both phases log: every loss, and how often the discriminators are right.

        Args:
          objectives: {role: (B,)}.
          reconstruction, passed_as_prior, passed_as_data: (B,), the terms that the objectives are made of.
          verdicts: (prior, encoded, observed, generated), (B,) each: whether a discriminator told what it was shown.
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
            _, logs = self.objectives(batch, self._draw_prior(batch), training=False)
        return self._track(logs)

    def _draw_prior(self, batch):
        return noise.normal([tf.shape(batch["x_rs"])[0], self.latent_dim])

    def _track(self, logs):
        for name, values in logs.items():
            self.trackers[name].update_state(values)
        return {name: self.trackers[name].result() for name in logs}

    @property
    def means(self):
        """Sum and count of every metric since the epoch began, (metrics, 2) in NumPy.

        Of several machines, as if all had this one's: to ask them, all would have to ask, and Keras asks when it saves.
        """
        return np.array([[np.mean([part.numpy() for part in parts]) for parts in pair] for pair in self._tallies()]) * (
            np.float32(self.distribute_strategy.num_replicas_in_sync)
        )

    @means.setter
    def means(self, values):
        if len(values) != len(self.metrics):
            return  # of a version with other metrics; only the curve of an epoch that was interrupted needs them
        shares = np.array(values, np.float32) / np.float32(self.distribute_strategy.num_replicas_in_sync)
        for pair, row in zip(self._tallies(), shares, strict=True):
            for parts, share in zip(pair, row, strict=True):
                for part in parts:
                    part.assign(share)

    def _tallies(self):
        """Sum and count of every metric, each as the variables of this machine's replicas."""
        parts = self.distribute_strategy.experimental_local_results
        return [(parts(tracker.total.value), parts(tracker.count.value)) for tracker in self.metrics]

    def broken_networks(self):
        """Returns the names of the networks that have weights which are not finite."""
        return [
            network.name
            for network in self.trained.values()
            if not all(np.isfinite(variable.numpy()).all() for variable in network.weights)
        ]

    def save_own_variables(self, store):
        """Adds to what Keras saves what it leaves out: the unfinished epoch's means, the run's key, checksums."""
        store["means"] = self.means
        store["key"] = np.array(self.key)
        store["checksums"] = np.array(self._checksums())

    def load_own_variables(self, store):
        """Reads what `save_own_variables` wrote; a file from before it was written is taken as it is."""
        self.loaded_key, self.loaded_checksums = 0, None
        if "key" in store.keys():
            self.loaded_key = int(np.array(store["key"]))
        if "means" in store.keys():
            self.means = np.array(store["means"])
            self.loaded_checksums = np.array(store["checksums"]).tolist()

    def check_loaded(self):
        """Looks at what was loaded. Raises: ValueError: if it is of another run, or a bit is another."""
        if self.key and self.loaded_key and self.key != self.loaded_key:
            raise ValueError("it bears the key of another run")
        found, expected = self._checksums(), self.loaded_checksums or []
        if any(ours != theirs for ours, theirs in zip(found, expected, strict=False)):
            raise ValueError("its checksum is another")

    def _checksums(self):
        """Of the weights and, in a compiled model, of the optimizers' variables."""
        parts = [self.weights]
        if self.optimizers:
            parts.append([variable for optimizer in self.optimizers.values() for variable in optimizer.variables])
        return [_checksum(part) for part in parts]


def _checksum(variables):
    total = 0
    for variable in variables:
        total = zlib.crc32(np.ascontiguousarray(variable.numpy()), total)
    return total


def correct(logits, positive):
    """Whether a discriminator's logit falls on the right side. Args: (B, 1); bool. Returns: (B,), 0 or 1."""
    return tf.cast((logits[:, 0] > 0) == positive, logits.dtype)


def correct_class(logits, y):
    """Whether the largest logit is the class's. Args: (B, K); (B,) integers. Returns: (B,), 0 or 1."""
    return tf.cast(tf.argmax(logits, axis=-1, output_type=y.dtype) == y, logits.dtype)
