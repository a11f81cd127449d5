"""How a training step is computed on the devices there are: threads, precision, XLA. The same step in any case."""

import contextlib
import os
from dataclasses import dataclass

import keras
import tensorflow as tf

from icell_tf.config import ConfigError

SMALL_IMAGE = 128  # pixels along a side
BFLOAT16_CAPABILITY = (8, 0)  # NVIDIA's compute capability from which on products of bfloat16 are the fast ones


@dataclass(frozen=True)
class Acceleration:
    """What --precision and --jit, default auto, come to on this machine.

    Attributes:
      precision: of products and activations; weights, moments and BatchNorm's statistics are float32 in any case.
      jit: whether XLA compiles the step.
    """

    precision: str
    jit: bool

    @classmethod
    def of(cls, config, replicas=1):
        """Resolves a config's `precision` and `jit`.

        On a CPU auto is float32 without XLA, which measured slower there. On GPUs it is bfloat16 where all have fast
        products of it, and XLA on a single one: TensorFlow can't compile a step that is spread over several.

        Raises: ConfigError: if jit is on with several replicas.
        """
        gpus = tf.config.list_logical_devices("GPU")
        precision = config.precision
        if precision == "auto":
            precision = "bfloat16" if gpus and all(map(_has_bfloat16, _physical_gpus())) else "float32"
        if config.jit == "on" and replicas > 1:
            raise ConfigError(f"jit is 'on', but TensorFlow can't compile a step on {replicas} devices: leave it out")
        return cls(precision, config.jit == "on" or (config.jit == "auto" and bool(gpus) and replicas == 1))

    @property
    def loss_scale(self):
        """Whether gradients need a loss scale: small ones are 0 in float16."""
        return self.precision == "float16"

    @contextlib.contextmanager
    def building(self):
        """Within, Keras makes layers of this precision."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float32" if self.precision == "float32" else f"mixed_{self.precision}")
        try:
            yield
        finally:
            keras.config.set_dtype_policy(before)

    def __str__(self):
        gpus = len(tf.config.list_logical_devices("GPU"))
        where = f"{gpus} GPU{'s' * (gpus > 1)}" if gpus else f"the CPU, {_threads()}"
        return f"Computes in {self.precision} on {where}, {'with' if self.jit else 'without'} XLA."


def spread_over_cores(image_size):
    """Lets a step's independent operations run side by side on two cores, each in one thread, where images are small.

    Two threads for each operation, which is TensorFlow's way, cost 15 % at 64 pixels, 5 % at 128, and gain 6 % at 256.
    Without effect once TensorFlow has begun to compute, on more cores, for which this is not measured, and with GPUs.

    Args: image_size: pixels along a side.
    """
    two_cores = len(os.sched_getaffinity(0)) == 2
    if two_cores and image_size <= SMALL_IMAGE and not tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(2)


def _threads():
    cores = len(os.sched_getaffinity(0))
    within = tf.config.threading.get_intra_op_parallelism_threads() or cores
    beside = tf.config.threading.get_inter_op_parallelism_threads() or cores
    return f"{beside} operations at a time with {within} thread{'s' * (within > 1)} each"


def _physical_gpus():
    return tf.config.list_physical_devices("GPU")


def _has_bfloat16(gpu):
    return tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) >= BFLOAT16_CAPABILITY
