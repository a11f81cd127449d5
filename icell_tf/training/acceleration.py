"""How a training step is computed on the devices there are: threads, precision, XLA. What it computes is the same."""

import contextlib
import math
from dataclasses import dataclass

import keras
import tensorflow as tf

from icell_tf.config import ConfigError
from icell_tf.spec import SMALL_IMAGE
from icell_tf.training import machine

AUTO = "auto"
MOST_THREADS = 1024
BFLOAT16_CAPABILITY = (8, 0)  # NVIDIA's compute capability from which on GPUs multiply bfloat16 fast


@dataclass(frozen=True)
class Acceleration:
    """The precision and the compiler that --precision and --jit, default auto, stand for on this machine.

    The precision is that of products and activations; weights, moments and BatchNorm's statistics are always float32.
    """

    precision: str
    jit: bool

    @classmethod
    def of(cls, config, replicas=1, shape=None):
        """Resolves a config's `precision` and `jit`.

        On a CPU, auto means float32 without XLA, which was slower there when measured; for volumes and for pictures
        above SMALL_IMAGE it means bfloat16 if the CPU multiplies it fast, which saves a third of the time. On GPUs it
        means bfloat16 if all of them multiply it fast. On a single GPU it means XLA; TensorFlow can't compile a step on
        several devices.

        Args: replicas, the devices that share a batch; shape, the cells' along each axis, None: unknown.

        Raises: ConfigError: if jit is on with several replicas.
        """
        gpus = tf.config.list_logical_devices("GPU")
        precision = config.precision
        if precision == "auto":
            if gpus:
                fast = all(map(_has_bfloat16, tf.config.list_physical_devices("GPU")))
            else:
                fast = shape is not None and _is_large(shape) and machine.has_bfloat16()
            precision = "bfloat16" if fast else "float32"
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

    def set_products(self):
        """Keeps TensorFlow from computing float32's products in TF32, which has 10 bits, on a GPU."""
        tf.config.experimental.enable_tensor_float_32_execution(self.precision != "float32")

    def __str__(self):
        gpus = len(tf.config.list_logical_devices("GPU"))
        cpu = f"the CPU, {_threads()}, deep convolutions as matrix products"
        where = f"{gpus} GPU{'s' * (gpus > 1)}" if gpus else cpu
        return f"Computes in {self.precision} on {where}, {'with' if self.jit else 'without'} XLA."


def _is_large(shape):
    return len(shape) == 3 or math.prod(shape) > SMALL_IMAGE


def set_threads(threads=AUTO, shape=None):
    """Sets how many threads share an operation on the CPU; as many operations run at a time as there are cores.

    AUTO, on two cores without a GPU and for pictures up to SMALL_IMAGE: one thread an operation. Two, which is
    TensorFlow's default, cost 15 % more time at 64 pixels and 5 % at 128; at 256 they save 6 %. Elsewhere, where this
    is not measured, AUTO keeps TensorFlow's default, and so it does where the environment sets the number.

    Args: threads, AUTO or a number, set before TensorFlow computes; shape, pixels along each axis, None: unknown.

    Raises: ConfigError: if threads is not such a number, or TensorFlow computes already with another.
    """
    if threads == AUTO:
        measured = shape is not None and not _is_large(shape) and machine.cores() == 2
        if not measured or machine.asked_threads() or tf.config.list_physical_devices("GPU"):
            return
    elif not str(threads).isdecimal() or not 1 <= int(threads) <= MOST_THREADS:
        raise ConfigError(
            f"threads_per_operation is {threads!r}, but has to be {AUTO} or a number from 1 to {MOST_THREADS}"
        )
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1 if threads == AUTO else int(threads))
        tf.config.threading.set_inter_op_parallelism_threads(machine.cores())
    except RuntimeError as error:
        if threads != AUTO:
            raise ConfigError(f"threads_per_operation can't be set any more: {error}") from error


def _threads():
    """Describes the threads: as set in this process, or else in the environment, or else one a core."""
    within, beside = (machine.asked_threads().get(name, machine.cores()) for name in machine.THREADS)
    within = tf.config.threading.get_intra_op_parallelism_threads() or within
    beside = tf.config.threading.get_inter_op_parallelism_threads() or beside
    return f"{beside} operations at a time with {within} thread{'s' * (within > 1)} each"


def _has_bfloat16(gpu):
    return tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) >= BFLOAT16_CAPABILITY
