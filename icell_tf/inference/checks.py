"""What the functions of a model refuse, also in an exported graph: a server passes on whatever it is sent.

`checked` refuses within a graph; `check_arrays` refuses the same, with the same sentences, before it gets there.
"""

import functools

import numpy as np
import tensorflow as tf

from icell_tf.spec import CALLED

IMAGES, STRUCTURE, ANY = ("x_r", "x_rs"), "y", ("seed", "draw")
COUNTS = "{}: as many cells of each must be given, at least one, but there are {{}}"
VALUES = "{} must {}; it ranges from {{}} to {{}}"


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


def exchanged(found, expected):
    """Returns what to say of planes in place of volumes, or the reverse; "" of others. Args: shapes without a batch."""
    kinds = {1 + len(axes): kind for axes, kind in CALLED.items()}
    if len(found) == len(expected) or not {len(found), len(expected)} <= kinds.keys():
        return ""
    return f"the model takes {kinds[len(expected)]}, and these are {kinds[len(found)]}"


def check_arrays(arrays, shapes, structures):
    """Refuses what `checked` refuses, in NumPy.

    Args:
      arrays: {name: array}, of the names of `shapes`.
      shapes: {name: shape without the batch axis}.
      structures: K, their number.

    Raises: ValueError: with the sentence.
    """
    for name, array in arrays.items():
        if array.ndim != 1 + len(shapes[name]) or array.shape[1:] != tuple(shapes[name]):
            expected = ", ".join(map(str, ("B", *shapes[name])))
            other = exchanged(array.shape[1:], shapes[name])
            other = f": {other}" if other else ""
            raise ValueError(f"{name} has shape {array.shape}, but must be ({expected}){other}")
    counts = [len(array) for array in arrays.values()]
    if min(counts) == 0 or len(set(counts)) > 1:
        raise ValueError(COUNTS.format(", ".join(arrays)).format(np.array(counts)))
    for name, array in arrays.items():
        right, expected = _rule(array, name, structures, np.isfinite)
        if not np.all(right):
            raise ValueError(VALUES.format(name, expected).format(array.min(), array.max()))


def _rule(values, name, structures, is_finite):
    """Returns which values of an input are right, True for all, and how they must be, in words.

    Args: values: a tensor or a NumPy array; is_finite: the function for it.
    """
    if name in IMAGES:
        return (values >= 0) & (values <= 1), "lie in [0, 1], without NaN; divide 8-bit images by 255"
    if name == STRUCTURE:
        return (values >= 0) & (values < structures), f"be in 0..{structures - 1}, indices of structures"
    if name in ANY:
        return True, "be integers"
    return is_finite(values), "be finite, without NaN"


def _refuse_counts(values, inputs):
    counts = tf.stack([tf.shape(value)[0] for value in values])
    sentence = COUNTS.format(", ".join(spec.name for spec in inputs))
    return _require((counts > 0) & (counts == counts[0]), sentence, counts)


def _refuse_values(values, name, structures):
    right, expected = _rule(values, name, structures, tf.math.is_finite)
    if right is True:
        return tf.no_op()
    return _require(right, VALUES.format(name, expected), (tf.reduce_min(values), tf.reduce_max(values)))


def _require(right, sentence, found):
    return tf.debugging.Assert(tf.reduce_all(right), [tf.strings.format(sentence, found)])
