"""A client of `icell serve` and of TensorFlow Serving, for programs without TensorFlow."""

import json
from pathlib import Path

import numpy as np
import safetensors.numpy
import urllib3

from icell_tf.inference.moments import Moments
from icell_tf.serve.settings import CELLS
from icell_tf.serve.tensors import BINARY
from icell_tf.spec import at_once

INTEGERS = ("y", "seed", "draw")


class Client:
    """Asks a served model, with the arguments and results of `Integrator`, in NumPy.

    Arrays go to `icell serve` in binary form, and to TensorFlow Serving as JSON, which takes three to five times the
    bytes. Many cells are sent in several requests.

    Args:
      url: of the server, such as http://localhost:8501.
      name: of the model.
      timeout: seconds to wait for an answer.

    Its methods raise ValueError with the server's sentence where the server refuses a request, ConnectionError if there
    is no server, and TimeoutError if it does not answer in time.
    """

    def __init__(self, url, name="integrator", timeout=120):
        self.url, self.name, self._about = url.rstrip("/"), name, None
        self._http = urllib3.PoolManager(timeout=timeout, retries=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connections."""
        self._http.clear()

    def integrate(self, x_r, samples=0, seed=0):
        """Predicts every structure in every cell; see `Integrator.integrate`."""
        result = self._call("integrate", x_r=x_r)
        moments = Moments()
        for drawn in self.draw(x_r, samples, seed):
            moments.add(drawn)
        return result | ({"mean": moments.mean, "std": moments.std} if samples else {})

    def draw(self, x_r, count, seed=0, y=None):
        """Draws every structure in every cell, or the structures y; see `Integrator.draw`."""
        name, output, chosen = ("integrate_draw", "structures", {}) if y is None else ("draw", "structure", {"y": y})
        for i in range(count):
            seeds = np.broadcast_to(seed, len(x_r))
            yield self._call(name, x_r=x_r, **chosen, seed=seeds, draw=np.full(len(x_r), i))[output]

    def encode_reference(self, x_r):
        """Codes cell and nuclear shape; see `Integrator.encode_reference`."""
        return self._call("encode_reference", x_r=x_r)

    def encode(self, x_rs):
        """Codes a cell with its structure; see `Integrator.encode`."""
        return self._call("encode", x_rs=x_rs)

    def classify(self, x_rs):
        """Says which structure the structure channel shows; see `Integrator.classify`."""
        return self._call("classify", x_rs=x_rs)

    def reconstruct(self, x_rs):
        """Encodes and decodes; see `Integrator.reconstruct`."""
        return self._call("reconstruct", x_rs=x_rs)

    def decode(self, probabilities, z_r, z_s):
        """Decodes cells at given codes; see `Integrator.decode`."""
        given = {"probabilities": probabilities, "z_r": z_r, "z_s": z_s}
        given = {name: np.atleast_2d(np.asarray(array, np.float32)) for name, array in given.items()}
        count = max(map(len, given.values()))
        given = {name: np.repeat(array, count, axis=0) if len(array) == 1 else array for name, array in given.items()}
        return self._call("decode", **given)

    def sample(self, y, seed=0):
        """Draws new cells; see `Integrator.sample`."""
        seed = np.asarray(seed)
        return self._call("sample", y=y, seed=seed + np.arange(len(y)) if seed.ndim == 0 else seed)

    def integrate_stack(self, path, segmentation=None, **fields):
        """Predicts every structure in the cell of a stack, as `icell integrate` does. TensorFlow Serving can't.

        Args:
          path: the stack, one file.
          segmentation: its file of masks, which may be the stack. None: the stack is 0 outside its cell, or the field
            segmentation_channels says which of its channels are the masks.
          fields: the others of POST /integrate, which are spelt as the flags of the command:
            channels="membrane:0,nucleus:1", pixel_size=(0.3, 0.1, 0.1), samples=8, seed=1, original_frame=True.

        Returns: the arrays `image` (..., C), `structures` (..., K), `z_r` (Z,), with samples `mean` and `std`, and with
          a structure channel `probabilities` (K,); with such a channel, if the model can tell, `unknown`, a bool, and
          `distance`, a float, as of `classify`; the lists `names` of the structures, `channels` of the image,
          `pixel_size`, and `guesses`, sentences on what was guessed in the files; `spec`, a dict; and `name`.
        """
        given = {name: _as_text(value) for name, value in fields.items() if value is not None}
        for name, file in (("stack", path), ("segmentation", segmentation)):
            if file is not None:
                given[name] = (Path(file).name, Path(file).read_bytes())
        body, kind = urllib3.encode_multipart_formdata(given)
        body = _checked(*self._send("POST", "/integrate", body, {"content-type": kind, "accept": BINARY}))
        header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
        about = {name: json.loads(text) for name, text in header["__metadata__"].items()}
        return safetensors.numpy.load(body) | about

    def _call(self, function, **inputs):
        """Asks for a function, in as many requests as the server needs; joins the answers."""
        inputs = {name: _array(name, values) for name, values in inputs.items()}
        count, most = max(map(len, inputs.values())), self._cells(inputs)
        parts = []
        for i in range(0, max(count, 1), most):  # one request also for no cells, which the server refuses
            part = {name: array[i : i + most] for name, array in inputs.items()}
            parts.append(self._ask(function, part))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _cells(self, inputs):
        images = [array.shape[1:-1] for name, array in inputs.items() if name in ("x_r", "x_rs") and array.ndim > 2]
        return self.about.get("cells") or (at_once(CELLS, images[0]) if images else CELLS)

    @property
    def about(self):
        """What the server says of itself at /health; {} of TensorFlow Serving, which has no such page."""
        if self._about is None:
            status, body = self._send("GET", "/health")
            self._about = json.loads(body) if status == 200 else {}
        return self._about

    def _ask(self, function, inputs):
        path = f"/v1/models/{self.name}:predict"
        if self.about.get("binary"):
            contiguous = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
            body = safetensors.numpy.save(contiguous, {"signature_name": function})
            answer = self._send("POST", path, body, {"content-type": BINARY, "accept": BINARY})
            return safetensors.numpy.load(_checked(*answer))
        content = {"signature_name": function, "inputs": {name: array.tolist() for name, array in inputs.items()}}
        answer = self._send("POST", path, json.dumps(content).encode(), {"content-type": "application/json"})
        outputs = json.loads(_checked(*answer))["outputs"]
        if not isinstance(outputs, dict):  # the name of an only output is left out
            outputs = {self._outputs(function)[0]: outputs}
        arrays = {name: np.asarray(values) for name, values in outputs.items()}
        return {name: _array(name, array) for name, array in arrays.items() if array.dtype.kind in "fb"}  # no texts

    def _outputs(self, function):
        """Returns the names of a function's outputs."""
        found = json.loads(_checked(*self._send("GET", f"/v1/models/{self.name}/metadata")))
        return list(found["metadata"]["signature_def"]["signature_def"][function]["outputs"])

    def _send(self, method, path, body=None, headers=None):
        """Returns the status and the body of an answer."""
        try:
            answer = self._http.request(method, self.url + path, body=body, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            late = isinstance(error, urllib3.exceptions.TimeoutError)
            if late and not isinstance(error, urllib3.exceptions.NewConnectionError):  # which is one of the former
                raise TimeoutError(f"{self.url} did not answer in time") from error
            raise ConnectionError(f"{self.url} can't be asked: {error}") from error
        return answer.status, answer.data


def _array(name, values):
    array = np.asarray(values)
    if name in INTEGERS:
        return array.astype(np.int64) if array.dtype.kind in "iu" else array
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _as_text(value):
    """Returns the value of a field as the command's flag has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _checked(status, body):
    """Returns the body of an answer. Raises: ValueError: it is an error, with the server's sentence."""
    if status == 200:
        return body
    try:
        sentence = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        sentence = f"the server answers with status {status}"
    raise ValueError(sentence)
