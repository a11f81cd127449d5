"""Writes our compiled training step for a machine that has JAX but no TensorFlow.

    python -m benchmarks.accelerator.export_step --preset=paper --out=build/steps
    python -m benchmarks.accelerator.export_step --preset=demo --precision=float32 --batch_size=4 --state --out=FOLDER

A step is the whole one, as training on a GPU has XLA compile it: losses, gradients, Adam, BatchNorm's statistics, the
logged means, and the noise, which is a function of the seed and the step's number. Weights, moments and counters are
inputs and outputs. `run_step.py` runs it, `measure.py` all of a folder. With --state the first values of all inputs are
written, too, for a comparison with TensorFlow; without, the other machine makes like ones.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.accelerator.description import (
    PHASES,
    PRECISIONS,
    Description,
    Input,
    aliases,
    arithmetic,
    require_different,
    start_of,
    started,
)
from benchmarks.train_step import step_flops
from icell_tf.config import PRESETS
from icell_tf.data.builder.config import SIMULATED
from icell_tf.models.factory import build_model
from icell_tf.runs.run import Run
from icell_tf.structures import STRUCTURES
from icell_tf.training.acceleration import Acceleration

S8 = "integrated_cell/simulated"  # the data set with the counts of Table S8
DARK = (-2.625, -2.375, -2.875)  # logits of mean intensities, for `dark_start`; cells give their own


def run_of(preset, phase):
    """Returns the `Run` of a preset's phase on simulated cells, which need not be prepared."""
    config = PRESETS[preset][phase]
    before = PRESETS[preset]["reference"] if phase == "conditional" else None
    return Run(phase, config, SIMULATED[config.dataset].spec(), config.dataset, reference=before)


def build(run, precision):
    """Returns a run's compiled model, whose layers are computed as on a GPU, of bfloat16, tf32 or float32."""
    acceleration = Acceleration("float32" if precision == "tf32" else precision, jit=True)
    tf.config.experimental.enable_tensor_float_32_execution(precision != "float32")  # read when the step is lowered
    with acceleration.building():
        model = build_model(run, DARK)
    for network in model.layers:
        for layer in network.layers:
            if hasattr(layer, "matrix_products"):
                layer.matrix_products = False  # those are for CPUs
    model.compile(run.config.learning_rate, run.config.beta_1, jit=True)
    return model


def empty_batch(spec, batch_size):
    """Returns a batch of zeros, from which a step is traced. Args: `CellSpec`; cells of the batch."""
    return {"structure": tf.zeros([batch_size], tf.int32), "x": tf.zeros([batch_size, *spec.image_shape])}


def step_of(model):
    """Returns a model's step as one function that XLA compiles, from a batch to {name of a metric: mean}."""
    return tf.function(model.train_step, jit_compile=True, autograph=False)


def variables_of(model):
    """Returns {name: tf.Variable} of all that a step of a compiled model may read, with the names of `Input`."""
    networks = dict(model.trained) | ({"enc_r": model.enc_r} if hasattr(model, "enc_r") else {})
    found = {}
    for role, network in networks.items():
        found |= {f"{role}/{number}": weight for number, weight in enumerate(network.weights)}
    for role, optimizer in model.optimizers.items():
        found |= {f"optimizer/{role}/{each.path.partition('/')[2]}": each for each in optimizer.variables}
    for name, tracker in model.trackers.items():
        found |= {f"metric/{name}/{each.name}": each for each in tracker.variables}
    return {name: variable.value for name, variable in found.items()}


def lower(model, run, preset, precision, batch_size):
    """Returns a step's `Description` and its HLO, serialized.

    Args: a model that `build` returned, and its run; the names of preset and precision; cells of a batch.
    """
    config, spec = run.config, run.spec
    batch, step = empty_batch(spec, batch_size), step_of(model)
    traced, generate = step.get_concrete_function(batch), step.experimental_get_compiler_ir(batch)
    text, module = generate(stage="hlo"), generate(stage="hlo_serialized")
    variables = variables_of(model)
    names = {id(variable.handle): name for name, variable in variables.items()}
    inputs = [
        Input("structure", (batch_size,), "int32", {"integers": [0, len(spec.structures)]}),
        Input("x", (batch_size, *spec.image_shape), "float32", {"uniform": [0, 1]}),
    ]
    for handle in traced.captured_inputs:
        name = names[id(handle)]
        values = variables[name].numpy()
        inputs.append(Input(name, values.shape, str(values.dtype), start_of(values)))
    metrics, updated = tuple(sorted(traced.structured_outputs)), aliases(text)
    if list(updated) != list(range(len(metrics), len(metrics) + len(updated))):
        raise SystemExit(f"outputs {list(updated)} are next values, expected all behind the {len(metrics)} metrics")
    return Description(
        preset=preset,
        phase=run.phase,
        precision=precision,
        batch_size=batch_size,
        inputs=tuple(inputs),
        metrics=metrics,
        updated=tuple(updated.values()),
        flops=step_flops(model) * batch_size,
        arithmetic=arithmetic(text),
        epochs=config.epochs,
        cells=sum(each.train for each in STRUCTURES) if run.dataset == S8 else 0,
        pixel_size=spec.plane_pixel_size[0],
        learning_rate=config.learning_rate,
        cooldown=config.cooldown,
        mirror=config.mirror,
        dark=_dark_weight(variables, spec),
    ), module


def _dark_weight(variables, spec):
    """Returns the name of the decoder's weight that starts at `DARK`, or ""."""
    for logits in (np.array(DARK), spec.reference(np.array(DARK))):
        for name, values in variables.items():
            if name.startswith("dec/") and np.array_equal(values.numpy(), logits):
                return name
    return ""


def write_state(path, model, description):
    """Writes the values of all inputs before the first step: the model's own, and a batch of noise."""
    rng, variables = np.random.default_rng(0), variables_of(model)
    values = {
        given.name: variables[given.name].numpy() if given.name in variables else started(given, rng)
        for given in description.inputs
    }
    np.savez(path, **values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="paper")
    parser.add_argument("--phase", choices=PHASES, help="without: both")
    parser.add_argument("--precision", choices=PRECISIONS, help="without: all three")
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--state", action="store_true", help="also the first values of all inputs, in NAME.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder for the steps")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    written = []
    for phase in [arguments.phase] if arguments.phase else PHASES:
        for precision in [arguments.precision] if arguments.precision else PRECISIONS:
            keras.utils.set_random_seed(0)
            run = run_of(arguments.preset, phase)
            model = build(run, precision)
            description, module = lower(model, run, arguments.preset, precision, arguments.batch_size)
            description.save(arguments.out, module)
            if arguments.state:
                write_state(arguments.out / f"{description.name}.npz", model, description)
            written.append(description)
            print(f"{description.name}: {len(module) / 1e6:.1f} MB, products {description.arithmetic}", flush=True)
    require_different(written)


if __name__ == "__main__":
    main()
