"""The losses of the third phase: a proper score of draws, and a game of relativistic pairs. Not of the paper."""

import tensorflow as tf

from icell_tf.spec import image_axes, spatial_axes

LEVELS = 255  # above 0, of an image's intensities in the data


def crps(draws, x):
    """The continuous ranked probability score of two draws, unbiased: E|s - x| - E|s - s'| / 2, by pixel and channel.

    Of all distributions the one of x has the lowest expectation (Gneiting and Raftery 2007).

    Args:
      draws: a pair of independent draws, (B, ..., C) each.
      x: (B, ..., C), observed.

    Returns: (B,), the mean over pixels and channels.
    """
    first, second = draws
    deviation = (tf.abs(first - x) + tf.abs(second - x)) / 2.0
    return tf.reduce_mean(deviation - tf.abs(first - second) / 2.0, axis=image_axes(x))


def energy_score(draws, x):
    """The energy score of two draws, unbiased: as `crps`, of whole images, whose distance is the root mean square.

    Args: see `crps`. Returns: (B,).
    """
    first, second = draws
    return (_distance(first, x) + _distance(second, x)) / 2.0 - _distance(first, second) / 2.0


def _distance(a, b):
    return tf.sqrt(tf.reduce_mean(tf.square(a - b), axis=image_axes(a)) + 1e-12)  # a finite slope also at 0


def draws_score(draws, x, patch):
    """`crps` of pixels, plus that of the means of patches, which overlap by half, plus `energy_score`.

    A pixel tells nothing of what varies together with it; a patch does, and a whole image. Args: patch, its side in
    pixels.
    """
    pooled = [means(image, patch) for image in (*draws, x)]
    return crps(draws, x) + crps(pooled[:2], pooled[2]) + energy_score(draws, x)


def means(images, patch):
    """The means of patches (cubes in volumes) that overlap by half. Args: (B, ..., C). Returns: (B, ..., C), fewer."""
    rank = images.shape.rank - 2
    return tf.nn.pool(images, [patch] * rank, "AVG", strides=[max(1, patch // 2)] * rank, padding="SAME")


def relativistic_loss(better, worse):
    """-log sigmoid(better - worse) of a pair's logits (Jolicoeur-Martineau 2019). Args: (B, 1) each. Returns: (B,)."""
    return tf.squeeze(tf.nn.softplus(worse - better), axis=-1)


def gradient_penalty(critic, images, channels):
    """The squared norm of the gradient of the critic's logit in the last channels (R1: Mescheder et al. 2018).

    Args: critic, a function of images (B, ..., C) to logits; channels, how many of the last. Returns: (B,).
    """
    images = tf.stop_gradient(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = tf.reduce_sum(critic(images))
    slopes = tape.gradient(logits, images)[..., -channels:]
    return tf.reduce_sum(tf.square(slopes), axis=image_axes(slopes))


def as_stored(images):
    """Intensities in the levels of the data, with the gradient of the identity: the levels must not tell draws.

    Args: (B, ..., C) in [0, 1].
    """
    return images + tf.stop_gradient(tf.round(images * LEVELS) / LEVELS - images)


def shifted(images, offsets, margins):
    """Each image, moved; what comes into it is 0.

    Args:
      images: (B, ..., C).
      offsets: (B, spatial axes), integers from 0 to 2 * margin, where `margin` leaves the image in its place.
      margins: pixels, an integer for each spatial axis.

    Returns: (B, ..., C).
    """
    around = [[0, 0], *([margin, margin] for margin in margins), [0, 0]]
    shape, images = images.shape, tf.pad(images, around)
    for axis in spatial_axes(images):
        places = offsets[:, axis - 1 : axis] + tf.range(shape[axis])
        images = tf.gather(images, places, axis=axis, batch_dims=1)
    return images
