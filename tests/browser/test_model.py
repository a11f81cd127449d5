"""The functions of a model in the page: by ONNX graphs, and by a server in both forms."""

import json

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from icell_tf.serve import site

from .arrays import found, given, run

CLOSE, COUNT = 1e-4, 3
FUNCTIONS = "integrate integrate_draw draw encode_reference encode classify reconstruct decode sample".split()
OPEN = """
const config = argument.config ?? await (await fetch("explorer.json")).json();
const { openModel } = await import("./model.js");
"""
CALL = f"{OPEN} const model = await openModel(config);"


def inputs_of(networks, function):
    rng, inputs = np.random.default_rng(1), {}
    for spec in networks.inputs[function]:
        integers = {"y": [2, 0, 1], "seed": [5, -(2**40) - 3, 2**33], "draw": [0, 3, 11]}
        images = rng.random((COUNT, *spec.shape[1:]), np.float32)
        inputs[spec.name] = np.array(integers[spec.name]) if spec.name in integers else images
    return inputs


def answers_of(networks, function, inputs):
    made = networks.functions[function](**{name: tf.constant(values) for name, values in inputs.items()})
    return {name: value.numpy() for name, value in made.items() if value.dtype != tf.string}


def require_equal(made, expected):
    assert made.keys() == expected.keys()
    for name, values in expected.items():
        assert found(made[name]).shape == values.shape
        assert np.abs(found(made[name]) - values).max() <= CLOSE, name
        assert values.std() > 20 * CLOSE, name  # else the comparison says little


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_graph_in_the_page_answers_as_the_model_does(small_page, make_model, function):
    networks = make_model().networks
    inputs = inputs_of(networks, function)
    code = f"{CALL} return plains(await model.call(argument.name, tensors(argument.inputs)));"
    made = run(small_page, code, {"name": function, "inputs": {name: given(values) for name, values in inputs.items()}})
    require_equal(made, answers_of(networks, function, inputs))


def test_calls_are_answered_in_their_order_and_loading_is_reported(small_page, make_model):
    networks = make_model().networks
    inputs = {name: given(values) for name, values in inputs_of(networks, "encode_reference").items()}
    code = f"""{OPEN} const seen = [], order = [];
        const model = await openModel(config, (progress) => seen.push(progress));
        const call = (i) => model.call("encode_reference", tensors(argument)).then(() => order.push(i));
        await Promise.all([0, 1, 2].map(call));
        return {{ seen, order }};"""
    done = run(small_page, code, inputs)
    assert done["order"] == [0, 1, 2]
    for what in ("runtime", "encode_reference"):
        of = [progress for progress in done["seen"] if progress["what"] == what]
        loaded = [progress["loaded"] for progress in of]
        assert loaded == sorted(loaded) and of[-1]["loaded"] == of[-1]["total"] > 0
    assert {progress["what"] for progress in done["seen"]} == {"runtime", "encode_reference"}


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_server_is_asked_as_tensorflow_serving(blank, make_model, small_cells, function, binary):
    networks = make_model().networks
    inputs, asked = inputs_of(networks, function), []

    def answer(route):
        outputs, body = answers_of(networks, function, inputs), route.request.post_data_buffer
        if binary:
            length = int.from_bytes(body[:8], "little")
            name = json.loads(body[8 : 8 + length])["__metadata__"]["signature_name"]
            asked.append((name, safetensors.numpy.load(body)))
            route.fulfill(body=safetensors.numpy.save(outputs), content_type="application/x-safetensors")
            return
        content = json.loads(body)
        asked.append((content["signature_name"], {key: np.array(value) for key, value in content["inputs"].items()}))
        columns = {name: values.tolist() for name, values in outputs.items()}
        if function in ("integrate", "integrate_draw", "classify"):
            columns["names"] = [list(networks.structures)] * COUNT
        if len(columns) == 1:  # TensorFlow Serving names several outputs only
            (columns,) = columns.values()
        route.fulfill(json={"outputs": columns})

    blank.route("**/v1/models/integrator:predict", answer)
    config = site.describe(make_model(), "small", small_cells, "rest") | {"binary": binary}
    code = f"{CALL} return plains(await model.call(argument.name, tensors(argument.inputs)));"
    sent = {name: given(values) for name, values in inputs.items()}
    made = run(blank, code, {"config": config, "name": function, "inputs": sent})
    require_equal(made, answers_of(networks, function, inputs))
    ((name, received),) = asked
    assert name == function and received.keys() == inputs.keys()
    for key, values in inputs.items():
        np.testing.assert_allclose(received[key], values, rtol=1e-7, atol=0)


def test_a_server_that_refuses_is_quoted_and_one_that_is_gone_is_missed(blank, wrong, make_model, small_cells):
    blank.route("**/v1/models/*", lambda route: route.fulfill(status=400, json={"error": "x_r is missing"}))
    blank.route("**/gone:predict", lambda route: route.abort())
    code = f"{CALL} return model.call('integrate', {{}}).catch((error) => error.message);"
    config = site.describe(make_model(), "small", small_cells, "rest")
    assert run(blank, code, {"config": config}) == "x_r is missing"
    assert "does not answer" in run(blank, code, {"config": config | {"predict": "models/gone"}})
    assert all(text.startswith("Failed to load resource") for text in wrong)
    wrong.clear()
