"""Is it worth starting from trained weights? Few cells, from random weights and from those of a run, cell by cell.

    icell build --manual_dir=PATH_OF_HELA3D --config='{"name": "hela_few", "kind": "stacks", "image_size": 64,
        "pixel_size": 1.0, "mask_threshold": 0, "channel_threshold": "membrane:0,nucleus:0",
        "validation_fraction": 0, "test_fraction": 0.36}'
    python benchmarks/adapt.py --dataset=integrated_cell/hela_few --init=simulated_64 --work=runs/adapt

Phases 1 and 2 of the preset `small` are trained on the first 24, 48 and 96 training cells, as many steps whatever the
number of cells, and measured on the test cells: the r of Algorithm 3 with the observed structure, and the accuracy.
Each is the mean over the test cells, and over the seeds; the interval, of 95 %, resamples cells. `class mean` is the r
of the training cells' mean image of the structure. What an earlier call has measured is kept in --work.

Two settings differ from the preset, in all runs: batches of 16 cells, and a `norm_momentum` of 0.95, because the
statistics of BatchNorm would else still show the start of so short a training.
"""

import argparse
import dataclasses
import itertools
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from icell_tf.config import PRESETS
from icell_tf.data.prepared import open_prepared
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.metrics.scores import mean_score
from icell_tf.files import atomic_write
from icell_tf.inference.loading import integrator_of
from icell_tf.models.factory import build_model
from icell_tf.runs.run import Run
from icell_tf.training import acceleration
from icell_tf.training.start import start

sys.path.insert(0, str(Path(__file__).resolve().parent))
import ablations  # noqa: E402

SETTINGS = {"batch_size": 16, "norm_momentum": 0.95}
MEASURED = {"r": "r of Algorithm 3", "hit": "accuracy"}
COLUMNS = ("cells", "steps", "class mean", "figure", "from scratch", "from init", "init - scratch")


def config_of(phase, given, cells, seed, init):
    about = dict(dataset=given.dataset, train_split=f"train[:{cells}]", seed=seed, init=init)
    return dataclasses.replace(PRESETS["small"][phase], **SETTINGS, **about)


def train(run, prepared, steps, enc_r=None):
    """Returns the model of a run after some steps, over the last half of which the learning rate falls, as in `small`.

    Args: enc_r: the trained encoder of phase 1, for phase 2.
    """
    config = run.config
    keras.utils.set_random_seed(config.seed)
    model = build_model(run, prepared.mean_logits())
    if enc_r:
        model.enc_r.set_weights(enc_r.get_weights())
    start(model, run)
    ablations.train(model, config, prepared, steps)
    model.end_epoch(prepared.batches(prepared.train_split, config.batch_size))
    return model


def measure(given, cells, steps, seed, init):
    """Trains both phases. Returns: {figure: (N,) of the test cells}, of the class mean too, and the CPU seconds."""
    keras.utils.clear_session()
    begun = time.process_time()
    first, second = (config_of(phase, given, cells, seed, init) for phase in ("reference", "conditional"))
    prepared = open_prepared(first, data_dir=given.data_dir)
    about = dict(spec=prepared.spec, dataset=prepared.dataset, cells=prepared.fingerprint)
    reference = train(Run("reference", first, **about), prepared, steps)
    run = Run("conditional", second, **about, reference=first)
    model = train(run, prepared, steps, reference.enc)
    seconds = time.process_time() - begun
    integrator = integrator_of(model, mirrored=run.mirrored, from_targets=run.from_targets)
    test, training = (code_cells(integrator, prepared, split) for split in ("test", prepared.train_split))
    x, rows = test.x(slice(None)), (np.arange(len(test)), test.y)
    predicted = np.moveaxis(integrator.integrate(prepared.spec.reference(x))["structures"], -1, 1)[rows]
    typical = np.moveaxis(training.class_means, -1, 0)[test.y]
    observed = prepared.spec.structure(x)[..., None]
    r, class_mean = (correlation.pearson(image[..., None], observed)[:, 0] for image in (predicted, typical))
    hit = (test.probabilities.argmax(axis=-1) == test.y).astype(float)
    return {"r": r, "hit": hit, "class_mean": class_mean, "seconds": seconds}


def kept(given, cells, steps, seed, init):
    """As `measure`, from a file in --work if it was measured before."""
    path = Path(given.work) / f"{cells}-{steps}-{seed}-{'init' if init else 'scratch'}.npz"
    if not path.is_file():
        found = measure(given, cells, steps, seed, init)
        with atomic_write(path) as partial, partial.open("wb") as file:
            np.savez(file, **found)
        print(f"# {path.stem}: r {found['r'].mean():.3f}, {found['seconds']:.0f} CPU seconds", flush=True)
    with np.load(path) as found:
        return {name: found[name] for name in found}


def table(given):
    """Returns what was measured as text, a line a figure; measures what is not in --work yet."""
    lines = []
    for cells, steps in itertools.product(given.cells, given.steps):
        starts = ("", given.init)
        runs = [[kept(given, cells, steps, seed, init) for seed in range(given.seeds)] for init in starts]
        for name, figure in MEASURED.items():
            scratch, started = (np.mean([run[name] for run in of], axis=0) for of in runs)
            score = mean_score(name, started - scratch)
            low, high = score.interval
            class_mean = f"{runs[0][0]['class_mean'].mean():.3f}" if name == "r" else ""
            difference = f"{score.value:+.3f} ({low:+.3f} to {high:+.3f})"
            means = (f"{values.mean():.3f}" for values in (scratch, started))
            lines.append([str(cells), str(steps), class_mean, figure, *means, difference])
    widths = [max(map(len, column)) for column in zip(COLUMNS, *lines, strict=True)]
    rows = (zip(line, widths, strict=True) for line in (COLUMNS, *lines))
    return "\n".join("  ".join(text.ljust(width) for text, width in row).rstrip() for row in rows)


def numbers(text):
    return [int(number) for number in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="a prepared data set with the splits train and test")
    parser.add_argument("--init", required=True, help="a run of train/sampler.py on other cells")
    parser.add_argument("--work", required=True, help="folder for what is measured")
    parser.add_argument("--data_dir", help="where prepared data sets lie (default: TFDS' own)")
    parser.add_argument("--cells", default="24,48,96", type=numbers, help="numbers of training cells")
    parser.add_argument("--steps", default="150,600", type=numbers, help="of each phase")
    parser.add_argument("--seeds", default=1, type=int, help="repeats, of which the mean is taken")
    given = parser.parse_args()
    Path(given.work).mkdir(parents=True, exist_ok=True)
    shape = open_prepared(config_of("reference", given, given.cells[0], 0, ""), data_dir=given.data_dir).spec.shape
    acceleration.set_threads(shape=shape)
    tf.get_logger().setLevel("ERROR")  # it counts how often reading cells is traced
    print(table(given))


if __name__ == "__main__":
    main()
