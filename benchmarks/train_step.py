"""How fast a training step is, and how much memory it takes, against the same step in PyTorch and a matrix product.

    python benchmarks/train_step.py
    python benchmarks/train_step.py --image_size=256 --width=1 --batch_size=8 --steps=3
    python benchmarks/train_step.py --image_size=32,64,64 --batch_size=16 --steps=8 --precision=bfloat16
    python benchmarks/train_step.py --torch_python=PATH --compiled --peer=../shared/peers/torch_step.py --json=FILE
    python benchmarks/train_step.py --deterministic

Architecture "paper", random pictures or volumes; phase 2 takes z_r as given. Each measurement is a process of its own,
so that its peak memory is its own, and the implementations take turns, so that what else the machine does meets all of
them. Figures are medians over the rounds of each process' median step; the peer is the faster of its eager and, where
that is asked for, its compiled step. With --deterministic, our step is also timed with TensorFlow's op determinism,
which training with that flag takes on a GPU; on a CPU it is deterministic without.
The machine has to be idle: PyTorch's threads wait for each other, and a busy core makes its step many times slower.
"""

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

PHASES = ("reference", "conditional")
SETTINGS = ("image_size", "width", "batch_size", "precision", "threads")
PRODUCT = 4096  # the side of the matrices whose product is the yardstick
GIB = 2**30


def network_flops(network):
    """Returns the FLOPs of one example's forward pass, one a convolution or dense layer: two a weight and position."""
    from keras import layers

    transposed = layers.Conv2DTranspose, layers.Conv3DTranspose
    flops = []
    for layer in network.layers:
        if isinstance(layer, (layers.Conv2D, layers.Conv3D, layers.Dense, *transposed)):
            grid = layer.input if isinstance(layer, transposed) else layer.output
            flops.append(2 * math.prod(grid.shape[1:-1]) * math.prod(layer.kernel.shape))
    return flops


def step_flops(model):
    """Returns the FLOPs that one example's training step needs at least, however the step is written.

    A pass through a network costs its forward FLOPs once for the outputs, once for the gradients of its weights and
    once for those of its inputs, which the first layer is spared where nothing asks for them.
    """
    layers = {role: network_flops(network) for role, network in model.trained.items()}
    whole = {role: sum(flops) for role, flops in layers.items()}
    inner = {role: whole[role] - layers[role][0] for role in layers}  # of the inputs of all layers but the first
    return (
        2 * whole["enc"] + inner["enc"]
        # Forward and weights for x_hat and x_gen; inputs for x_hat's reconstruction, which the encoder learns from, and
        # for the discriminator's verdicts on x_hat and on x_gen.
        + 4 * whole["dec"] + whole["dec"] + 2 * inner["dec"]
        # Forward for the prior and the codes, then its own objective, then the encoder's.
        + 2 * whole["enc_d"] + 2 * (whole["enc_d"] + inner["enc_d"]) + whole["enc_d"]
        # Forward for x, x_gen and x_hat; its own objective on x and x_gen; the decoder's on x_gen and x_hat.
        + 3 * whole["dec_d"] + 2 * (whole["dec_d"] + inner["dec_d"]) + 2 * whole["dec_d"]
    )  # fmt: skip


def square_spec(side, pixel_size=0.3):
    """Returns the `CellSpec` of square pictures in the ten structures. Args: side, in pixels; pixel_size, in µm."""
    return spec_of((side, side), pixel_size)


def spec_of(shape, pixel_size=0.3):
    """Returns the `CellSpec` of pictures (y, x) or volumes (z, y, x) in the ten structures. Args: pixel_size, in µm."""
    from icell_tf.spec import CellSpec
    from icell_tf.structures import NAMES

    return CellSpec("ZYX"[-len(shape) :], shape, (pixel_size,) * len(shape), NAMES)


def shape_of(text):
    """Returns (64, 64) of 64 and (32, 64, 64) of 32,64,64. Raises: ValueError: if it is neither."""
    sides = [int(side) for side in text.split(",")]
    if len(sides) not in (1, 3):
        raise ValueError(f"{text!r} is neither one side of a square nor three of a volume")
    return tuple(sides * 2 if len(sides) == 1 else sides)


def random_batch(spec, count):
    """Returns a batch of noise, {"x": (count, *spec.image_shape) in [0, 1], "structure": (count,) int32}."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    return {
        "x": tf.constant(rng.random((count, *spec.image_shape), np.float32)),
        "structure": tf.constant(rng.integers(0, len(spec.structures), count).astype(np.int32)),
    }


def build(phase, spec, width):
    """Returns the model of a phase, not compiled; phase 2's reference encoder is a stand-in that computes nothing."""
    import tensorflow as tf

    from icell_tf.config import PHASES, ReferenceConfig
    from icell_tf.models.factory import build_model
    from icell_tf.runs.run import Run

    # Phase 2 takes z_r as given: its reference encoder computes nothing below, and holds next to no memory.
    reference = ReferenceConfig(width=1 / 64) if phase == "conditional" else None
    model = build_model(Run(phase, PHASES[phase](width=width), spec, reference=reference))
    if reference:
        model.enc_r = lambda x_r, training: tf.ones([tf.shape(x_r)[0], model.latent_dim])
    return model


def measure(arguments):
    """Times our step and reads this process' peak memory."""
    import keras
    import tensorflow as tf

    from icell_tf.training.acceleration import AUTO, Acceleration, set_threads

    if arguments.deterministic:
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(0)
    spec = spec_of(shape_of(arguments.image_size))
    set_threads(arguments.threads or AUTO, spec.shape)
    acceleration = Acceleration(arguments.precision, arguments.jit)
    acceleration.set_products()
    with acceleration.building():
        model = build(arguments.phase, spec, arguments.width)
    model.compile(loss_scale=acceleration.loss_scale)
    batch = random_batch(spec, arguments.batch_size)
    step = tf.function(model.train_step, jit_compile=arguments.jit or None)
    seconds, processor = timed(lambda: float(step(batch)["reconstruction"]), arguments.steps)
    flops = step_flops(model)
    return {
        "framework": f"tensorflow {tf.__version__}, keras {keras.__version__}",
        "how": str(acceleration),
        "seconds_per_step": seconds,
        "cpu_seconds_per_step": processor,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB,
        "gflop_per_image": flops / 1e9,
        "gflop_per_second": flops * arguments.batch_size / seconds / 1e9,
    }


def measure_product(arguments):
    """Times the matrix product, which takes all cores at once however the step spreads over them."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.normal([PRODUCT, PRODUCT]), arguments.precision)
    seconds, _ = timed(lambda: float(tf.matmul(matrix, matrix)[0, 0]), 5)
    return {"gflop_per_second": 2 * PRODUCT**3 / seconds / 1e9}


def timed(run, times):
    """Returns the median seconds of a call and the mean processor seconds, after two calls that do not count."""
    run(), run()
    walls, processor = [], time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        run()
        walls.append(time.perf_counter() - start)
    return statistics.median(walls), (time.process_time() - processor) / times


def ours(arguments, worker, phase, deterministic=False):
    """Runs one of `WORKERS` in a process of its own."""
    command = [sys.executable, __file__, f"--worker={worker}", f"--phase={phase}", f"--steps={arguments.steps}"]
    command += ["--jit"] * arguments.jit + ["--deterministic"] * deterministic
    return finished(command + [f"--{flag}={getattr(arguments, flag)}" for flag in SETTINGS])


def peer(arguments, phase, compiled):
    """Runs the peer's script with the Python that has torch."""
    command = [arguments.torch_python, arguments.peer, f"--phase={phase}", f"--steps={arguments.steps}"]
    command += [f"--size={arguments.image_size}", f"--width={arguments.width}", f"--batch={arguments.batch_size}"]
    command += (
        [f"--threads={arguments.threads}"] + ["--bf16"] * (arguments.precision == "bfloat16") + ["--compile"] * compiled
    )
    return finished(command)


def finished(command):
    """Returns the last line that a command prints, which is JSON. Raises: SystemExit: with its messages if it fails."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if command[0] != sys.executable:
        environment.pop("PYTHONPATH")
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def medians(results):
    """Returns the median of every number of several results, and the text of the first."""
    return {
        name: statistics.median(result[name] for result in results) if isinstance(value, float) else value
        for name, value in results[0].items()
    }


def compare(arguments, phase):
    """Runs the implementations in turn and returns {implementation: medians} with the ratios."""
    runs = {"ours": lambda: ours(arguments, "step", phase)}
    if arguments.deterministic:
        runs["deterministic"] = lambda: ours(arguments, "step", phase, deterministic=True)
    if arguments.torch_python:
        runs["torch"] = lambda: peer(arguments, phase, compiled=False)
        if arguments.compiled:
            runs["torch compiled"] = lambda: peer(arguments, phase, compiled=True)
    results, products = {name: [] for name in runs}, []
    for _ in range(arguments.rounds):
        for name, run in runs.items():
            results[name].append(run())
            print(f"{phase:12} {name:15} {results[name][-1]['seconds_per_step']:8.4f} s", file=sys.stderr, flush=True)
        products.append(ours(arguments, "product", phase))
    found = {name: medians(each) for name, each in results.items()}
    mine, others = found["ours"], [found[name] for name in found if name.startswith("torch")]
    product = medians(products)["gflop_per_second"]
    ratios = {"FLOP/s / the product's": mine["gflop_per_second"] / product}
    if arguments.deterministic:
        ratios["deterministic / ours"] = found["deterministic"]["seconds_per_step"] / mine["seconds_per_step"]
    if others:
        ratios["time / peer's"] = mine["seconds_per_step"] / min(other["seconds_per_step"] for other in others)
        ratios["memory / peer's"] = mine["peak_memory_gb"] / min(other["peak_memory_gb"] for other in others)
    return {"phase": phase, "implementations": found, "product_gflop_per_second": product, "ratios": ratios}


def table(comparisons):
    """Returns the comparisons as lines of text."""
    lines = [f"{'phase':12} {'implementation':15} {'s a step':>9} {'images/s':>9} {'peak GiB':>9} {'GFLOP/s':>8}"]
    for comparison in comparisons["phases"]:
        for name, result in comparison["implementations"].items():
            rate = comparisons["batch_size"] / result["seconds_per_step"]
            flops = comparison["implementations"]["ours"]["gflop_per_image"] * rate
            lines.append(
                f"{comparison['phase']:12} {name:15} {result['seconds_per_step']:9.4f} {rate:9.2f} "
                f"{result['peak_memory_gb']:9.2f} {flops:8.1f}"
            )
        lines.append(
            f"{comparison['phase']:12} ratios: "
            + ", ".join(f"{what} {ratio:.2f}" for what, ratio in comparison["ratios"].items())
            + f"; the product's GFLOP/s: {comparison['product_gflop_per_second']:.0f}"
        )
    for name, result in comparisons["phases"][0]["implementations"].items():
        lines.append(f"{name}: {result['framework']}. {result.get('how') or str(result['threads']) + ' threads'}")
    return "\n".join(lines)


def machine():
    """Returns what the figures were measured on."""
    from icell_tf.training.machine import cores, processor

    return {"processor": processor(), "cores": cores(), "load": os.getloadavg()[0]}


WORKERS = {"step": measure, "product": measure_product}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phase", choices=(*PHASES, "both"), default="both")
    parser.add_argument("--image_size", default="64", help="pixels along a side of squares, or z,y,x of volumes")
    parser.add_argument("--width", type=float, default=0.25, help="multiplier of the networks' widths")
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20, help="timed in each process, after two to warm up")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each implementation")
    parser.add_argument("--precision", choices=("float32", "bfloat16", "float16"), default="float32")
    parser.add_argument("--jit", action="store_true", help="our step through XLA")
    parser.add_argument("--deterministic", action="store_true", help="also our step with op determinism, see above")
    parser.add_argument("--threads", type=int, default=0, help="of an operation; 0: each framework's choice")
    parser.add_argument("--torch_python", help="a Python that has torch")
    parser.add_argument("--peer", default="../shared/peers/torch_step.py", help="the step in PyTorch")
    parser.add_argument("--compiled", action="store_true", help="also the peer's compiled step; needs a C++ compiler")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(WORKERS[arguments.worker](arguments)))
        return
    try:
        shape_of(arguments.image_size)
    except ValueError as error:
        parser.error(f"--image_size: {error}")
    if arguments.torch_python and not Path(arguments.peer).is_file():
        parser.error(f"--peer: no file {arguments.peer}: give the script with the step in PyTorch")
    if arguments.torch_python and arguments.precision == "float16":
        parser.error("the peer computes in float32 and bfloat16")
    phases = PHASES if arguments.phase == "both" else (arguments.phase,)
    where = machine() | {name: getattr(arguments, name) for name in SETTINGS}
    comparisons = where | {"phases": [compare(arguments, phase) for phase in phases]}
    print(json.dumps(where))
    print(table(comparisons))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(comparisons, indent=2) + "\n")


if __name__ == "__main__":
    main()
