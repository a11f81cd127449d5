"""Scores of reconstruction: how much of a held-out cell survives encoding and decoding?"""

import keras
import numpy as np
from scipy import special

from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.metrics.scores import mean_score
from icell_tf.spec import spatial_axes

SMALLEST = 1e-7  # the least distance from 0 and from 1 that a sigmoid in float32 has


def cross_entropy(x_hat, x):
    """Eq. 4: binary cross-entropy, averaged over the pixels of each channel.

    Args: (N, *shape, C) in [0, 1] each. Returns: (N, C). The least is that of x with itself, the entropy of x, which is
    above 0 where x is grey.
    """
    x_hat, x = np.asarray(x_hat, np.float64), np.asarray(x, np.float64)
    return -(special.xlogy(x, x_hat) + special.xlog1py(1 - x, -x_hat)).mean(axis=spatial_axes(x))


def scores(subject, cells, training, seed=0):
    """Returns the `Score`s of reconstructed cells, means over the cells.

      cross_entropy: eq. 4 with the observed image, of all channels and of each;
      r: of each channel, Pearson r over the frame with the observed image;
      r_noise_free: with the same cell without background and noise, where the data set knows it;
      the same of the reference model's own reconstruction, if its decoder is trained.

    Args:
      subject: `Subject`.
      cells: `CodedCells` that the model was not trained on.
      training: `CodedCells`, whose mean image is the rival that knows nothing of the cell.
      seed: of the resampling.
    """
    spec, mean_image = cells.spec, training.mean_image
    measured = _measure(cells, mean_image, lambda x: subject.integrator.reconstruct(x)["x_rs_hat"], lambda x: x)
    found = _scores(measured, spec.channel_names, seed, None)
    if subject.reference_trained:
        reference_image = spec.reference(mean_image)
        measured = _measure(cells, reference_image, lambda x: _reference(subject.networks, x), spec.reference)
        found += _scores(measured, spec.reference_names, seed, "reference")
    return found


def _reference(networks, x_r):
    logits = networks["dec_r"](networks["enc_r"](x_r, training=False), training=False)
    return special.expit(keras.ops.convert_to_numpy(keras.ops.cast(logits, "float32")))


def _measure(cells, mean_image, reconstruct, channels):
    """Measures reconstructions of the channels that the function `channels` takes from images.

    Returns: {metric: {image: (N, C)}}, of the model's image, of the mean image and of the cell's own.
    """
    measured = {"cross_entropy": {}, "r": {}, "r_noise_free": {}}

    def add(metric, image, values):
        measured[metric].setdefault(image, []).append(values)

    for rows in cells.batches():
        x = channels(cells.x(rows))
        images = {"model": reconstruct(x), "mean": np.broadcast_to(mean_image, x.shape)}
        for image, x_hat in images.items():
            add("cross_entropy", image, cross_entropy(np.clip(x_hat, SMALLEST, 1 - SMALLEST, dtype=np.float64), x))
            add("r", image, correlation.pearson(x_hat, x))
        add("cross_entropy", "cell", cross_entropy(x, x))
        if (noise_free := cells.noise_free(rows)) is not None:
            noise_free = channels(noise_free).astype(np.float32) / 255
            for image, x_hat in (images | {"cell": x}).items():
                add("r_noise_free", image, correlation.pearson(x_hat, noise_free))
    return {
        metric: {name: np.concatenate(parts) for name, parts in images.items()}
        for metric, images in measured.items()
        if images
    }


def _scores(measured, channels, seed, model):
    landmarks = {  # a copy is what a code of a few numbers can't be
        "cross_entropy": {"floor: the images' own entropy": "cell"},
        "r": {},
        "r_noise_free": {"the noisy image itself": "cell"},
    }
    abouts = {
        "cross_entropy": "binary cross-entropy (eq. 4), nats a pixel, of the {} by the {} model with the observed one",
        "r": "Pearson r over the frame of the {} by the {} model with the observed one",
        "r_noise_free": "Pearson r over the frame of the {} by the {} model with that of the same cell without noise",
    }
    found = []
    for metric, images in measured.items():
        columns = {name: slice(i, i + 1) for i, name in enumerate(channels)}
        for channel, column in ({None: slice(None)} | columns if metric == "cross_entropy" else columns).items():
            means = {image: float(values[:, column].mean()) for image, values in images.items()}
            fields = {
                "rivals": {"mean training image": means["mean"]},
                "landmarks": {name: means[image] for name, image in landmarks[metric].items()},
                "better": "lower" if metric == "cross_entropy" else "higher",
                "about": abouts[metric].format(f"{channel} channel" if channel else "image", model or "conditional"),
            }
            values = images["model"][:, column].mean(axis=1)
            found.append(mean_score(metric, values, seed, channel=channel, model=model, **fields))
    return found
