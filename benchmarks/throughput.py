"""What surrounds a training step: input, start, pictures, saving; how fast cells are integrated; hours of a run.

    python benchmarks/throughput.py --data_dir=DIR
    python benchmarks/throughput.py --parts=input,integration --json=FILE

Made-up images and fresh weights, but for the start, which takes the prepared `simulated_demo`, and of which every round
is printed. The other figures are medians, their ratios those of one process, which takes turns where both are short;
the hours are an epoch's times their number. The machine has to be idle.
"""

import argparse
import contextlib
import functools
import json
import runpy
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import streaming  # noqa: E402
import train_step  # noqa: E402

PAPER_CELLS, PAPER_HOURS = 5773, 16  # section 3.3
VALIDATION = {"small": 400, "paper": 304}  # cells, as the simulated data sets have them
TRAINING = {"small": 2000, "paper": PAPER_CELLS}
SIZES = {"small": (64, 0.6), "paper": (256, 0.317)}
BATCHES = 100  # of the input that are timed
INPUTS = ((64, 0.25, 32, 2000), (256, 1.0, 8, 1000))  # pixels, width, batch size, cells
DEMO = Path(__file__).resolve().parent.parent / "train" / "reference.py"


def input_pipeline(arguments):
    """Cells a second that come out of the input, from files or from memory, against those that the step takes."""
    import tensorflow as tf

    from icell_tf.training.acceleration import set_threads

    set_threads(shape=(min(size for size, *_ in INPUTS),) * 2)
    rows = []
    for size, width, batch_size, count in INPUTS:
        with tempfile.TemporaryDirectory() as work:
            spec = train_step.square_spec(size)
            cells = streaming.open_cells(streaming.write_cells(Path(work, "cells", "1.0.0"), spec, {"train": [count]}))
            model = train_step.build("reference", spec, width)
            model.compile()
            step = tf.function(model.train_step)
            batch = next(iter(cells.batches("train", batch_size)))
            seconds, _ = train_step.timed(lambda: float(step(batch)["reconstruction"]), arguments.steps)  # noqa: B023
            for cache, mirror in (("off", False), ("off", True), ("on", False), ("on", True)):
                rate = input_rate(cells, batch_size, arguments.rounds, cache=cache, mirror=mirror)
                row = {"px": size, "batch": batch_size, "cache": cache, "mirror": mirror}
                rows.append(row | ratio_of("cells/s", rate, "step takes", batch_size / seconds))
    return rows


def input_rate(cells, batch_size, rounds, **flags):
    """Returns the median cells a second of some rounds of batches. Args: flags, of `training_batches`."""
    rates, epochs = [], 2 + BATCHES * batch_size // cells.size("train")
    for _ in range(rounds):
        batches = iter(cells.training_batches(batch_size, 0, epochs, **flags))
        next(batches)
        start = time.perf_counter()
        for _ in range(BATCHES):
            next(batches)
        rates.append(BATCHES * batch_size / (time.perf_counter() - start))
    return statistics.median(rates)


def ratio_of(name, value, other_name, other):
    """Returns both values by their names, and their ratio."""
    return {name: value, other_name: other, "ratio": value / other}


def integration(arguments):
    """All ten structures in one cell of 256 px, against one decoder pass with ten and one encoder pass with one."""
    import numpy as np
    import tensorflow as tf

    from icell_tf import load, networks
    from icell_tf.export.saved_model import export_integrator
    from icell_tf.inference.backends import Networks
    from icell_tf.inference.integrator import Integrator

    spec = train_step.square_spec(*SIZES["paper"])
    k = len(spec.structures)
    channels, reference_channels = len(spec.channels), len(spec.reference_names)
    enc_r = networks.build_reference_encoder(spec.shape, reference_channels)
    enc_rs = networks.build_conditional_encoder(spec.shape, channels, k)
    dec_rs = networks.build_conditional_decoder(spec.shape, channels, k)
    integrator = Integrator(Networks(spec, enc_r, enc_rs, dec_rs))
    x_r = np.random.default_rng(0).random((1, *spec.reference_shape), np.float32)
    z = tf.random.normal([k, integrator.latent_dim])
    code = {"y": tf.eye(k), "z_r": z, "z_s": z}
    encode, decode = (tf.function(network) for network in (enc_r, dec_rs))
    with tempfile.TemporaryDirectory() as folder:
        exported = load(export_integrator(integrator, folder))
        calls = {
            "passes": lambda: (encode(tf.constant(x_r), training=False), decode(code, training=False)),
            "in memory": lambda: integrator.integrate(x_r),
            "exported": lambda: exported.integrate(x_r),
        }
        times = interleaved(calls, arguments.rounds * arguments.steps)
    passes = times.pop("passes")
    return [{"integrate": name} | ratio_of("s", seconds, "passes s", passes) for name, seconds in times.items()]


def interleaved(calls, times):
    """Returns {name: median seconds} of functions that take turns, after two turns that do not count."""
    seconds = {name: [] for name in calls}
    for _ in range(times + 2):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(each[2:]) for name, each in seconds.items()}


def startup(arguments):
    """Seconds from the command `train/reference.py --preset=demo` to the end of its first step, and of its parts."""
    from icell_tf.cli import reference  # noqa: F401
    from icell_tf.models.adversarial_autoencoder import AdversarialAutoencoder
    from icell_tf.training import experiment, loop

    marks = {"import": time.time()}

    def mark(owner, name):
        """Notes when a function is called and when it ends."""
        original = getattr(owner, name)

        def call(*positional, **named):
            marks[f"before {name}"] = time.time()
            result = original(*positional, **named)
            marks[name] = time.time()
            return result

        setattr(owner, name, call)

    def end(*_, **__):
        marks["step"] = time.time()
        raise EOFError

    loop.SaveRun.on_train_batch_end = end
    mark(experiment, "build_model")
    mark(AdversarialAutoencoder, "compile")
    mark(loop, "fit")
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(EOFError):
        sys.argv = [str(DEMO), "--preset=demo", f"--run_dir={folder}/run", f"--data_dir={arguments.data_dir}"]
        runpy.run_path(str(DEMO), run_name="__main__")
    step, fit = marks["step"], marks["before fit"]
    build = marks["compile"] - marks["before build_model"]
    parts = {"import": marks["import"] - arguments.started, "data": fit - marks["import"] - build, "build": build}
    return [parts | {"tracing and first step": step - fit, "total": step - arguments.started}]


def epoch(arguments):
    """An epoch of a preset: its steps, and the share of validation, pictures, curves and saving."""
    import tensorflow as tf

    from icell_tf.config import PRESETS
    from icell_tf.inference.loading import integrator_of
    from icell_tf.models.factory import build_model
    from icell_tf.runs.run import Run
    from icell_tf.training import callbacks, loop, store
    from icell_tf.training.acceleration import Acceleration, set_threads

    preset, phase = arguments.preset, arguments.phase
    spec, config = train_step.square_spec(*SIZES[preset]), PRESETS[preset][phase]
    reference = PRESETS[preset]["reference"] if phase == "conditional" else None
    run = Run(phase, config, spec, reference=reference)
    set_threads(shape=spec.shape)
    acceleration = Acceleration.of(config)
    with acceleration.building():
        model = build_model(run)
    model.compile(loss_scale=acceleration.loss_scale)
    batch, logs = train_step.random_batch(spec, config.batch_size), {}

    def steps(function):
        logs.update({name: float(value) for name, value in function(batch).items()})

    train, test = (tf.function(f, jit_compile=acceleration.jit or None) for f in (model.train_step, model.test_step))
    step, _ = train_step.timed(lambda: steps(train), arguments.steps)
    validation, _ = train_step.timed(lambda: steps(test), arguments.steps)
    fixed, labels = (dict.fromkeys(store.CURVES, batch[part].numpy()[: loop.PICTURES]) for part in ("x", "structure"))
    if phase == "reference":
        draw = functools.partial(callbacks.reference_pictures, model, fixed)
    else:
        draw = functools.partial(callbacks.conditional_pictures, integrator_of(model), fixed, labels)
    count = TRAINING[preset] // config.batch_size
    validations = -(-VALIDATION[preset] // config.batch_size)
    every = max(1, config.epochs // loop.PICTURE_TIMES)
    with tempfile.TemporaryDirectory() as folder:
        followers = {
            "pictures": callbacks.LogPictures(folder, draw, 1, 1),
            "curves": callbacks.LogCurves(folder),
            "saving": loop.SaveRun(store.RunStore(folder), count, step=count),
        }
        both = logs | {f"val_{name}": value for name, value in logs.items()}
        times = {}
        for name, follower in followers.items():
            follower.set_model(model)
            times[name], _ = train_step.timed(lambda: follower.on_epoch_end(0, both), 3)  # noqa: B023
    whole, picture = count * step, times["pictures"]
    times |= {"pictures": picture / every, "validation": validations * validation}
    shares = {name: seconds / whole for name, seconds in times.items()}
    return [
        {"preset": preset, "phase": phase, "batch": config.batch_size, "s a step": step, "epoch s": whole}
        | {"a picture s": picture}
        | {f"{name} %": 100 * share for name, share in shares.items()}
        | {"hours of the run": config.epochs * (whole * (1 + sum(shares.values()))) / 3600}
    ]


PARTS = {"input": input_pipeline, "integration": integration, "startup": startup, "epoch": epoch}


def processes(part, arguments):
    """Yields the flags of each process that a part takes."""
    if part == "epoch":
        for preset in arguments.presets.split(","):
            for phase in train_step.PHASES:
                steps = arguments.steps if preset == "small" else 1
                yield [f"--preset={preset}", f"--phase={phase}", f"--steps={steps}"]
    elif part == "startup":
        for _ in range(arguments.rounds):
            yield [f"--started={time.time()}", f"--data_dir={arguments.data_dir}"]
    else:
        yield [f"--steps={arguments.steps}", f"--rounds={arguments.rounds}"]


def table(rows):
    """Returns rows of one part as lines of text."""
    lines = [list(rows[0])]
    lines += [[str(v) if isinstance(v, (str, int)) else f"{v:.4g}" for v in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in lines)


def projected_hours(rows):
    """Hours of the paper's run, from the rows of its preset's epochs; None where they are missing."""
    found = [row["hours of the run"] for row in rows if row["preset"] == "paper"]
    return sum(found) if len(found) == len(train_step.PHASES) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS), help="which, separated by commas")
    parser.add_argument("--presets", default="small,paper", help="of the epochs; `paper` takes minutes on a CPU")
    parser.add_argument("--data_dir", help="holds the prepared integrated_cell/simulated_demo, for the start")
    parser.add_argument("--steps", type=int, default=5, help="timed, after two that are not; of `paper` one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="file for the figures")
    for name, kind in {"worker": str, "preset": str, "phase": str, "started": float}.items():
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(PARTS[arguments.worker](arguments)))
        return
    results = train_step.machine()
    print(json.dumps(results))
    for part in arguments.parts.split(","):
        rows = []
        for flags in processes(part, arguments):
            rows += train_step.finished([sys.executable, __file__, f"--worker={part}", *flags])
        results[part] = rows
        print(f"\n{PARTS[part].__doc__}\n{table(rows)}", flush=True)
    hours = projected_hours(results.get("epoch", []))
    if hours:
        said = f"{PAPER_CELLS:,} cells, {SIZES['paper'][0]} px, 150 + 220 epochs: {hours:.0f} hours"
        print(f"\n{said} on this machine; the paper's {PAPER_HOURS} on a GPU")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
