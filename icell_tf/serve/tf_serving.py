"""TensorFlow Serving's REST API, so that whatever talks to TensorFlow Serving talks to this server, too.

The forms are those of https://www.tensorflow.org/tfx/serving/api_rest. Beside JSON the server takes and gives
safetensors, in the column form, see `tensors.BINARY`.
"""

import math

from fastapi import APIRouter, Request, Response

from icell_tf.serve.functions import DEFAULT, DEFAULT_NAME
from icell_tf.serve.refusals import Refused
from icell_tf.serve.tensors import BINARY, json_bytes, json_value, pack, unpack

JSON = "application/json"
ROWS, COLUMNS = {"instances": "predictions"}, {"inputs": "outputs"}
MODEL = "/v1/models/{name}"
VERSION = MODEL + "/versions/{version}"
SPARE = 1000  # numbers in a request beside its cells
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "signature_name": {"type": "string", "default": DEFAULT_NAME},
                        "inputs": {"description": "column form: {name of an input: array}, or the only input's array"},
                        "instances": {"description": "row form: a list of {name of an input: its value for a cell}"},
                    },
                }
            },
            BINARY: {"schema": {"type": "string", "format": "binary"}},
        },
    },
    "responses": {
        "200": {"description": "the outputs", "content": {JSON: {}, BINARY: {}}},
        "4XX": {"description": '{"error": sentence}'},
    },
}


def router(service):
    """Returns the routes of a `Service`."""
    routes = APIRouter(tags=["TensorFlow Serving's REST API"])

    async def status(name: str, version: str | None = None):
        """Says that the model can be asked."""
        _check_model(service, name, version)
        ready = {"version": str(service.version), "state": "AVAILABLE"}
        return _json({"model_version_status": [ready | {"status": {"error_code": "OK", "error_message": ""}}]})

    async def metadata(name: str, version: str | None = None):
        """Lists the functions of the model, with what they take and return."""
        _check_model(service, name, version)
        return _json(_metadata(service))

    async def predict(name: str, request: Request, version: str | None = None):
        """Computes a function of the model."""
        _check_model(service, name, version)
        binary = _media_type(request.headers.get("content-type", "")) == BINARY
        signature, form, values = await service.run(_read, service, await request.body(), binary)
        outputs = await service.call(signature, values)
        if BINARY in request.headers.get("accept", ""):
            return Response(await service.run(pack, outputs), media_type=BINARY)
        return Response(await service.run(_written, outputs, form), media_type=JSON)

    async def of_examples(name: str, version: str | None = None):
        """Refuses what only models of tf.Example answer."""
        _check_model(service, name, version)
        raise Refused(400, "classify and regress are for models of tf.Example; ask this one by predict")

    async def malformed(rest: str, request: Request):
        raise Refused(400, f"Malformed request: {request.method} /v1/{rest}")

    for path in (MODEL, VERSION):
        routes.get(path + "/metadata")(metadata)
        routes.get(path)(status)
        routes.post(path + ":predict", openapi_extra=_BODY)(predict)
        for method in (":classify", ":regress"):
            routes.post(path + method, include_in_schema=False)(of_examples)
    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    routes.api_route("/v1/{rest:path}", methods=every, include_in_schema=False)(malformed)
    return routes


def _json(content):
    return Response(json_bytes(content), media_type=JSON)


def _media_type(header):
    return header.partition(";")[0].strip().lower()


def _check_model(service, name, version):
    if name != service.settings.name:
        raise Refused(404, f"Servable not found for request: {name}; this server has {service.settings.name}")
    if version not in (None, str(service.version)):
        raise Refused(404, f"there is no version {version} of {name}: this server has {service.version}")


def _read(service, body, binary):
    """Parses a request. Returns: name of the function, form, {name of an input: values}. Raises: Refused."""
    if binary:
        values, about = unpack(body)
        return about.get("signature_name", DEFAULT_NAME), COLUMNS, values
    _check_numbers(service, body)
    content = json_value(body)
    if not isinstance(content, dict):
        raise Refused(400, 'the request must be a JSON object, such as {"inputs": {...}}')
    name = content.get("signature_name", DEFAULT_NAME)
    if not isinstance(name, str):
        raise Refused(400, f"signature_name must be a text, but is {name!r}")
    function = service.function(name)
    given = [form for form in (ROWS, COLUMNS) for key in form if key in content]
    if len(given) != 1:
        raise Refused(400, f"the request must have one of 'instances' and 'inputs', but has {len(given)} of them")
    (form,) = given
    return (
        name,
        form,
        (_columns(content["instances"], function) if form is ROWS else _named(content["inputs"], function)),
    )


def _check_numbers(service, body):
    """Refuses JSON of so many numbers that Python's objects for them would fill the memory."""
    sizes = [sum(math.prod(tensor.shape) for tensor in f.inputs.values()) for f in service.functions.values()]
    if body.count(b",") > service.cells * (max(sizes) + SPARE):
        raise Refused(400, f"the request has more numbers than {service.cells} cells, of which a request may consist")


def _named(inputs, function):
    """Returns the column form as a dict: a function with one input is also given it without its name."""
    if isinstance(inputs, dict):
        return inputs
    if len(function.inputs) > 1:
        raise Refused(400, f"'inputs' must be an object, as {function.name} takes {', '.join(function.inputs)}")
    return {name: inputs for name in function.inputs}


def _columns(instances, function):
    """Returns the row form, a list of cells, as columns."""
    if not isinstance(instances, list) or not instances:
        raise Refused(400, "'instances' must be a list of at least one cell")
    if not any(isinstance(row, dict) for row in instances):
        return _named(instances, function)
    for i, row in enumerate(instances):
        if not isinstance(row, dict) or row.keys() != function.inputs.keys():
            found = ", ".join(row) if isinstance(row, dict) else "no object"
            raise Refused(400, f"element {i} of 'instances' has {found}, but must have {', '.join(function.inputs)}")
    return {name: [row[name] for row in instances] for name in function.inputs}


def _written(outputs, form):
    """Writes an answer as JSON; the only output is written without its name."""
    if form is COLUMNS:
        return json_bytes({"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))})
    if len(outputs) == 1:
        return json_bytes({"predictions": next(iter(outputs.values()))})
    names, count = sorted(outputs), len(next(iter(outputs.values())))
    return json_bytes({"predictions": [{name: outputs[name][i] for name in names} for i in range(count)]})


def _metadata(service):
    """Returns GetModelMetadata's answer: of each signature its inputs and outputs, with types and shapes."""
    signatures = {
        name: {
            "inputs": _infos(name, function.inputs),
            "outputs": _infos("StatefulPartitionedCall", function.outputs),
            "method_name": "tensorflow/serving/predict",
        }
        for name, function in {**service.functions, DEFAULT_NAME: service.functions[DEFAULT]}.items()
    }
    model = {"name": service.settings.name, "signature_name": "", "version": str(service.version)}
    return {"model_spec": model, "metadata": {"signature_def": {"signature_def": signatures}}}


def _infos(prefix, tensors):
    return {
        name: {
            "dtype": tensor.dtype,
            "tensor_shape": {
                "dim": [
                    {"size": str(size), "name": ""} for size in (-1, *((-1 if n is None else n) for n in tensor.shape))
                ],
                "unknown_rank": False,
            },
            "name": f"{prefix}_{name}",
        }
        for name, tensor in tensors.items()
    }
