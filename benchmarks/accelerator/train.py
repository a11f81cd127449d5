"""Trains by an exported step on the device that JAX finds, and writes the weights as float16.

    python -m benchmarks.accelerator.train build/steps/compact-reference-bfloat16.json --cells=cells.npz \\
        --seconds=100 --out=reference.npz
    python -m benchmarks.accelerator.train build/steps/compact-conditional-bfloat16.json --cells=cells.npz \\
        --seconds=100 --before=reference.npz --out=conditional.npz

The preset's schedule, shortened to as many epochs as fit into --seconds by the time of the first one. Order and
mirroring are drawn from a seed, otherwise than `icell train` draws them. `import_weights.py` makes a run of what it
writes.
"""

import argparse
import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.accelerator.pjrt import Step

OTHERS = ("structure", "x", "optimizer", "metric")  # the inputs that are no weights, by their name's first part


def rate_of(epoch, epochs, description):
    """Returns the learning rate of an epoch, as `CoolDown` of icell_tf/training/callbacks.py sets it."""
    return description.learning_rate * min(1.0, (epochs - epoch) / max(1, description.cooldown * epochs))


@jax.jit
def batch_of(cells, structures, index, flips):
    """Returns x and structure of a batch. Args: (N, H, W, C) uint8, (N,); (B,) of the cells, (2, B) bool to mirror."""
    x = cells[index].astype(jnp.float32) / 255
    for axis, chosen in zip((1, 2), flips, strict=True):
        x = jnp.where(chosen[:, None, None, None], jnp.flip(x, axis), x)
    return x, structures[index]


def beginning(description, cells, before):
    """Returns the weights that start otherwise than `Input.start` says: Enc_r, and the `Description.dark`.

    Args: a `Description`; (N, H, W, C) uint8; weights of phase 1, {name: values}, or None.
    """
    state = {}
    for given in description.inputs:
        role, _, number = given.name.partition("/")
        if role == "enc_r":
            state[given.name] = before[f"enc/{number}"].astype(given.dtype)
        elif given.name == description.dark:
            means = np.clip(cells.mean((0, 1, 2))[: given.shape[0]] / 255, 1e-4, 1 - 1e-4)
            state[given.name] = np.log(means / (1 - means)).astype(given.dtype)
    return state


def train(step, cells, structures, seconds, before=None, seed=0):
    """Trains a step's networks.

    Args: a `Step`; cells (N, H, W, C) uint8 and structures (N,); the time to train; as of `beginning`; of the order.
    Returns: the inputs after the last step, and the curves, a {metric: value} an epoch.
    """
    description, rng = step.description, np.random.default_rng(seed)
    names = [given.name for given in description.inputs]
    inputs = step.start(beginning(description, cells, before))
    on_device = step.put(cells), step.put(structures)
    size, epochs, epoch, curves, start = description.batch_size, description.epochs, 0, [], time.perf_counter()
    while epoch < epochs:
        rate = rate_of(epoch, epochs, description)
        for index, name in enumerate(names):
            if name.startswith("metric/"):
                inputs[index] = step.put(np.zeros(description.inputs[index].shape, description.inputs[index].dtype))
            elif name.endswith("/learning_rate"):
                inputs[index] = step.put(np.float32(rate))
        for chosen in rng.permutation(len(cells))[: len(cells) // size * size].reshape(-1, size):
            flips = rng.random((2, size)) < (0.5 if description.mirror else 0)
            inputs[names.index("x")], inputs[names.index("structure")] = batch_of(*on_device, chosen, flips)
            metrics, inputs = step(inputs)
        curves.append({name: float(value) for name, value in metrics.items()})
        took, epoch = time.perf_counter() - start, epoch + 1
        if epoch == 1:
            epochs = max(1, min(epochs, int(seconds / took)))
        shown = curves[-1]["reconstruction"]
        print(f"epoch {epoch}/{epochs}, {took:.1f} s: reconstruction {shown:.4f}", file=sys.stderr, flush=True)
    return inputs, curves


def weights_of(description, inputs):
    """Returns {name: float16 values} of the networks' weights, in float32 where float16 can't hold them."""
    found = {}
    for given, values in zip(description.inputs, inputs, strict=True):
        if given.name.partition("/")[0] not in OTHERS:
            values = np.asarray(values)
            with np.errstate(over="ignore"):
                half = values.astype(np.float16)
            found[given.name] = half if np.isfinite(half).all() else values
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", help="NAME.json, with NAME.hlo beside it")
    parser.add_argument("--cells", required=True, help="of `cells.py`")
    parser.add_argument("--seconds", type=float, required=True, help="to train, without the time to compile")
    parser.add_argument("--before", help="weights of phase 1, which phase 2 needs")
    parser.add_argument("--out", required=True, help="file for the weights, .npz")
    arguments = parser.parse_args()
    step = Step(arguments.step)
    if (step.description.phase == "conditional") != bool(arguments.before):
        parser.error("--before: phase 2 needs the weights of phase 1, and phase 1 takes none")
    cells = np.load(arguments.cells)
    before = dict(np.load(arguments.before)) if arguments.before else None
    inputs, curves = train(step, cells["x"], cells["structure"], arguments.seconds, before)
    weights = weights_of(step.description, inputs)
    np.savez_compressed(arguments.out, curves=json.dumps(curves), **weights)
    print(json.dumps({"step": step.description.name, "epochs": len(curves), **curves[-1]}))


if __name__ == "__main__":
    main()
