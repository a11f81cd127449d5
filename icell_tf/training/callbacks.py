"""What happens after each epoch: learning rate, a line for a log, TensorBoard's files, warnings of discriminators."""

import functools
import time
from pathlib import Path

import keras
import tensorflow as tf

from icell_tf import files
from icell_tf.messages import show
from icell_tf.runs.history import MAIN_CURVES
from icell_tf.training import errors, store
from icell_tf.viz import figures

WINNING_ACCURACY, WINNING_STEPS = 0.99, 500
DISCRIMINATORS = {"latent_discriminator_accuracy": "codes", "image_discriminator_accuracy": "images"}


class CoolDown(keras.callbacks.Callback):
    """Lowers the learning rate of the model linearly towards 0 over the last epochs.

    Args: learning_rate, before; cooldown, the share of the epochs over which it falls; epochs, of the whole run.
    """

    def __init__(self, learning_rate, cooldown, epochs):
        super().__init__()
        self.learning_rate, self.cooldown, self.epochs = learning_rate, cooldown, epochs

    def on_epoch_begin(self, epoch, logs=None):
        left = (self.epochs - epoch) / max(1, self.cooldown * self.epochs)  # above 1 before the cooldown begins
        self.model.learning_rate = self.learning_rate * min(1.0, left)


class ShowEpochs(keras.callbacks.Callback):
    """Prints a line of the main curves after each epoch, in place of Keras' bar, which a file can't hold.

    Args: epochs, of the whole run.
    """

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        shown = []
        for name in MAIN_CURVES:
            if name in logs:
                validation = f" (validation {logs[f'val_{name}']:.4f})" if f"val_{name}" in logs else ""
                shown.append(f"{name} {logs[name]:.4f}{validation}")
        show(f"Epoch {epoch + 1}/{self.epochs}, {time.monotonic() - self.began:.1f} s: {', '.join(shown)}")


class Events:
    """A folder of TensorBoard's files; values are on the disk when `write` returns."""

    def __init__(self, folder):
        self.folder = folder
        with errors.writing(self.folder):
            self.writer = tf.summary.create_file_writer(str(self.folder))

    def write(self, step, values, kind):
        """Args: step, an integer; values, {name: value}; kind, a function of tf.summary that writes one."""
        with errors.writing(self.folder):
            with self.writer.as_default(step=step):
                for name, value in values.items():
                    kind(name, value)
            self.writer.flush()
            for path in self.folder.glob("events*"):
                files.sync(path)


class LogCurves(keras.callbacks.Callback):
    """Writes each epoch's losses and learning rate as `epoch_NAME`, for training and validation in a folder each.

    Args: log_dir, TensorBoard's folder.
    """

    def __init__(self, log_dir):
        super().__init__()
        self.events = functools.cache(lambda name: Events(Path(log_dir) / name))

    def on_epoch_end(self, epoch, logs=None):
        losses, validation = {}, {}
        for name, value in logs.items():
            (validation if name.startswith("val_") else losses)[f"epoch_{name.removeprefix('val_')}"] = value
        losses["epoch_learning_rate"] = float(self.model.learning_rate)
        for name, values in zip(store.CURVES, (losses, validation), strict=True):
            if values:
                self.events(name).write(epoch, values, tf.summary.scalar)


class LogPictures(keras.callbacks.Callback):
    """Writes pictures of fixed cells every few epochs, and after the last one.

    Args: log_dir, TensorBoard's folder; draw, a function without arguments that returns {name: RGB uint8 (h, w, 3)};
    every, epochs between pictures; epochs, of the whole run.
    """

    def __init__(self, log_dir, draw, every, epochs):
        super().__init__()
        self.draw, self.every, self.epochs = draw, every, epochs
        self.events = functools.cache(lambda: Events(Path(log_dir) / store.PICTURES))

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every and epoch + 1 != self.epochs:
            return
        pictures = {name: picture[None] for name, picture in self.draw().items()}
        self.events().write(epoch, pictures, tf.summary.image)


class WatchDiscriminators(keras.callbacks.Callback):
    """Warns once about each discriminator that has won: it was right above WINNING_ACCURACY for WINNING_STEPS steps.

    Args: steps, of an epoch; rows, the curves of the epochs before, in a resumed run.
    """

    def __init__(self, steps, rows=()):
        super().__init__()
        self.steps = steps
        self.streaks = dict.fromkeys(DISCRIMINATORS, 0)
        for row in rows:
            self._count(row)

    def on_epoch_end(self, epoch, logs=None):
        before = dict(self.streaks)
        self._count(logs)
        for name, shown in DISCRIMINATORS.items():
            if before[name] < WINNING_STEPS <= self.streaks[name]:
                show(
                    f"Warning: {name.removesuffix('_accuracy')} has won: in the {self.streaks[name]} steps up to step "
                    f"{(epoch + 1) * self.steps} it was right about more than {WINNING_ACCURACY:.0%} of the {shown}. "
                    "Its gradients are weak from now on; the other losses go on training the networks."
                )

    def _count(self, logs):
        for name, steps in self.streaks.items():
            self.streaks[name] = steps + self.steps if logs.get(name, 0) > WINNING_ACCURACY else 0


def reference_pictures(model, cells, seed=0):
    """Draws reconstructed cells below the observed ones, for each split, and generated cells of the reference model.

    Args: cells, {split: x_rs (B, ..., C) in [0, 1]}; seed, of the generated cells' codes.

    Returns: {name: RGB uint8 (h, w, 3)}.
    """
    spec, drawn = model.spec, {}
    for split, x_rs in cells.items():
        x_r = spec.reference(x_rs)
        pair = spec.plane(x_r), spec.plane(model.reconstruct(x_r))
        drawn[f"reconstructed/{split}"] = figures.observed_over_reconstructed(*pair)
    drawn["generated"] = figures.cell_grid(spec.plane(model.generate(len(x_rs), seed)))
    return drawn


def conditional_pictures(integrator, cells, labels, seed=0):
    """Draws as `reference_pictures`, with structures, and all structures predicted in the cells of each split.

    Args: integrator, of the model's networks, one for all calls, as it is traced only once; labels, {split: y (B,)}.
    """
    spec, structures, drawn = integrator.spec, integrator.structures, {}
    for split, x_rs in cells.items():
        y = labels[split]
        texts = [structures[k] for k in y]
        observed, reconstructed = spec.plane(x_rs), spec.plane(integrator.reconstruct(x_rs)["x_rs_hat"])
        drawn[f"reconstructed/{split}"] = figures.observed_over_reconstructed(observed, reconstructed, texts)
        predicted = spec.plane(integrator.integrate(spec.reference(x_rs))["structures"])
        drawn[f"predicted/{split}"] = figures.integration_grid(observed, predicted, structures, texts)
    drawn["generated"] = figures.cell_grid(spec.plane(integrator.sample(y, seed)["x_rs"]), labels=texts)
    return drawn


def sampler_pictures(integrator, cells, labels, seed=0):
    """Draws a draw of every structure in the cells of each split, and new cells. Args: as of `conditional_pictures`."""
    spec, structures, drawn = integrator.spec, integrator.structures, {}
    for split, x_rs in cells.items():
        texts = [structures[k] for k in labels[split]]
        draw = next(integrator.draw(spec.reference(x_rs), 1, seed))
        drawn[f"drawn/{split}"] = figures.integration_grid(spec.plane(x_rs), spec.plane(draw), structures, texts)
    drawn["generated"] = figures.cell_grid(spec.plane(integrator.sample(labels[split], seed)["x_rs"]), labels=texts)
    return drawn
