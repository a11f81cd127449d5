"""Runs an exported training step by JAX's PJRT client, on its default device. Needs no TensorFlow.

Tested with jax 0.10 on a CPU. Its parts are the same in jax 0.11.
"""

from pathlib import Path

import jax
import numpy as np
from jax._src.compiler import get_compile_options
from jax._src.interpreters.mlir import make_ir_context
from jax._src.lib import xla_client
from jax._src.lib.mlir import ir
from jax.extend import backend
from jax.extend.mlir import hlo_to_stablehlo

from benchmarks.accelerator.description import Description, started

jax.config.update("jax_enable_x64", True)  # the step counters are int64


class Step:
    """A compiled step. Args: path, of its NAME.json, with NAME.hlo beside it."""

    def __init__(self, path):
        self.description = Description.load(path)
        self.device = jax.local_devices()[0]
        with make_ir_context():
            module = ir.Module.parse(hlo_to_stablehlo(Path(path).with_suffix(".hlo").read_bytes()))
            self.executable = backend.get_backend().compile_and_load(
                module, xla_client.DeviceList((self.device,)), get_compile_options(1, 1)
            )

    def put(self, values):
        """Returns an array on the device. Args: NumPy's."""
        return jax.device_put(values, self.device)

    def start(self, state=None, seed=0):
        """Returns all inputs on the device.

        Args: state, {name of an input: values} of those that have other values than `Input.start` says; seed, of these.
        """
        rng, state = np.random.default_rng(seed), state or {}
        return [
            self.put(state[given.name] if given.name in state else started(given, rng))
            for given in self.description.inputs
        ]

    def __call__(self, inputs):
        """Runs the step. Args: its inputs, of which those with a next value are used up.

        Returns: {name of a metric: scalar on the device} and the inputs of the next step.
        """
        results = self.executable.execute_sharded(inputs).disassemble_into_single_device_arrays()
        outputs, names = [result[0] for result in results], self.description.metrics
        following = list(inputs)
        for index, output in zip(self.description.updated, outputs[len(names) :], strict=True):
            following[index] = output
        return dict(zip(names, outputs, strict=False)), following

    def memory(self):
        """Returns GiB: what the step needs by its compiler, and the most that the device held; None: it doesn't say."""
        about = self.executable.get_compiled_memory_stats()
        needed = about.argument_size_in_bytes + about.output_size_in_bytes - about.alias_size_in_bytes
        held = (self.device.memory_stats() or {}).get("peak_bytes_in_use")
        return (needed + about.temp_size_in_bytes) / 2**30, held and held / 2**30
