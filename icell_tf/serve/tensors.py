"""Arrays as bytes: JSON, and safetensors, the binary form."""

import json

import numpy as np
import orjson
import safetensors.numpy
from safetensors import SafetensorError

from icell_tf.serve.refusals import Refused

BINARY = "application/x-safetensors"


def json_value(body):
    """Parses JSON as TensorFlow Serving does, with NaN, Infinity and -Infinity. Raises: Refused."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" in body or b"Infinity" in body:  # tokens that are no JSON; Python's slow parser takes them
            try:
                return json.loads(body)
            except (ValueError, RecursionError):
                pass
        raise Refused(400, f"the request is no JSON: {error}") from error


def json_bytes(content):
    """Writes JSON, in which NumPy arrays are nested lists. Numbers that are not finite become null."""
    return orjson.dumps(content, default=_listed, option=orjson.OPT_SERIALIZE_NUMPY)


def _listed(value):
    if isinstance(value, np.ndarray):  # of texts, or not contiguous
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def pack(arrays, metadata=None):
    """Writes {name: array} as safetensors; texts are left out. Args: metadata: {text: text}."""
    numbers = {name: np.ascontiguousarray(array) for name, array in arrays.items() if array.dtype.kind in "iufb"}
    return safetensors.numpy.save(numbers, metadata)


def unpack(body):
    """Reads safetensors. Returns: {name: array}, {text: text}. Raises: Refused: it is something else."""
    try:
        arrays = safetensors.numpy.load(body)
        length = int.from_bytes(body[:8], "little")  # the header's, which `load` has found right
        return arrays, orjson.loads(body[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise Refused(400, f"the request is no safetensors that NumPy can hold: {error}") from error
