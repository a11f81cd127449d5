"""What happens between epochs: the learning rate, and pictures in TensorBoard, which evaluation/figures.py draws."""

from pathlib import Path

import keras
import tensorflow as tf

from icell_tf.evaluation import figures
from icell_tf.integrator import Integrator


class CoolDown(keras.callbacks.Callback):
    """Lets the learning rate of all optimizers fall in a line towards 0 over the last epochs.

    Args:
      learning_rate: the rate before.
      cooldown: share of the epochs over which it falls; 0 for none.
    """

    def __init__(self, learning_rate, cooldown):
        super().__init__()
        self.learning_rate, self.cooldown = learning_rate, cooldown

    def on_epoch_begin(self, epoch, logs=None):
        epochs = self.params["epochs"]
        left = (epochs - epoch) / max(1, self.cooldown * epochs)  # of the fall; above 1 before it begins
        for optimizer in self.model.optimizers.values():
            optimizer.learning_rate = self.learning_rate * min(1.0, left)


class LogPictures(keras.callbacks.Callback):
    """Writes pictures of fixed cells every few epochs, and after the last one.

    Args:
      log_dir: TensorBoard's folder.
      draw: a function without arguments that returns {name: RGB uint8 (h, w, 3)}.
      every: epochs between pictures.
    """

    def __init__(self, log_dir, draw, every):
        super().__init__()
        self.log_dir, self.draw, self.every = Path(log_dir), draw, every

    def on_train_begin(self, logs=None):
        self.writer = tf.summary.create_file_writer(str(self.log_dir / "pictures"))

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every and epoch + 1 != self.params["epochs"]:
            return
        with self.writer.as_default(step=epoch):
            for name, picture in self.draw().items():
                tf.summary.image(name, picture[None])
        self.writer.flush()

    def on_train_end(self, logs=None):
        self.writer.close()


def reference_pictures(model, cells, seed=0):
    """Observed over reconstructed cells of each split, and generated ones, as the reference model draws them.

    Args:
      model: a `ReferenceModel`.
      cells: {split: x_rs (B, H, W, 3) in [0, 1]}.
      seed: of the generated cells' codes.

    Returns: {name: RGB uint8 (h, w, 3)}.
    """
    drawn = {}
    for split, x_rs in cells.items():
        x_r = x_rs[..., :-1]
        drawn[f"reconstructed/{split}"] = figures.observed_over_reconstructed(x_r, model.reconstruct(x_r))
    drawn["generated"] = figures.cell_grid(model.generate(len(x_rs), seed))
    return drawn


def conditional_pictures(model, cells, labels, structures, seed=0):
    """As `reference_pictures`, with structures; and every structure predicted in the cells of each split.

    Args:
      model: a `ConditionalModel`.
      cells: {split: x_rs (B, H, W, 3) in [0, 1]}.
      labels: {split: y (B,)}.
      structures: K names.
      seed: of the generated cells' codes.

    Returns: {name: RGB uint8 (h, w, 3)}.
    """
    integrator = Integrator(model.enc_r, model.enc, model.dec, structures, pixel_size=1.0)
    drawn = {}
    for split, x_rs in cells.items():
        y = labels[split]
        texts = [structures[k] for k in y]
        reconstructed = integrator.reconstruct(x_rs)["x_rs_hat"]
        drawn[f"reconstructed/{split}"] = figures.observed_over_reconstructed(x_rs, reconstructed, texts)
        predicted = integrator.integrate(x_rs[..., :-1])["structures"]
        drawn[f"predicted/{split}"] = figures.integration_grid(x_rs, predicted, structures, texts)
    drawn["generated"] = figures.cell_grid(integrator.sample(y, seed)["x_rs"], labels=texts)
    return drawn
