"""What the functions of a model refuse, also in an exported graph: a server passes on whatever it is sent."""

import functools

import tensorflow as tf

IMAGES, STRUCTURE, INTEGERS = ("x_r", "x_rs"), "y", tf.int64


def checked(function, inputs, structures):
    """Returns a tf.function that refuses wrong inputs, with a sentence, before anything is computed.

    Refused are: no cells; inputs of different lengths; images beyond [0, 1] or with NaN; codes and probabilities that
    are not finite; a `y` that is no index of a structure; shapes other than those of the inputs.

    Args:
      function: from tensors with a batch axis.
      inputs: a `tf.TensorSpec` for each, with its name.
      structures: K, their number.

    Raises: tf.errors.InvalidArgumentError, when it is called.
    """

    @functools.wraps(function)  # for the names of its arguments
    def call(*values):
        # Only the shape first: an image without a batch axis would end a server's process in the convolution's kernel.
        values = [tf.ensure_shape(value, spec.shape) for value, spec in zip(values, inputs, strict=True)]
        refusals = [_refuse_counts(values, inputs)]
        refusals += [_refuse_values(value, spec.name, structures) for value, spec in zip(values, inputs, strict=True)]
        with tf.control_dependencies(refusals):
            return function(*map(tf.identity, values))

    return tf.function(call, input_signature=inputs, autograph=False)


def _refuse_counts(values, inputs):
    counts = tf.stack([tf.shape(value)[0] for value in values])
    names = ", ".join(spec.name for spec in inputs)
    sentence = f"{names}: as many cells of each must be given, at least one, but there are {{}}"
    return _require((counts > 0) & (counts == counts[0]), sentence, counts)


def _refuse_values(values, name, structures):
    if name in IMAGES:
        right, expected = (values >= 0) & (values <= 1), "lie in [0, 1], without NaN; divide 8-bit images by 255"
    elif name == STRUCTURE:
        right, expected = (values >= 0) & (values < structures), f"be in 0..{structures - 1}, indices of structures"
    elif values.dtype == INTEGERS:
        return tf.no_op()  # a seed, a draw: any number
    else:
        right, expected = tf.math.is_finite(values), "be finite, without NaN"
    found = tf.reduce_min(values), tf.reduce_max(values)
    return _require(right, f"{name} must {expected}; it ranges from {{}} to {{}}", found)


def _require(right, sentence, found):
    return tf.debugging.Assert(tf.reduce_all(right), [tf.strings.format(sentence, found)])
