"""TensorFlow Serving's REST API: each form of its requests and answers, and what it refuses."""

import json

import numpy as np
import pytest

from icell_tf.serve.tensors import BINARY, pack, unpack

from ..conftest import LATENT, SIZE, STRUCTURES

PREDICT = "/v1/models/integrator:predict"
K = len(STRUCTURES)


def ask(http, path=PREDICT, status=200, **content):
    """Posts JSON as `curl -d` does, and returns the answer's."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = http.post(path, content=json.dumps(content), headers=form)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_status_is_that_of_tensorflow_serving(http):
    expected = [{"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]
    for path in ("/v1/models/integrator", "/v1/models/integrator/versions/3"):
        assert http.get(path).json() == {"model_version_status": expected}


def test_names_that_are_no_text_are_said_as_escapes(http):
    body = (
        r'{"signature_name": "integrate", "instances": [{"\ud800": NaN}]}'  # half a surrogate pair, which UTF-8 has not
    )
    answer = http.post(PREDICT, content=body)
    assert answer.status_code == 400 and answer.json()["error"].startswith(r"element 0 of 'instances' has \ud800,")


def test_metadata_describes_each_signature(http, integrator):
    for path in ("/v1/models/integrator/metadata", "/v1/models/integrator/versions/3/metadata"):
        answer = http.get(path).json()
        assert answer["model_spec"] == {"name": "integrator", "signature_name": "", "version": "3"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures.keys() == {*integrator.networks.functions, "serving_default"}
    assert signatures["serving_default"]["inputs"].keys() == {"x_r"}
    of_draw = signatures["draw"]["inputs"]
    assert of_draw.keys() == {"x_r", "y", "seed", "draw"} and of_draw["y"]["dtype"] == "DT_INT64"
    sizes = [dim["size"] for dim in of_draw["x_r"]["tensor_shape"]["dim"]]
    assert sizes == ["-1", str(SIZE), str(SIZE), "2"]
    assert signatures["classify"]["outputs"]["structure"]["dtype"] == "DT_STRING"
    assert signatures["classify"]["method_name"] == "tensorflow/serving/predict"


def test_an_export_is_described_as_its_networks_are(app, make_export):
    from icell_tf.inference.loading import load
    from icell_tf.serve.functions import functions_of

    exported = functions_of(load(make_export()))
    for name, function in app.state.service.functions.items():
        assert exported[name].inputs == function.inputs and exported[name].outputs.keys() == function.outputs.keys()


def test_columns_with_names(http, integrator, x_r):
    answer = ask(http, inputs={"x_r": x_r.tolist()})
    assert answer.keys() == {"outputs"} and answer["outputs"].keys() == {"structures", "z_r", "names"}
    expected = integrator.integrate(x_r)
    np.testing.assert_allclose(answer["outputs"]["structures"], expected["structures"], atol=1e-5)
    assert answer["outputs"]["names"] == [list(STRUCTURES)] * len(x_r)


def test_columns_of_an_only_input_and_output_need_no_name(http, integrator, x_r):
    answer = ask(http, inputs=x_r.tolist(), signature_name="encode_reference")
    np.testing.assert_allclose(answer["outputs"], integrator.encode_reference(x_r)["z_r"], atol=1e-5)


def test_rows_with_names(http, integrator):
    rows = [{"y": 1, "seed": 5}, {"y": 2, "seed": 5}]
    answer = ask(http, instances=rows, signature_name="sample")
    expected = integrator.sample([1, 2], [5, 5])
    assert [row.keys() for row in answer["predictions"]] == [expected.keys()] * 2
    np.testing.assert_allclose([row["x_rs"] for row in answer["predictions"]], expected["x_rs"], atol=1e-5)


def test_rows_of_an_only_input_and_output_need_no_name(http, integrator, x_r):
    answer = ask(http, instances=x_r.tolist(), signature_name="encode_reference")
    np.testing.assert_allclose(answer["predictions"], integrator.encode_reference(x_r)["z_r"], atol=1e-5)


def test_texts_are_texts(http, x_rs, integrator):
    answer = ask(http, instances=[{"x_rs": x} for x in x_rs.tolist()], signature_name="classify")
    likeliest = integrator.classify(x_rs)["probabilities"].argmax(axis=1)
    assert [row["structure"] for row in answer["predictions"]] == [STRUCTURES[k] for k in likeliest]


def test_a_version_can_be_named(http, x_r):
    assert "outputs" in ask(http, "/v1/models/integrator/versions/3:predict", inputs=x_r.tolist())


def test_whole_numbers_stand_for_floats_too(http):
    codes = {"probabilities": [[1, 0, 0]], "z_r": [[0] * LATENT], "z_s": [[0] * LATENT]}
    assert np.shape(ask(http, inputs=codes, signature_name="decode")["outputs"]) == (1, SIZE, SIZE, 3)


def test_what_is_no_input_is_ignored_in_columns(http):
    assert ask(http, inputs={"y": [0], "seed": [1], "more": [2]}, signature_name="sample").keys() == {"outputs"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "must have one of 'instances' and 'inputs', but has 0"),
        ({"inputs": {}, "instances": []}, "but has 2"),
        ({"inputs": {"x_r": [[0.5]]}}, "x_r has shape (1, 1), but must be (B, 32, 32, 2)"),
        ({"inputs": {}}, "integrate takes x_r, but x_r is missing"),
        ({"inputs": [0], "signature_name": "sample"}, "'inputs' must be an object, as sample takes seed, y"),
        (
            {"inputs": {"y": [0], "seed": [1]}, "signature_name": "smaple"},
            "the model has no signature 'smaple'; it has",
        ),
        ({"inputs": {}, "signature_name": 3}, "signature_name must be a text, but is 3"),
        ({"inputs": {"y": [K], "seed": [1]}}, "y must be in 0..2, indices of structures; it ranges from 3 to 3"),
        ({"inputs": {"y": [0.5], "seed": [1]}}, "y is float64, but must be integers of 64 bits"),
        ({"inputs": {"y": ["0"], "seed": [1]}}, "y is something else than numbers, but"),
        ({"inputs": {"y": [None], "seed": [1]}}, "y is something else than numbers, but"),
        ({"inputs": {"y": [True], "seed": [1]}}, "y is bool, but must be integers"),
        ({"inputs": {"y": [0], "seed": [2**63]}}, "seed has 9223372036854775808, but must be integers of 64 bits"),
        ({"inputs": {"y": [0], "seed": [2**70]}}, "seed is float64, but must be integers"),
        ({"inputs": {"y": 0, "seed": 0}}, "seed has shape (), but must be (B)"),
        ({"inputs": {"y": [], "seed": []}}, "seed, y: as many cells of each must be given, at least one"),
        ({"inputs": {"y": [0, 1], "seed": [1]}}, "but there are [1 2]"),
        ({"inputs": {"y": [0, [1]], "seed": [1]}}, "y is no array: its lists have different lengths or depths"),
        ({"inputs": {"y": [0] * 65, "seed": [0] * 65}}, "the request has 65 cells, but may have 64"),
        ({"instances": []}, "'instances' must be a list of at least one cell"),
        ({"instances": {"y": 0}}, "'instances' must be a list of at least one cell"),
        ({"instances": [{"y": 0, "seed": 1}, {"y": 0}]}, "element 1 of 'instances' has y, but must have seed, y"),
        ({"instances": [{"y": 0, "seed": 1}, 5]}, "element 1 of 'instances' has no object"),
        ({"instances": [1, 2]}, "'inputs' must be an object"),
    ],
)
def test_what_is_wrong_is_said(http, content, sentence):
    found = content.get("inputs") or content.get("instances")
    if "signature_name" not in content and found and "x_r" not in found:
        content = {**content, "signature_name": "sample"}
    answer = ask(http, status=400, **content)
    assert answer.keys() == {"error"} and sentence in answer["error"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"inputs": NaN', "is no JSON"),
        (b"[1]", "must be a JSON object"),
        (
            b'{"signature_name": "encode_reference", "inputs": [' + b"0," * 500_000 + b"0]}",
            "more numbers than 64 cells",
        ),
    ],
)
def test_malformed_bodies_are_refused(http, body, sentence):
    answer = http.post(PREDICT, content=body)
    assert answer.status_code == 400 and sentence in answer.json()["error"]


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_tokens_that_are_no_numbers_are_read_and_refused(http, x_r, token):
    body = json.dumps({"inputs": {"x_r": x_r.tolist()}}).replace("0.", f"{token}, 0.", 1).replace(f"{token}, ", "")
    number = body[body.index("0.") : body.index(",", body.index("0."))]
    answer = http.post(PREDICT, content=body.replace(number, token, 1))
    assert answer.status_code == 400 and "x_r must lie in [0, 1], without NaN" in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/v1/models/half", 404, "Servable not found for request: half; this server has integrator"),
        ("POST", "/v1/models/half:predict", 404, "Servable not found"),
        ("GET", "/v1/models/integrator/versions/4", 404, "there is no version 4 of integrator: this server has 3"),
        ("POST", "/v1/models/integrator/versions/4:predict", 404, "there is no version 4"),
        ("GET", "/v1/models/integrator/labels/stable", 400, "Malformed request: GET /v1/models/integrator/labels/stab"),
        ("GET", "/v1/models", 400, "Malformed request"),
        ("PUT", "/v1/models/integrator", 400, "Malformed request"),
        ("POST", "/v1/models/integrator:classify", 400, "ask this one by predict"),
        ("POST", "/v1/models/integrator/versions/3:regress", 400, "ask this one by predict"),
        ("GET", "/elsewhere", 404, "Not Found: GET /elsewhere"),
    ],
)
def test_other_paths_have_tensorflow_servings_status(http, method, path, status, sentence):
    answer = http.request(method, path)
    assert answer.status_code == status and sentence in answer.json()["error"]


def test_binary_requests_and_answers(http, integrator, x_r):
    inputs = {"x_r": x_r, "y": np.array([0, 1, 2, 0]), "seed": np.arange(4), "draw": np.zeros(4, np.int64)}
    body = pack(inputs, {"signature_name": "draw"})
    answer = http.post(PREDICT, content=body, headers={"content-type": BINARY, "accept": BINARY})
    assert answer.headers["content-type"] == BINARY
    arrays, _ = unpack(answer.content)
    (expected,) = integrator.draw(x_r, 1, np.arange(4), [0, 1, 2, 0])
    np.testing.assert_allclose(arrays["structure"], expected, atol=1e-5)


def test_each_form_of_request_can_have_each_form_of_answer(http, integrator, x_r):
    z_r = integrator.encode_reference(x_r)["z_r"]
    binary = {
        "content": pack({"x_r": x_r}, {"signature_name": "encode_reference"}),
        "headers": {"content-type": BINARY},
    }
    np.testing.assert_allclose(http.post(PREDICT, **binary).json()["outputs"], z_r, atol=1e-5)
    content = json.dumps({"signature_name": "encode_reference", "instances": x_r.tolist()})
    answer = http.post(PREDICT, content=content, headers={"accept": f"{BINARY}, */*"})
    np.testing.assert_allclose(unpack(answer.content)[0]["z_r"], z_r, atol=1e-5)


def test_texts_are_left_out_of_binary_answers(http, x_rs):
    headers = {"content-type": f"{BINARY}; v=1", "accept": BINARY}
    answer = http.post(PREDICT, content=pack({"x_rs": x_rs}, {"signature_name": "classify"}), headers=headers)
    assert unpack(answer.content)[0].keys() == {"probabilities"}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "no safetensors"),
        (b"\xff" * 100, "no safetensors"),
        (pack({"x_r": np.zeros((1, SIZE, SIZE, 2), np.float32)})[:-1], "no safetensors"),
        (pack({"x_r": np.zeros((1, SIZE, SIZE, 2), np.uint8)}), "x_r is uint8, but must be floats in [0, 1]: divide"),
        (pack({"x_r": np.full((1, SIZE, SIZE, 2), np.nan, np.float32)}), "x_r must lie in [0, 1], without NaN"),
        (pack({"x_rs": np.zeros(1)}), "integrate takes x_r, but x_r is missing"),
    ],
)
def test_binary_requests_that_are_wrong(http, body, sentence):
    answer = http.post(PREDICT, content=body, headers={"content-type": BINARY})
    assert answer.status_code == 400 and sentence in answer.json()["error"]
