"""What training a phase needs: bytes on the disk, counted, and in memory, estimated."""

import math
from typing import NamedTuple

import keras
import tensorflow as tf

from icell_tf.config import PHASES
from icell_tf.models.factory import build_model
from icell_tf.runs.run import Run
from icell_tf.training.acceleration import Acceleration

GIB = 2**30
BYTES = 4  # of a weight, which is float32 whatever the precision
COPIES = 4  # of a run's weights: last, previous, best, and the one that is being written
# How many forward passes through a network a step makes and keeps the layers' outputs of, for the gradients.
PASSES = {"enc": 1, "dec": 2, "enc_d": 2, "dec_d": 3, "gen_s": 2, "gen_r": 3, "critic_s": 3, "critic_r": 4}
VIEWS = (keras.layers.InputLayer, keras.layers.Reshape, keras.layers.Flatten)  # layers whose outputs take no memory
PROCESS = 0.9 * GIB  # of Python, TensorFlow, TFDS and a traced step; measured: 0.8 without TFDS, 1.0 in a run


class Requirements(NamedTuple):
    """Bytes that a phase needs: `saved` on the disk, `state` and `activations` in memory."""

    saved: int
    state: int
    activations: int


def estimate(phase, configs, spec):
    """Estimates the `Requirements` of a phase from its networks. Args: configs, {phase: config}; spec, the `CellSpec`.

    The bytes on the disk are exact up to the files' headers. The memory is an estimate: weights, both moments of Adam
    and gradients, and the outputs of all layers in a step.
    """
    config = configs[phase]
    before = {name: configs[name] for name in list(PHASES)[: list(PHASES).index(phase)]}
    with tf.device("CPU:0"), Acceleration.of(config, shape=spec.shape).building():  # a GPU's memory is for training
        model = build_model(Run(phase, config, spec, **before))
    trainable = sum(math.prod(v.shape) for network in model.trained.values() for v in network.trainable_variables)
    saved = model.count_params() + 2 * trainable
    passes = PASSES | {"dec": PASSES["dec"] + bool(phase == "conditional" and config.integration_weight)}
    kept = 0
    for role, network in model.trained.items():
        outputs = [layer.output for layer in network.layers if not isinstance(layer, VIEWS)]
        kept += passes[role] * sum(math.prod(out.shape[1:]) * tf.as_dtype(out.dtype).size for out in outputs)
    return Requirements(COPIES * saved * BYTES, (saved + trainable) * BYTES, kept * config.batch_size)
