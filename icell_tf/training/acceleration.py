"""How a training step is computed on the devices there are: threads, precision, XLA. The same step in any case."""

import contextlib
import dataclasses
from dataclasses import dataclass

import keras
import tensorflow as tf

from icell_tf.config import ConfigError
from icell_tf.training import machine

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

    def recorded_in(self, config):
        """Returns a config that says what auto has come to, so that a run doesn't go on in other arithmetic."""
        return dataclasses.replace(config, precision=self.precision, jit="on" if self.jit else "off")

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

    def set_products(self):
        """Makes float32's products float32's on a GPU, where TensorFlow takes those of TF32, of 10 bits."""
        tf.config.experimental.enable_tensor_float_32_execution(self.precision != "float32")

    def __str__(self):
        gpus = len(tf.config.list_logical_devices("GPU"))
        where = (
            f"{gpus} GPU{'s' * (gpus > 1)}" if gpus else f"the CPU, {_threads()}, deep convolutions as matrix products"
        )
        return f"Computes in {self.precision} on {where}, {'with' if self.jit else 'without'} XLA."


def spread_over_cores(image_size):
    """Lets a step's independent operations run side by side on two cores, each in one thread, where images are small.

    Two threads for each operation, which is TensorFlow's way, cost 15 % at 64 pixels, 5 % at 128, and gain 6 % at 256.
    Without effect once TensorFlow has begun to compute, on more cores, for which this is not measured, with GPUs, and
    where the environment says how many threads there are to be.

    Args: image_size: pixels along a side. Raises: ConfigError: if the environment asks for what is no number.
    """
    free = machine.cores() == 2 and not machine.asked_threads()
    if free and image_size <= SMALL_IMAGE and not tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(2)


def _threads():
    """How many, as this process says or else the environment; where neither does, TensorFlow has one a core."""
    within, beside = (machine.asked_threads().get(name, machine.cores()) for name in machine.THREADS)
    within = tf.config.threading.get_intra_op_parallelism_threads() or within
    beside = tf.config.threading.get_inter_op_parallelism_threads() or beside
    return f"{beside} operations at a time with {within} thread{'s' * (within > 1)} each"


def _physical_gpus():
    return tf.config.list_physical_devices("GPU")


def _has_bfloat16(gpu):
    return tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) >= BFLOAT16_CAPABILITY
