"""The client: the arguments and results of `Integrator`, from this server in binary form and from any other as JSON."""

import json
import subprocess
import sys

import numpy as np
import pytest
from starlette.testclient import TestClient

from icell_tf.serve import Client
from icell_tf.serve.app import create_app
from icell_tf.serve.settings import Settings
from icell_tf.serve.tensors import BINARY

from ..conftest import LATENT, STRUCTURES
from ..made_up import knowing


class Through(Client):
    """A client that asks an application without sockets, and remembers the types of what it sent.

    Args: http: the application's; of_tensorflow: pass for TensorFlow Serving, which has no /health and takes JSON.
    """

    def __init__(self, http, of_tensorflow=False):
        super().__init__("http://localhost")
        self._through, self._of_tensorflow, self.sent = http, of_tensorflow, []

    def _send(self, method, path, body=None, headers=None):
        if self._of_tensorflow and path == "/health":
            return 404, b""
        self.sent += [headers["content-type"]] if method == "POST" else []
        answer = self._through.request(method, path, content=body, headers=headers)
        return answer.status_code, answer.content


@pytest.fixture(params=[BINARY, "application/json"])
def model(http, request):
    """A client of each kind of server."""
    client = Through(http, request.param != BINARY)
    yield client
    assert set(client.sent) <= {request.param}


CODES = np.linspace(-1, 1, 2 * LATENT, dtype=np.float32).reshape(2, LATENT)
CALLS = {
    "integrate": lambda model, x: model.integrate(x[..., :2]),
    "integrate with draws": lambda model, x: model.integrate(x[..., :2], samples=3, seed=4),
    "encode_reference": lambda model, x: model.encode_reference(x[..., :2]),
    "encode": lambda model, x: model.encode(x),
    "classify": lambda model, x: model.classify(x),
    "reconstruct": lambda model, x: model.reconstruct(x.astype(float)),
    "decode": lambda model, x: model.decode(np.eye(3)[1], CODES, np.zeros(LATENT)),
    "sample": lambda model, x: model.sample([0, 2], seed=7),
    "sample by seeds": lambda model, x: model.sample([0, 2], seed=[5, 5]),
    "draw": lambda model, x: dict(enumerate(model.draw(x[..., :2], 2, seed=3))),
    "draw of one structure": lambda model, x: dict(enumerate(model.draw(x[..., :2], 2, seed=[3, 4, 5, 6], y=[0] * 4))),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_results_are_those_of_the_integrator(model, integrator, x_rs, call):
    found, expected = call(model, x_rs), call(integrator, x_rs)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == np.float32 or name in ("mean", "std")
        np.testing.assert_allclose(found[name], array, atol=1e-5)


@pytest.mark.parametrize("of_tensorflow", [False, True])
def test_unknown_cells_are_told_by_both_servers(integrator, x_rs, of_tensorflow):
    with_threshold = knowing(integrator, x_rs)
    with TestClient(create_app(with_threshold, Settings()), base_url="http://localhost") as http:
        found, expected = Through(http, of_tensorflow).classify(x_rs), with_threshold.classify(x_rs)
    assert found["unknown"].dtype == bool and set(expected["unknown"]) == {False, True}
    np.testing.assert_array_equal(found["unknown"], expected["unknown"])
    np.testing.assert_allclose(found["distance"], expected["distance"], rtol=1e-4)


def test_many_cells_are_sent_in_several_requests(model, integrator):
    y = np.arange(150) % len(STRUCTURES)
    np.testing.assert_allclose(model.sample(y)["z_r"], integrator.sample(y)["z_r"], atol=1e-5)
    assert len(model.sent) == 3


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda model, x: model.integrate(2 * x[..., :2]), r"x_r must lie in \[0, 1\], without NaN; divide 8-bit"),
        (lambda model, x: model.integrate(x), r"x_r has shape \(4, 32, 32, 3\), but must be"),
        (lambda model, x: model.integrate(x[:0, ..., :2]), "x_r"),
        (lambda model, x: model.sample([3]), "y must be in 0..2, indices of structures"),
        (lambda model, x: model.sample([0.5]), "y is float64, but must be integers"),
        (lambda model, x: model.classify((255 * x).astype(np.uint8)), "divide 8-bit images by 255"),
    ],
)
def test_refusals_are_errors_with_the_servers_sentence(model, x_rs, call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(model, x_rs)


def test_another_name_is_another_model(http, x_r):
    client = Through(http)
    client.name = "half"
    with pytest.raises(ValueError, match="Servable not found for request: half"):
        client.integrate(x_r)


def test_answers_that_are_no_sentence(monkeypatch, x_r):
    client = Client("http://localhost")
    monkeypatch.setattr(client, "_send", lambda *_: (502, b"<html>"))
    with pytest.raises(ValueError, match="the server answers with status 502"):
        client.integrate(x_r)


def test_no_server(x_r):
    with Client("http://127.0.0.1:9", timeout=5) as client, pytest.raises(ConnectionError, match="127.0.0.1:9 can't"):
        client.integrate(x_r)


def test_it_needs_neither_tensorflow_nor_the_server():
    code = "import json, sys; from icell_tf.serve import Client; Client('http://a'); print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "fastapi", "granian"} & set(json.loads(done.stdout))
