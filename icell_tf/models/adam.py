"""Adam in one pass over memory, and a loss scale that counts the steps that it skips."""

import keras
import tensorflow as tf

from icell_tf.networks.plain import default_name


@keras.saving.register_keras_serializable("icell_tf")
class FusedAdam(keras.optimizers.Adam):
    """Adam as TensorFlow's one operation; Keras' own reads and writes the weights a dozen times.

    Args: Keras'. AMSGrad, weight decay, clipping, averages and accumulation are not supported: a TypeError names them.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, name=None):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name=name or default_name("adam"))

    def update_step(self, gradient, variable, learning_rate):
        """Updates one weight, on the device that holds it."""
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index].value, self._velocities[index].value
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.handle,
            v=velocity.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )

    def get_config(self):
        """Returns the arguments that the constructor takes."""
        config = super().get_config()
        return {name: config[name] for name in ("learning_rate", "beta_1", "beta_2", "epsilon", "name")}


@keras.saving.register_keras_serializable("icell_tf")
class SkipCountingLossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """Keras' LossScaleOptimizer with a count of the steps that it skipped because gradients overflowed."""

    def build(self, var_list):
        """Makes the variables of this optimizer and of the inner one."""
        super().build(var_list)
        self.skipped = self.add_variable(
            shape=(), dtype="int", initializer="zeros", aggregation="none", name="skipped_steps"
        )

    def apply(self, grads, trainable_variables=None):
        """Updates the weights, or on no replica if the gradients of any overflowed. Keras checks the first one only."""
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            overflowed = tf.cast(tf.logical_not(self.check_finite(grads)), tf.float32)
            spoil = tf.where(context.all_reduce("SUM", overflowed) > 0, float("nan"), 0.0)
            grads = [gradient + tf.cast(spoil, gradient.dtype) for gradient in grads]
        super().apply(grads, trainable_variables)

    def _stateful_handle_non_finite_grads(self):
        super()._stateful_handle_non_finite_grads()
        self.skipped.assign_add(1)
