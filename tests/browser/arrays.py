"""Arrays into a page and out of it."""

import numpy as np

# What JavaScript needs for both: `tensor` makes one of what `given` returns, `plain` what `found` reads.
HELPERS = """
const { floats, integers } = await import("./tensors.js");
const tensor = ({ dims, values, integer }) => (integer ? integers(values) : floats(values, dims));
const tensors = (named) => Object.fromEntries(Object.entries(named).map(([key, value]) => [key, tensor(value)]));
const plain = ({ dims, data }) => ({ dims: [...dims], values: Array.from(data, (value) => Number(value)) });
const plains = (named) => Object.fromEntries(Object.entries(named).map(([key, value]) => [key, plain(value)]));
"""


def given(array):
    """An array as a page gets it: integers as texts, because JSON's numbers have 53 bits."""
    array = np.asarray(array)
    integer = array.dtype.kind == "i"
    values = array.ravel().tolist()
    return {"dims": list(array.shape), "values": [str(value) for value in values] if integer else values} | (
        {"integer": True} if integer else {}
    )


def found(tensor):
    """An array of what a page returns."""
    return np.array(tensor["values"], np.float64).reshape(tensor["dims"])


def run(page, code, argument=None):
    """Runs the body of an async function of `argument` in a page, with `HELPERS`, and returns what it returns."""
    return page.evaluate(f"async (argument) => {{ {HELPERS} {code} }}", argument)
