"""A model of several networks that each descend an objective of their own: optimizers, the step, what is logged."""

import keras
import tensorflow as tf

from icell_tf.models.adam import FusedAdam, SkipCountingLossScaleOptimizer
from icell_tf.networks import noise

ADAM_EPSILON = 1e-8  # Torch's; Keras' own is 1e-7


def batch_mean(values):
    """The one reduction over the batch: the sum over this replica's examples by the size of the global batch.

    Args: values, (B,), with B equal on all replicas. Returns: a scalar; summed over replicas, it is the batch's mean.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return tf.reduce_mean(values) / replicas


class AdversarialModel(keras.Model):
    """Networks that are trained against each other.

    A subclass defines the networks (`trained`), what is random in a step (`draw`) and the objective of each network
    (`objectives`). Each objective updates its own network only.

    Args:
      spec: the `CellSpec` of the cells that the networks are for.
      seed: of what is random, which is a function of it, the step and the replica.

    Attributes:
      classes: the names of the classes that the networks tell apart, by which weights are checked; none for some.
      metric_names: of what `objectives` logs. The first is logged in every step.
      rates: {role: multiple of the learning rate}, where it is not 1.
      beta_2: Adam's decay of the second moment.
    """

    classes, metric_names, rates, beta_2 = (), (), {}, 0.999

    def __init__(self, spec, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.spec, self.seed, self.optimizers = spec, seed, {}
        self.trackers = {name: keras.metrics.Mean(name=name) for name in self.metric_names}
        self.built = True  # by its networks, which are functional models

    @property
    def trained(self):
        """The networks that this phase trains, by the role that names their objective."""
        raise NotImplementedError

    def draw(self, batch):
        """Returns what is random in the objectives of a batch."""
        raise NotImplementedError

    def objectives(self, batch, drawn, training):
        """Returns what each network descends, and what is logged.

        Args:
          batch: {"x": (B, *spec.image_shape) in [0, 1], "structure": (B,) integers}.
          drawn: what `draw` returned.
          training: whether BatchNorm takes the batch's statistics and white noise is added.

        Returns: {role: (B,)} and {name of a metric: (B,)}.
        """
        raise NotImplementedError

    def compile(self, learning_rate=2e-4, beta_1=0.5, make_optimizer=None, jit=False, loss_scale=False):
        """Makes one optimizer a network and builds its variables: in the strategy's scope, before weights are loaded.

        Args:
          learning_rate, beta_1: Adam's. `CoolDown` in training/callbacks.py sets the rate in every epoch.
          make_optimizer: without arguments, returns another optimizer; then learning_rate and beta_1 are ignored.
          jit: whether XLA compiles the step.
          loss_scale: whether each optimizer scales its objective, so that no gradient is too small for float16.
        """
        super().compile(optimizer=None, jit_compile=jit)

        def adam(role):
            rate = learning_rate * self.rates.get(role, 1.0)
            return FusedAdam(rate, beta_1, self.beta_2, epsilon=ADAM_EPSILON)

        scaled = SkipCountingLossScaleOptimizer if loss_scale else lambda optimizer: optimizer
        self.optimizers = {role: scaled(make_optimizer() if make_optimizer else adam(role)) for role in self.trained}
        for role, network in self.trained.items():
            self.optimizers[role].build(network.trainable_variables)

    @property
    def learning_rate(self):
        """The learning rate, of which `rates` are multiples."""
        role = next(iter(self.optimizers))
        return self.optimizers[role].learning_rate / self.rates.get(role, 1.0)

    @learning_rate.setter
    def learning_rate(self, value):
        for role, optimizer in self.optimizers.items():
            optimizer.learning_rate = value * self.rates.get(role, 1.0)

    @property
    def metrics(self):
        return list(self.trackers.values())

    def update(self, batch, drawn):
        """One step: all losses, then all gradients, then the updates.

        Args: as of `objectives`. Returns: {name of a metric: (B,)}.
        """
        with tf.GradientTape(persistent=True) as tape:
            objectives, logs = self.objectives(batch, drawn, training=True)
            totals = {role: self.optimizers[role].scale_loss(batch_mean(values)) for role, values in objectives.items()}
        gradients = {role: tape.gradient(totals[role], net.trainable_variables) for role, net in self.trained.items()}
        for role, network in self.trained.items():
            self.optimizers[role].apply(gradients[role], network.trainable_variables)
        return logs

    def end_epoch(self, batches):
        """Called after each epoch: sets weights that need all training cells; most models have none.

        Args: `Batches` of all training cells, in order. Returns: the weights that it has set.
        """
        return []

    @property
    def step(self):
        """The steps that the model has been trained for, a scalar: also those whose gradients overflowed float16."""
        optimizer = next(iter(self.optimizers.values()))
        return tf.convert_to_tensor(optimizer.iterations) + getattr(optimizer, "skipped", 0)

    def train_step(self, batch):
        with noise.drawn_from(self.seed, self.step):
            return self._track(self.update(batch, self.draw(batch)))

    def test_step(self, batch):
        # The cells counted so far tell the batches apart, and every epoch is measured with the same draws.
        count = self.trackers[self.metric_names[0]].count
        with noise.drawn_from(self.seed, -1 - tf.cast(count, tf.int64)):
            if tf.distribute.get_strategy().num_replicas_in_sync == 1:
                _, logs = self.objectives(batch, self.draw(batch), training=False)
            else:  # of the last batch a device may get no cell, which oneDNN's convolutions can't take
                count = tf.size(batch["structure"])
                padded = {name: _with_one_row(values) for name, values in batch.items()}
                _, logs = self.objectives(padded, self.draw(padded), training=False)
                logs = {name: values[:count] for name, values in logs.items()}
        return self._track(logs)

    def _track(self, logs):
        for name, values in logs.items():
            self.trackers[name].update_state(values)
        return {name: self.trackers[name].result() for name in logs}


def _with_one_row(values):
    """Returns values (B, ...) as they are, or one row of zeros in place of none."""
    missing = tf.maximum(1 - tf.shape(values)[0], 0)
    return tf.pad(values, [[0, missing]] + [[0, 0]] * (values.shape.rank - 1))
