"""Requests for a prediction whose head is right and whose body is wrong. Each must be answered 4xx."""

import gzip
import json
import struct

import numpy as np

from icell_tf.serve.tensors import BINARY, pack

from .good import JSON, PREDICT
from .wire import request

SIGNATURES = (
    "",
    "none",
    "Integrate",
    "serving_default ",
    "__init__",
    "../integrate",
    "a" * 100_000,
    "\ud800",
    "\0",
    "ä",
)
NO_TEXTS = (0, 1.5, None, True, [], ["integrate"], {}, {"a": 1}, [[1] * 2000])
NO_NUMBERS = ("a", "1", "", None, {}, {"b64": "AAAA"}, [], [1, 2], "\ud800")
NO_FLOATS = (1e39, -1e39, 1e300)
NO_INDICES = (-1, 10**6, 10**18, 2**63, 2**64, -(2**63), 1.5, 1e300)
BEYOND = (-0.001, 1.001, 255, 65535, -1e30, 1e39)
TOKENS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e999", "9" * 400, "0x10", "01", "1.", ".5", "+1", "1_000", "nan")


def _post(content, media=JSON):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return request(PREDICT, body, [("Content-Type", media)])


def _columns(rng, subject):
    """Returns the content of a good request in columns, and its inputs {name: array}, some of which to spoil."""
    function, values = subject.values(rng)
    return {"signature_name": function}, values


def _spoilt(rng, subject, spoil):
    """A good request, one of whose inputs is replaced by `spoil` of its array."""
    content, values = _columns(rng, subject)
    name = rng.choice(sorted(values))
    lists = {key: array.tolist() for key, array in values.items()}
    return _post(content | {"inputs": lists | {name: spoil(values[name])}})


def _put(array, rng, value):
    """Returns an array as lists, with a value in place of one of its numbers."""
    lists = inner = array.tolist()
    while isinstance(inner[0], list):
        inner = rng.choice(inner)
    inner[rng.randrange(len(inner))] = value
    return lists


def no_json(rng, subject):
    return _post(
        rng.choice((b"", b" ", b"x", b"{", b"}", b"[}", b"{'a': 1}", b'{"a" 1}', b"<a/>", b"\x00", b"// x\n{}"))
    )


def no_object(rng, subject):
    return _post(rng.choice((b"[]", b"1", b'"a"', b"null", b"true", b"[{}]", b"{}", b'{"a": {}}', b'{"": 0}')))


def cut(rng, subject):
    body = subject.good_json(rng)
    return _post(body[: rng.randrange(len(body))])


def followed_by_more(rng, subject):
    return _post(subject.good_json(rng) + rng.choice((b"{}", b"x", b"]", b",", b"\x00")))


def no_utf8(rng, subject):
    body = subject.good_json(rng)
    at = rng.randrange(1, len(body))
    return _post(body[:at] + rng.choice((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80")) + body[at:])


def other_encoding(rng, subject):
    text = subject.good_json(rng).decode()
    return _post(
        rng.choice(
            (text.encode("utf-16"), text.encode("utf-32"), text.encode("utf-8-sig"), gzip.compress(text.encode()))
        )
    )


def random_bytes(rng, subject):
    return _post(rng.randbytes(rng.randint(1, 5000)), rng.choice((JSON, BINARY, "text/plain")))


def deep(rng, subject):
    depth = rng.choice((65, 100, 500, 1000, 1020, 1025, 5000, 200_000))
    start, end = rng.choice((("[", "]"), ('{"x_r":', "}")))
    return _post(f'{{{rng.choice(("", NAN))}"inputs": {start * depth}1{end * depth}}}'.encode())


NAN = '"a": NaN, '  # for which another parser is used


def wrong_signature(rng, subject):
    content = {"signature_name": rng.choice(SIGNATURES + NO_TEXTS), "inputs": [1]}
    return _post(content)


def wrong_form(rng, subject):
    content, values = _columns(rng, subject)
    lists = {name: array.tolist() for name, array in values.items()}
    wrong = rng.choice(({}, {"inputs": lists, "instances": [lists]}, {"input": lists}, {"instance": [lists]}))
    return _post(content | wrong)


def twice(rng, subject):
    """A key that stands there twice; the last one, which counts, is wrong."""
    name, values = subject.values(rng)
    good = json.dumps({key: array.tolist() for key, array in values.items()})
    return _post(
        f'{{"signature_name": "{name}", "inputs": {good}, "inputs": {rng.choice(("{}", "null", "[]"))}}}'.encode()
    )


def wrong_rows(rng, subject):
    content, values = _columns(rng, subject)
    row = {name: array[0].tolist() for name, array in values.items()}
    rows = (
        None,
        {},
        [],
        1,
        "a",
        [{}],
        [row, {}],
        [row, 1],
        [row, None],
        [row | {"more": 1}],
        row,
        [row, row | {"\ud800": 1}],
    )
    return _post(content | {"instances": rng.choice(rows)})


def odd_names(rng, subject):
    """Names that no text may have, in JSON that only Python's parser takes."""
    name = rng.choice(("\\ud800", "\\udfff", "\\u0000", "a" * 10_000))
    return _post(f'{{"signature_name": "integrate", "instances": [{{"{name}": NaN}}]}}'.encode())


def missing_input(rng, subject):
    content, values = _columns(rng, subject)
    lists = {name: array.tolist() for name, array in values.items()}
    lists.pop(rng.choice(sorted(lists)))
    return _post(content | {"inputs": lists})


def wrong_shape(rng, subject):
    def spoil(array):
        shapes = [array[None], array[..., None], array[:0], array[0]]
        if array.ndim > 1:
            shapes += [
                array[:, :-1],
                array[:, :0],
                np.concatenate([array, array], axis=1),
                array.reshape(len(array), 1, -1),
            ]
        return rng.choice(shapes).tolist()

    return _spoilt(rng, subject, spoil)


def ragged(rng, subject):
    return _spoilt(rng, subject, lambda array: _put(array, rng, rng.choice(([1], [1, 2], [[]]))))


def other_counts(rng, subject):
    content, values = "draw", subject.values(rng, "draw")[1]
    name = rng.choice(sorted(values))
    values[name] = np.concatenate([values[name]] * 2)
    return _post({"signature_name": content, "inputs": {key: array.tolist() for key, array in values.items()}})


def too_many_cells(rng, subject):
    count = subject.cells + rng.randint(1, 1000)
    return _post({"signature_name": "sample", "inputs": {"y": [0] * count, "seed": [0] * count}})


def too_many_numbers(rng, subject):
    return _post(b'{"inputs": [' + b"0," * rng.randint(5_000_000, 10_000_000) + b"0]}")


def no_numbers(rng, subject):
    return _spoilt(rng, subject, lambda array: _put(array, rng, rng.choice(NO_NUMBERS)))


def no_array(rng, subject):
    return _spoilt(rng, subject, lambda array: rng.choice(NO_NUMBERS + (0, 1.5)))


def beyond_the_range(rng, subject):
    _, values = subject.values(rng, "integrate")
    return _post({"signature_name": "integrate", "inputs": {"x_r": _put(values["x_r"], rng, rng.choice(BEYOND))}})


def beyond_float32(rng, subject):
    values = {name: array.tolist() for name, array in subject.values(rng, "decode")[1].items()}
    name = rng.choice(sorted(values))
    values[name] = _put(np.asarray(values[name]), rng, rng.choice(NO_FLOATS))
    return _post({"signature_name": "decode", "inputs": values})


def no_index(rng, subject):
    return _post({"signature_name": "sample", "inputs": {"y": [rng.choice(NO_INDICES)], "seed": [1]}})


def no_seed(rng, subject):
    seed = rng.choice((2**63, 2**64, 1.5, 1e300, -(2**64), "1", None, True))
    return _post({"signature_name": "sample", "inputs": {"y": [0], "seed": [seed]}})


def tokens(rng, subject):
    """Numbers that JSON has not, and those that are infinite."""
    name, values = subject.values(rng)
    if not (floats := [key for key, array in values.items() if array.dtype.kind == "f"]):
        floats = sorted(values)
    key = rng.choice(floats)
    values = {name: array.tolist() for name, array in values.items()} | {key: _put(values[key], rng, "@")}
    return _post(json.dumps({"signature_name": name, "inputs": values}).replace('"@"', rng.choice(TOKENS)).encode())


def wrong_media(rng, subject):
    name, values = subject.values(rng)
    binary = pack(values, {"signature_name": name})
    return rng.choice((_post(binary, rng.choice((JSON, "text/plain", ""))), _post(subject.good_json(rng), BINARY)))


def binary_cut(rng, subject):
    name, values = subject.values(rng)
    body = pack(values, {"signature_name": name})
    return _post(body[: rng.randrange(len(body))], BINARY)


def binary_header_lies(rng, subject):
    """A header of another length, or that says something else about the data."""
    name, values = subject.values(rng, "integrate")
    body = pack(values, {"signature_name": name})
    length = struct.unpack("<Q", body[:8])[0]
    data = values["x_r"].nbytes
    shape = list(values["x_r"].shape)
    about = {"dtype": "F32", "shape": shape, "data_offsets": [0, data]}
    lies = (
        about | {"shape": [2**62, *shape[1:]]},
        about | {"shape": [-1, *shape[1:]]},
        about | {"shape": shape[1:]},
        about | {"shape": "x"},
        about | {"dtype": rng.choice(("F64", "I32", "BF16", "F8_E4M3", "C64", "float32", "", None, 3))},
        about | {"data_offsets": [0, data + rng.randint(1, 2**40)]},
        about | {"data_offsets": [data, 0]},
        about | {"data_offsets": [4, data]},
        about | {"data_offsets": [0.5, data]},
        {"dtype": "F32"},
        [],
        None,
    )
    header = json.dumps({"x_r": rng.choice(lies)}).encode()
    lengths = (0, 1, length - 1, length + 1, len(body), 10**8, 2**31, 2**63, 2**64 - 1)
    wrong_length = struct.pack("<Q", rng.choice(lengths)) + body[8:]
    return _post(rng.choice((wrong_length, struct.pack("<Q", len(header)) + header + body[8 + length :])), BINARY)


def binary_type(rng, subject):
    name, values = subject.values(rng)
    key = rng.choice(sorted(values))
    integers = values[key].dtype.kind in "iu"
    values[key] = values[key].astype(rng.choice((np.bool_, np.float32) if integers else (np.bool_,)))
    return _post(pack(values, {"signature_name": name}), BINARY)


def binary_values(rng, subject):
    name, values = subject.values(rng, rng.choice(("integrate", "decode")))
    key = rng.choice(sorted(values))
    values[key] = values[key].copy()
    values[key].flat[rng.randrange(values[key].size)] = rng.choice((np.nan, np.inf, -np.inf))
    return _post(pack(values, {"signature_name": name}), BINARY)


def binary_signature(rng, subject):
    about = rng.choice(({"signature_name": "none"}, {"signature_name": ""}, {"signature_name": "a" * 10_000}))
    return _post(pack(subject.values(rng)[1], about), BINARY)
