"""What each part of the structure generator is for: Gen_s is trained whole, and with one part removed.

Prints what the draws of each are like.

    python benchmarks/ablations.py --conditional=runs/small-conditional
    python benchmarks/ablations.py --conditional=runs/small-conditional --variants="whole,no critic" --steps=3000

All variants start from the same weights and see the same batches, with the learning rate, the weights and the batch
size of the preset `small`; only Gen_s and its critic are trained. Draws are compared on validation cells: three of four
teach the detector, which is asked about the others; all other figures are of the others alone. The figures are

    crps     continuous ranked probability score by pixel inside the cell, times 1,000; lower is better
    covered  part of the pixels inside the central 90 % interval of the draws; 0.90 is best
    power    in four bands, from coarse to fine, draws over observed, mean over structures; 1 is best
    r        correlation of the mean of the draws with the observed structure; higher is better
    auc      of a detector that learnt for 1,000 steps to tell draws from observed structures; 0.5 is best

A step takes about as long as half a step of train/sampler.py. A line is printed as soon as its variant is measured.
"""

import argparse
import functools
import itertools
import time
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from icell_tf.config import PRESETS
from icell_tf.data.prepared import open_prepared
from icell_tf.evaluation.detector import Examples, train_detector, verdicts
from icell_tf.evaluation.distribution import BANDS
from icell_tf.evaluation.metrics import correlation, ensembles
from icell_tf.evaluation.metrics.distances import probability_larger
from icell_tf.models import SamplerModel, factory, sampling_losses
from icell_tf.networks import noise
from icell_tf.networks.generator import noise_shapes
from icell_tf.runs.run import Run
from icell_tf.runs.trained import load_model, load_reference

ASKED = 4  # one validation cell in so many is asked about; the others teach the detector
DRAWS, DETECTOR_DRAWS, DETECTOR_STEPS = 16, 6, 1000
BATCH = 20  # cells that are drawn in at a time
COLUMNS = ("variant", "crps", "covered", *(f"power {band}" for band in range(1, len(BANDS) + 1)), "r", "auc")


class StructureSampler(SamplerModel):
    """Phase 3 without the generator of shapes."""

    metric_names = tuple(name for name in SamplerModel.metric_names if name.endswith("_s"))
    score_weight = 1.0

    @property
    def trained(self):
        return {"gen_s": self.gen_s, "critic_s": self.critic_s}

    def objectives(self, batch, drawn, training):
        y = tf.one_hot(batch["structure"], len(self.spec.structures))
        x_r, x_s, typical, _, _ = self._images(batch["x"], y, drawn)
        draws, (passed, told, slope, right) = self._draw_structures(x_r, x_s, typical, y, drawn, training)
        score = sampling_losses.draws_score(draws, x_s, self.patch)
        objectives = {
            "gen_s": self.score_weight * score + self.adversarial_weight * passed,
            "critic_s": told + self.penalty_weight / 2.0 * slope,
        }
        logs = {"score_s": score, "passed_s": passed, "told_s": told, "slope_s": slope, "right_s": right}
        return objectives, logs


def with_critic(times, model):
    model.adversarial_weight *= times


def without_score(model):
    model.score_weight = 0.0


def without_typical(model):
    typical = model.typical
    model.typical = lambda y, z_r: tf.zeros_like(typical(y, z_r))


def with_noise_at_the_bottom_only(model):
    draw, names = model.draw, list(noise_shapes(model.gen_s))

    def without_others(batch):
        drawn = draw(batch)
        drawn["noise_s"] = {name: values * (name == names[-1]) for name, values in drawn["noise_s"].items()}
        return drawn

    model.draw = without_others


VARIANTS = {
    "whole": lambda model: None,
    "no critic": functools.partial(with_critic, 0),
    "critic times 4": functools.partial(with_critic, 4),
    "critic times 16": functools.partial(with_critic, 16),
    "no score": without_score,
    "no typical image": without_typical,
    "coarsest noise only": with_noise_at_the_bottom_only,
}


def build(config, conditional_dir, reference_dir, prepared):
    """Returns a `StructureSampler` with fresh generators on the trained networks of phases 1 and 2."""
    before, run = load_model(conditional_dir, phases=("conditional",))
    reference = load_reference(before, run, reference_dir)
    with mock.patch.object(factory, "SamplerModel", StructureSampler):
        model = factory.build_model(Run("sampler", config, prepared.spec, **run.configs), prepared.mean_logits())
    for name, network in {"enc_r": before.enc_r, "dec_r": reference.dec, "enc": before.enc, "dec": before.dec}.items():
        getattr(model, name).set_weights(network.get_weights())
    return model


def train(model, config, prepared, steps):
    """Trains for some steps, the last of them with a falling learning rate, as phase 3 does."""
    model.compile(config.learning_rate, config.beta_1)
    step, cooldown = tf.function(model.train_step), config.cooldown * steps
    epochs = -(-steps // prepared.steps_per_epoch(config.batch_size))
    batches = prepared.training_batches(config.batch_size, config.seed, epochs, mirror=config.mirror)
    for number, batch in enumerate(itertools.islice(batches, steps)):
        model.learning_rate = config.learning_rate * min(1.0, (steps - number) / cooldown)
        step(batch)


def draws_in(model, x, structures, count, seed):
    """Returns draws of the structure of each cell, (count, N, *shape). Args: x (N, *shape, C); (N,); number; seed."""
    found = []
    with noise.drawn_from(seed, 0):
        for rows in np.array_split(np.arange(len(x)), -(-len(x) // BATCH)):
            x_r, y = model.spec.reference(x[rows]), tf.one_hot(structures[rows], len(model.spec.structures))
            given = {"given": tf.concat([x_r, model.typical(y, model.enc_r(x_r, training=False))], axis=-1), "y": y}
            drawn = [model.draw({"x": x[rows]})["noise_s"] for _ in range(count)]
            few = [{name: values[: len(rows)] for name, values in one.items()} for one in drawn]
            found.append([tf.sigmoid(model.mean_gen_s({**given, **one}, training=False))[..., 0] for one in few])
    return np.concatenate(found, axis=1)


def measure(model, prepared):
    """Returns the figures of a variant, a number a column."""
    spec, records = prepared.spec, prepared.read("validation", slice(None), ("image", "structure"))
    images, structures = records["image"], records["structure"]
    asked = np.arange(len(images)) % ASKED == 0
    x, y = images[asked].astype(np.float32) / 255, structures[asked]
    observed, masks = spec.structure(x), correlation.cell_mask(spec.reference(x))
    drawn = draws_in(model, x, y, DRAWS, seed=0)
    scores = ensembles.crps(np.moveaxis(drawn, 1, 0), observed, masks)
    rng = np.random.default_rng(0)
    ranks = [ensembles.ranks(drawn[:, i], observed[i], masks[i], rng) for i in range(len(x))]
    covered = np.mean([np.mean(np.abs(of_cell - 0.5) <= 0.45) for of_cell in ranks])
    power = power_of(drawn, masks, y) / power_of(observed[None], masks, y)
    means = drawn.mean(axis=0)
    r = np.mean([np.corrcoef(means[i][masks[i]], observed[i][masks[i]])[0, 1] for i in range(len(x))])
    auc = detect(model, spec, images, structures, asked)
    return [1000 * scores.mean(), covered, *power.mean(axis=0), r, auc]


def power_of(drawn, masks, structures):
    """Returns the mean power of each structure's images inside the cell, (K, bands). Args: (M, N, *shape); (N, ...)."""
    power = np.mean([ensembles.radial_power(np.where(masks, images, 0), BANDS) for images in drawn], axis=0)
    return np.stack([power[structures == k].mean(axis=0) for k in np.unique(structures)])


def detect(model, spec, images, structures, asked):
    """Returns the area under the ROC curve of a detector, on the cells that are asked about."""

    def examples(rows, count, seed):
        drawn = np.stack([images[rows]] * count)
        found = draws_in(model, images[rows].astype(np.float32) / 255, structures[rows], count, seed)
        spec.structure(drawn)[...] = np.rint(255 * found)
        return Examples(spec, structures[rows], images[rows], drawn)

    detector = train_detector(examples(~asked, DETECTOR_DRAWS, seed=1), DETECTOR_STEPS)
    shown = examples(asked, 1, seed=2)
    pair = (verdicts(detector, of, shown.y, spec) for of in (shown.observed, shown.drawn[0]))
    return float(probability_larger(*pair))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conditional", required=True, help="a run of train/conditional.py")
    parser.add_argument("--reference", help="its run of train/reference.py (default: where it lay in training)")
    parser.add_argument("--data_dir", help="where prepared data sets lie (default: TFDS' own)")
    parser.add_argument("--steps", type=int, default=1500, help="of each variant's training")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="separated by commas (default: all)")
    given = parser.parse_args()
    variants = given.variants.split(",")
    if unknown := [name for name in variants if name not in VARIANTS]:
        parser.error(f"--variants: no variant {unknown[0]!r}; there are {', '.join(VARIANTS)}")
    config = PRESETS["small"]["sampler"]
    prepared = open_prepared(Run.load(given.conditional).config, data_dir=given.data_dir)
    print("  ".join(f"{name:>18}" if name == "variant" else f"{name:>8}" for name in (*COLUMNS, "CPU s")))
    for name in variants:
        keras.utils.set_random_seed(config.seed)
        model, begun = build(config, given.conditional, given.reference, prepared), time.process_time()
        VARIANTS[name](model)
        train(model, config, prepared, given.steps)
        seconds = time.process_time() - begun
        figures = measure(model, prepared)
        print(f"{name:>18}  " + "  ".join(f"{value:8.3f}" for value in figures) + f"  {seconds:7.0f}", flush=True)


if __name__ == "__main__":
    main()
