"""The scorecard's part on reconstruction: how much of a held-out cell survives encoding and decoding."""

import keras
import numpy as np
from scipy import special

from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.metrics.scores import mean_score
from icell_tf.imaging.read.channels import CHANNEL_ROLES as CHANNELS

SMALLEST = 1e-7  # what a sigmoid in float32 can tell from 0 and from 1


def cross_entropy(x_hat, x):
    """Eq. 4: binary cross-entropy, averaged over the pixels of each channel.

    Args: (N, H, W, C) in [0, 1] each. Returns: (N, C), at least that of x with itself: its own entropy, which is not 0
    between black and white.
    """
    x_hat, x = np.asarray(x_hat, np.float64), np.asarray(x, np.float64)
    return -(special.xlogy(x, x_hat) + special.xlog1py(1 - x, -x_hat)).mean(axis=(1, 2))


def scores(subject, cells, training):
    """Returns {name: Score} of reconstructed cells, means over the cells.

      cross_entropy, CHANNEL_cross_entropy: eq. 4 with the observed image, for all channels and for one;
      CHANNEL_r: Pearson r over the frame with the observed image;
      CHANNEL_r_noise_free: with the same cell without background and noise, where the data set knows it;
      reference_...: the same of the reference model's own reconstruction, if its decoder is trained.

    Args:
      subject: `Subject`.
      cells: `CodedCells` that the model was not trained on.
      training: `CodedCells`, whose mean image is the rival that knows nothing of the cell.
    """
    mean_image = training.images.mean(axis=0, dtype=np.float64) / 255
    measured = _measure(cells, mean_image, lambda x: subject.integrator.reconstruct(x)["x_rs_hat"], len(CHANNELS))
    found = _scores(measured, CHANNELS, "the conditional model")
    if subject.reference_trained:
        measured = _measure(cells, mean_image, lambda x: _reference(subject.networks, x), len(CHANNELS) - 1)
        of_reference = _scores(measured, CHANNELS[:-1], "the reference model")
        found |= {f"reference_{name}": score for name, score in of_reference.items()}
    return found


def _reference(networks, x_rs):
    logits = networks["dec_r"](networks["enc_r"](x_rs[..., :-1], training=False), training=False)
    return special.expit(keras.ops.convert_to_numpy(keras.ops.cast(logits, "float32")))


def _measure(cells, mean_image, reconstruct, channels):
    """Returns {what: {image: (N, C)}}: what is measured of the model's image, of the mean image and of the cell's."""
    measured = {"cross_entropy": {}, "r": {}, "r_noise_free": {}}

    def add(what, image, values):
        measured[what].setdefault(image, []).append(values)

    for rows in cells.batches():
        x_rs = cells.x_rs(rows)
        x = x_rs[..., :channels]
        images = {"model": reconstruct(x_rs), "mean": np.broadcast_to(mean_image[..., :channels], x.shape)}
        for image, x_hat in images.items():
            add("cross_entropy", image, cross_entropy(np.clip(x_hat, SMALLEST, 1 - SMALLEST, dtype=np.float64), x))
            add("r", image, correlation.pearson(x_hat, x))
        add("cross_entropy", "cell", cross_entropy(x, x))
        if cells.noise_free is not None:
            noise_free = cells.noise_free[rows][..., :channels].astype(np.float32) / 255
            for image, x_hat in (images | {"cell": x}).items():
                add("r_noise_free", image, correlation.pearson(x_hat, noise_free))
    return {what: {name: np.concatenate(parts) for name, parts in of.items()} for what, of in measured.items() if of}


def _scores(measured, channels, model):
    rivals = {"mean training image": "mean"}
    landmarks = {  # a copy is what a code of a few numbers can't be
        "cross_entropy": {"floor: the images' own entropy": "cell"},
        "r": {},
        "r_noise_free": {"the noisy image itself": "cell"},
    }
    abouts = {
        "cross_entropy": "binary cross-entropy (eq. 4), in nats a pixel, of the {} by {} with the observed one",
        "r": "Pearson r over the frame of the {} by {} with the observed one",
        "r_noise_free": "Pearson r over the frame of the {} by {} with that of the same cell without noise",
    }

    def means(images, of, column):
        return {name: float(of[image][:, column].mean()) for name, image in images.items()}

    found = {}
    for what, of in measured.items():
        columns = {f"{name}_{what}": (slice(i, i + 1), f"{name} channel") for i, name in enumerate(channels)}
        if what == "cross_entropy":
            columns = {what: (slice(None), "image")} | columns
        for name, (column, channel) in columns.items():
            found[name] = mean_score(
                of["model"][:, column].mean(axis=1),
                rivals=means(rivals, of, column),
                landmarks=means(landmarks[what], of, column),
                better="lower" if what == "cross_entropy" else "higher",
                about=abouts[what].format(channel, model),
            )
    return found
