"""What a served model computes: its functions, with names, shapes and types of what they take and return."""

from dataclasses import dataclass

import numpy as np

from icell_tf.inference.checks import check_arrays

DEFAULT, DEFAULT_NAME = "integrate", "serving_default"  # the function that answers where a request names none
TEXT, INTEGER, FLOAT, TRUTH = "DT_STRING", "DT_INT64", "DT_FLOAT", "DT_BOOL"
_KINDS = {INTEGER: "iu", FLOAT: "iuf"}  # NumPy's, of the arrays that are taken for each; JSON writes 1.0 also as 1
_TYPES = {INTEGER: np.int64, FLOAT: np.float32}


@dataclass(frozen=True)
class Tensor:
    """An input or output of a function. Attributes: shape, without the batch axis; None where it varies; dtype."""

    shape: tuple
    dtype: str


@dataclass(frozen=True)
class Function:
    """A function of a model.

    Attributes:
      name: as in the SavedModel.
      call: from tensors by name to a dict of tensors.
      inputs, outputs: {name: `Tensor`}.
      structures: K, their number.
    """

    name: str
    call: object
    inputs: dict
    outputs: dict
    structures: int

    def arrays(self, values):
        """Returns a request's values as arrays of the types that the function takes, checked.

        Args: values: {name: array or nested lists}; other names than those of `inputs` are left out.
        Raises: ValueError: a missing input, or one that the function refuses; see `checks.check_arrays`.
        """
        missing = [name for name in self.inputs if name not in values]
        if missing:
            raise ValueError(f"{self.name} takes {', '.join(self.inputs)}, but {', '.join(missing)} is missing")
        arrays = {name: _array(values[name], name, tensor) for name, tensor in self.inputs.items()}
        check_arrays(arrays, {name: tensor.shape for name, tensor in self.inputs.items()}, self.structures)
        return {name: array.astype(_TYPES[self.inputs[name].dtype], copy=False) for name, array in arrays.items()}

    def examples(self, count):
        """Returns inputs for `count` cells, all 0, with which the function can be called before anybody asks."""
        return {name: np.zeros((count, *tensor.shape), _TYPES[tensor.dtype]) for name, tensor in self.inputs.items()}


def functions_of(integrator):
    """Returns {name: `Function`} of an `Integrator`, without the second name of the default one."""
    found = {}
    for name, call in integrator.backend.functions.items():
        if name == DEFAULT_NAME:
            continue
        # Networks have functions that are not traced yet, a SavedModel has signatures.
        graph = call.get_concrete_function() if hasattr(call, "get_concrete_function") else call
        inputs = graph.structured_input_signature
        inputs = {spec.name: spec for spec in (*inputs[0], *inputs[1].values())}
        found[name] = Function(
            name, call, _tensors(inputs), _tensors(graph.structured_outputs), len(integrator.structures)
        )
    return found


def _tensors(specs):
    types = {"string": TEXT, "int64": INTEGER, "float32": FLOAT, "bool": TRUTH}
    return {name: Tensor(tuple(spec.shape[1:]), types[spec.dtype.name]) for name, spec in sorted(specs.items())}


def _array(values, name, tensor):
    """Returns values as an array of numbers that `tensor` can take. Raises: ValueError: they are something else."""
    of_json = not isinstance(values, np.ndarray)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is no array: its lists have different lengths or depths") from error
    if array.size == 0:
        return array  # whose shape is refused
    if name in ("x_r", "x_rs") and not of_json and array.dtype.kind != "f":
        raise ValueError(f"{name} is {array.dtype}, but must be floats in [0, 1]: divide 8-bit images by 255")
    if array.dtype.kind not in _KINDS[tensor.dtype]:
        found = "something else than numbers" if array.dtype.kind in "OU" else str(array.dtype)
        expected = "integers of 64 bits" if tensor.dtype == INTEGER else "numbers"
        raise ValueError(f"{name} is {found}, but must be {expected}")
    if array.dtype == np.uint64 and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} has {array.max()}, but must be integers of 64 bits, below 2 to the power of 63")
    if tensor.dtype == FLOAT:
        with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, which is refused
            return array.astype(np.float32, copy=False)
    return array
