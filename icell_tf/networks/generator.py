"""Gen, which draws channels of a cell: a U-Net with noise at every resolution. Not of the paper: see docs/paper.md."""

import keras

from icell_tf.networks.blocks import (
    CONVOLUTIONS,
    batch_norm,
    down_conv,
    halved,
    leaky_relu,
    network,
    stage_widths,
    up_conv,
)

NOISE = "noise_"  # what the names of its maps of noise begin with
FILTERS = (128, 192, 256, 256)  # of its stages, by the width's multiplier; for more stages the last is repeated
TOP_FILTERS = 48  # at full resolution
NOISE_CHANNELS = 8  # between the smallest image and the largest one
BOTTOM_NOISE_CHANNELS, TOP_NOISE_CHANNELS = 16, 1


def noise_shapes(generator):
    """Returns {name: shape without the batch axis} of the maps of noise that a generator takes, the largest first."""
    return {name: tuple(x.shape[1:]) for name, x in generator.input.items() if name.startswith(NOISE)}


def build_generator(shape, given, outputs, structures=0, width=1.0, output_logits=None, name="gen"):
    """Returns the generator. Every draw of noise gives another image for the same condition.

    Args:
      shape: pixels along each axis, as in `spec.CellSpec`.
      given: channels of the condition.
      outputs: channels that it draws.
      structures: K, the classes that it draws for; 0: it has no class.
      width: multiplier of the filters.
      output_logits: a number an output, where it starts from; None: 0, which is grey.

    Returns: a model of {"given": (B, *shape, given), "noise_0", "noise_1" ...: N(0, 1) in the shapes of `noise_shapes`,
      and "y": (B, K) one-hot, if there are structures} to logits (B, *shape, outputs).

    Raises: ValueError: if the networks don't take images of this shape.
    """
    inputs = {"given": keras.Input((*shape, given), name="given")}
    if structures:
        inputs["y"] = keras.Input((structures,), name="y")
    filters, shapes = stage_widths(FILTERS, shape, width), [shape]
    for _ in filters:
        shapes.append(halved(shapes[-1]))
    noise_channels = [TOP_NOISE_CHANNELS] + [NOISE_CHANNELS] * (len(filters) - 1) + [BOTTOM_NOISE_CHANNELS]
    noise = [
        keras.Input((*size, count), name=f"{NOISE}{level}")
        for level, (size, count) in enumerate(zip(shapes, noise_channels, strict=True))
    ]
    inputs |= {tensor.name: tensor for tensor in noise}

    def activated(h, skip=None):
        """BatchNorm with scale and offset by class, the same resolution's image on the way down, and the activation."""
        h = batch_norm()(h)
        if structures:
            h = keras.layers.Multiply()([h, _by_class(inputs["y"], h, "ones")])
            h = keras.layers.Add()([h, _by_class(inputs["y"], h, "zeros")])
        return leaky_relu()(h if skip is None else keras.layers.Add()([h, skip]))

    def refined(h):
        """h, and what a convolution makes of it."""
        return keras.layers.Add()([h, activated(_conv(h.shape[-1], tuple(h.shape[1:-1]), "he_normal")(h))])

    skips, h = [], inputs["given"]
    for count, size in zip(filters, shapes, strict=False):
        h = activated(down_conv(count, size, initializer="he_normal")(h))
        skips.append(h)
    top = max(4, int(TOP_FILTERS * width))
    for level in reversed(range(len(filters))):
        h = keras.layers.Concatenate()([h, noise[level + 1]])
        h = up_conv(filters[level - 1] if level else top, shapes[level], initializer="he_normal")(h)
        h = refined(activated(h, skips[level - 1])) if level else leaky_relu()(h)
    grain = noise[0]
    if structures:
        grain = keras.layers.Multiply()([grain, _by_class(inputs["y"], grain, "ones")])
    h = keras.layers.Concatenate()([h, inputs["given"], grain])
    h = refined(leaky_relu()(_conv(h.shape[-1], shape, "he_normal", bias="zeros")(h)))
    start = keras.initializers.Constant([0.0] * outputs if output_logits is None else output_logits)
    logits = _conv(outputs, shape, keras.initializers.RandomNormal(0.0, 0.02), bias=start)(h)
    return network(inputs, logits, name=name)


def _conv(filters, shape, initializer, bias=None):
    """A convolution that leaves the size as it is."""
    use = dict(use_bias=bias is not None, bias_initializer=bias or "zeros")
    return CONVOLUTIONS[len(shape)](filters, 3, padding="same", kernel_initializer=initializer, **use)


def _by_class(y, h, start):
    """A number a class and channel of h, as an image of one pixel."""
    channels = h.shape[-1]
    value = keras.layers.Dense(channels, kernel_initializer="zeros", bias_initializer=start)(y)
    return keras.layers.Reshape((*[1] * (len(h.shape) - 2), channels))(value)
