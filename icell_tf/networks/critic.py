"""Critic, which tells drawn channels of a cell from observed ones; the opponent of the generator."""

import keras

from icell_tf.networks.blocks import CONVOLUTIONS, MEANS, down_conv, halved, leaky_relu, network, stage_widths

FILTERS = (128, 256, 512, 512)  # of its stages, by the width's multiplier; for more stages the last is repeated
FEATURES = 512


def build_critic(shape, channels, structures=0, width=1.0, name="critic"):
    """Returns the critic. It has no normalization, so that its gradient can be penalized example by example.

    Args:
      shape: pixels along each axis, as in `spec.CellSpec`.
      channels: of the images.
      structures: K, the classes; 0: none.
      width: multiplier of the filters.

    Returns: a model of {"x": (B, *shape, channels), and "y": (B, K) one-hot, if there are structures} to logits (B, 1):
      of the whole image (with structures, by projection: Miyato and Koyama 2018) plus the mean of those of its patches.

    Raises: ValueError: if the networks don't take images of this shape.
    """
    inputs = {"x": keras.Input((*shape, channels), name="x")}
    if structures:
        inputs["y"] = keras.Input((structures,), name="y")
    h = inputs["x"]
    for stage, count in enumerate(stage_widths(FILTERS, shape, width)):
        h = down_conv(count, shape, use_bias=True, initializer="he_normal")(h)
        shape = halved(shape)
        if structures and not stage:
            by_class = keras.layers.Dense(count, use_bias=False)(inputs["y"])
            h = keras.layers.Add()([h, keras.layers.Reshape((*[1] * len(shape), count))(by_class)])
        h = leaky_relu()(h)
    patches = MEANS[len(shape)]()(CONVOLUTIONS[len(shape)](1, 1)(h))
    size = max(4, int(FEATURES * width))
    features = leaky_relu()(keras.layers.Dense(size, kernel_initializer="he_normal")(keras.layers.Flatten()(h)))
    exact = dict(dtype="float32")  # whatever the precision, because the game is about differences of logits
    parts = [keras.layers.Dense(1, **exact)(features), patches]
    if structures:
        of_class = keras.layers.Dense(size, use_bias=False, **exact)(inputs["y"])
        parts.append(keras.layers.Dot(axes=1, **exact)([of_class, features]))
    return network(inputs, keras.layers.Add(**exact)(parts), name=name)
