"""Times an exported training step on the device that JAX finds, and prints the figures as JSON.

    python -m benchmarks.accelerator.run_step build/steps/paper-reference-bfloat16.json --steps=20
    python -m benchmarks.accelerator.run_step STEP.json --state=STEP.npz --steps=3 --after=AFTER.npz

The state stays on the device. The yardstick is a product of two square matrices in the step's precision. With --after
the inputs of the step that would come next are written, for a comparison with TensorFlow.
"""

import argparse
import json
import math
import statistics
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.accelerator.pjrt import Step

SIDES = {"cpu": 1024}  # of the yardstick's matrices, by platform
SIDE, PRODUCTS = 8192, 10
WARM_UP = 2


def timed(call, times, warm_up=WARM_UP):
    """Returns the seconds of each call, which returns an array on the device, after those that do not count."""
    seconds = []
    for number in range(warm_up + times):
        start = time.perf_counter()
        jax.block_until_ready(call())
        if number >= warm_up:
            seconds.append(time.perf_counter() - start)
    return seconds


def matrix_rate(precision, platform):
    """Returns FLOP/s of a product of two matrices in a step's precision."""
    side = SIDES.get(platform, SIDE)
    kind, operands = jnp.bfloat16 if precision == "bfloat16" else jnp.float32, jax.lax.Precision.DEFAULT
    if precision == "float32":
        operands = jax.lax.Precision.HIGHEST
    matrix = jax.random.normal(jax.random.key(0), (side, side), jnp.float32).astype(kind)
    product = jax.jit(lambda a: jnp.matmul(a, a, precision=operands))
    return 2 * side**3 / statistics.median(timed(lambda: product(matrix), PRODUCTS))


def schedule_hours(description, seconds):
    """Returns the hours of the preset's epochs of this phase, or None where the number of its cells is not known."""
    if not description.cells:
        return None
    return description.epochs * (description.cells // description.batch_size) * seconds / 3600


def measure(step, steps, state=None):
    """Times a step. Args: a `Step`; how many times; see `Step.start`. Returns: the figures, and the next inputs."""
    description, inputs, metrics = step.description, step.start(state), {}

    def call():
        nonlocal inputs, metrics
        metrics, inputs = step(inputs)
        return metrics[description.metrics[0]]

    seconds = timed(call, steps, warm_up=0 if state else WARM_UP)
    median = statistics.median(seconds)
    quarters = statistics.quantiles(seconds, n=4) if steps > 1 else [median] * 3
    last = {name: float(value) for name, value in metrics.items()}
    device, (needed, held) = step.device, step.memory()  # before the yardstick, which takes memory, too
    rate = matrix_rate(description.precision, device.platform)
    return {
        "step": description.name,
        "device": device.device_kind,
        "jax": jax.__version__,
        "batch_size": description.batch_size,
        "seconds_per_step": median,
        "interquartile_range": quarters[2] - quarters[0],
        "steps": steps,
        "images_per_second": description.batch_size / median,
        "tflop_per_second": description.flops / median / 1e12,
        "product_tflop_per_second": rate / 1e12,
        "share_of_product": description.flops / median / rate,
        "hours_of_schedule": schedule_hours(description, median),
        "needed_gib": needed,
        "peak_gib": held,
        "finite": all(map(math.isfinite, last.values())),
        "metrics": last,
        "arithmetic": description.arithmetic,
    }, inputs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", help="NAME.json, with NAME.hlo beside it")
    parser.add_argument("--steps", type=int, default=20, help="timed, after two to warm up; with --state all that run")
    parser.add_argument("--state", help="NAME.npz of the inputs' first values")
    parser.add_argument("--after", help="file for the inputs after the last step, .npz")
    arguments = parser.parse_args()
    start = time.perf_counter()
    step = Step(arguments.step)
    compiled = time.perf_counter() - start
    print(f"compiled in {compiled:.1f} s", file=sys.stderr, flush=True)
    figures, inputs = measure(step, arguments.steps, dict(np.load(arguments.state)) if arguments.state else None)
    if arguments.after:
        names = [given.name for given in step.description.inputs]
        np.savez(arguments.after, **dict(zip(names, map(np.asarray, inputs), strict=True)))
    print(json.dumps(figures | {"seconds_to_compile": compiled}))
    if not figures["finite"]:
        sys.exit(f"metrics of {figures['step']} are not finite: {figures['metrics']}")


if __name__ == "__main__":
    main()
