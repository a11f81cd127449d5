"""Trains and evaluates the same short runs in two checkouts, and compares every bit of their weights and every score.

    python benchmarks/compare_checkouts.py --before=DIR --after=. --work=DIR
    python benchmarks/compare_checkouts.py --before=DIR --after=. --work=DIR --before_python=PATH

For a change that must not change a result. In each checkout the simulated cells are built, and the phases are trained
for three epochs with the preset `demo`. They are then trained once more, stopped by SIGTERM within the second epoch and
resumed. The first run of phase 3 is evaluated. What an earlier call has finished is kept: empty --work to start anew.

Weights are compared array by array, whatever the layers are called: best and last weights, with the moments of all
optimizers. Scores are compared to 1e-6. The exit status is 1 if anything differs.
"""

import argparse
import collections
import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py

PHASES = ("reference", "conditional", "sampler")
WEIGHTS = ("best.weights.h5", "last.weights.h5")
BOOKKEEPING = "run/"  # the group that is the run's, not the model's
TOLERANCE = 1e-6
NAMED = ("model", "structure", "channel", "code", "space", "metric")  # the fields that tell scores apart


def train(checkout, python, data, run, phase, interrupted):
    """Trains a phase for three epochs into run/PHASE; `interrupted` stops it within the second epoch and resumes."""
    command = [python, f"train/{phase}.py", "--preset=demo", "--epochs=3", f"--data_dir={data}"]
    command += [f"--run_dir={run / phase}"]
    if number := PHASES.index(phase):
        command += [f"--{PHASES[number - 1]}={run / PHASES[number - 1]}"]
    if interrupted and not (run / phase / "history.csv").exists():
        process = start(command, checkout)
        while not (run / phase / "history.csv").exists() and process.poll() is None:
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        if process.wait() == 0:
            sys.exit(f"{run / phase}: the training ended before it could be stopped")
    if start(command, checkout).wait():
        sys.exit(f"{run / phase}: the training failed")


def start(command, checkout):
    environment = os.environ | {"PYTHONPATH": str(checkout), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(list(map(str, command)), cwd=checkout, env=environment, stdout=subprocess.DEVNULL)


def run_all(checkout, python, work):
    """Makes what `compare` reads. Returns: the folder of the runs."""
    for name in ("whole", "resumed"):
        for phase in PHASES:
            print(f"{checkout}: {phase}, {name}", flush=True)
            train(checkout, python, work / "data", work / name, phase, name == "resumed")
    if not (work / "evaluation" / "metrics.json").exists():
        print(f"{checkout}: evaluation", flush=True)
        command = [python, "train/evaluate.py", f"--model={work / 'whole' / PHASES[-1]}"]
        command += [f"--data_dir={work / 'data'}", f"--output={work / 'evaluation'}"]
        if start(command, checkout).wait():
            sys.exit(f"{work}: the evaluation failed")
    return work


def arrays(path):
    """Counts the arrays of a weights file: {(shape, dtype, hash of the content): how often it is there}."""
    counts = collections.Counter()

    def add(name, node):
        if isinstance(node, h5py.Dataset) and not name.startswith(BOOKKEEPING):
            values = node[()]
            counts[values.shape, str(values.dtype), hashlib.sha256(values.tobytes()).hexdigest()] += 1

    with h5py.File(path) as file:
        file.visititems(add)
    return counts


def scores(path):
    """Returns {"PART: NAME, KEY": number} of a metrics.json: values, ends of intervals, baselines."""
    found = {}
    for score in json.loads(path.read_text())["scores"]:
        name = "_".join(filter(None, map(score.get, NAMED)))
        ends = {f"end {i}": end for i, end in enumerate(score["interval"] or ())}
        for key, number in ({"value": score["value"]} | ends | score["rivals"] | score["landmarks"]).items():
            found[f"{score['part']}: {name}, {key}"] = number
    return found


def compare(before, after):
    """Prints what differs between two folders of `run_all`. Returns: how much does."""
    different = 0
    for run in ("whole", "resumed"):
        for phase in PHASES:
            for name in WEIGHTS:
                found = [arrays(folder / run / phase / name) for folder in (before, after)]
                same = found[0] == found[1]
                different += not same
                count = sum((found[0] & found[1]).values())
                total = max(sum(counts.values()) for counts in found)
                print(f"{run} {phase} {name}: {count} of {total} arrays are equal, bit for bit")
    old, new = (scores(folder / "evaluation" / "metrics.json") for folder in (before, after))
    for name in sorted(old.keys() | new.keys()):
        a, b = (found.get(name, "missing") for found in (old, new))
        if not close(a, b):
            different += 1
            print(f"{name} was {a}, is {b}")
    print(f"{len(old.keys() | new.keys())} numbers compared")
    return different


def close(a, b):
    if {None, "missing"} & {a, b}:
        return a is b
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--before", type=Path, required=True, help="a checkout")
    parser.add_argument("--after", type=Path, required=True, help="another one")
    parser.add_argument("--work", type=Path, required=True, help="folder for data, runs and evaluations")
    parser.add_argument("--before_python", default=sys.executable, help="the interpreter of the first checkout")
    given = parser.parse_args()
    pairs = (("before", given.before, given.before_python), ("after", given.after, sys.executable))
    folders = [run_all(checkout.resolve(), python, given.work.resolve() / name) for name, checkout, python in pairs]
    sys.exit(bool(compare(*folders)))


if __name__ == "__main__":
    main()
