"""The application around the routes: what it says of itself, and what its limits refuse."""

import asyncio
import json

import pytest

import icell_tf
from icell_tf.serve.app import create_app
from icell_tf.serve.limits import CSP
from icell_tf.serve.settings import MEGABYTE, Settings

PREDICT = "/v1/models/integrator:predict"
SAMPLE = json.dumps({"signature_name": "sample", "inputs": {"y": [0], "seed": [1]}})


def test_health(http):
    assert http.get("/health").json() == {
        "status": "ok",
        "model": "integrator",
        "version": 3,
        "binary": True,
        "upload": True,
        "cells": 64,
        "icell_tf": icell_tf.__version__,
    }


def test_routes_are_described_and_nothing_is_loaded_from_elsewhere(http):
    paths = http.get("/openapi.json").json()["paths"]
    described = paths["/v1/models/{name}:predict"]["post"]
    assert set(described["requestBody"]["content"]) == {"application/json", "application/x-safetensors"}
    assert {"/health", "/metrics", "/v1/models/{name}/metadata"} < paths.keys()
    for path in ("/docs", "/redoc"):
        assert http.get(path).status_code == 404


def test_requests_are_counted(make_http):
    http = make_http()
    for path in ("/health", "/health", "/elsewhere", "/v1/models/integrator"):
        http.get(path)
    answer = http.get("/metrics")
    lines = answer.text.splitlines()
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'icell_requests_total{route="/health",status="200"} 2.0' in lines
    assert 'icell_requests_total{route="none",status="404"} 1.0' in lines
    assert 'icell_requests_total{route="/v1/models/{name}",status="200"} 1.0' in lines
    assert 'icell_request_seconds_count{route="/health"} 2.0' in lines
    assert "icell_requests_running 1.0" in lines  # this one


@pytest.mark.parametrize("path", ["/health", "/elsewhere", "/v1/models/half"])
def test_every_answer_has_the_security_headers(http, path):
    headers = http.get(path).headers
    assert headers["content-security-policy"].startswith(CSP) and "default-src 'none'" in CSP
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8501", 200),
        ("127.0.0.1:8501", 200),
        ("[::1]:8501", 200),
        ("cells.example.org", 200),
        ("10.0.0.7:8501", 200),
        ("evil.example.org", 421),
        ("localhost.evil.example.org", 421),
        ("localhost:80@evil.example.org", 421),
        ("[::1]evil.example.org", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_only_known_hosts_are_answered(make_http, host, status):
    http = make_http(host="10.0.0.7", allowed_hosts=("cells.example.org",))
    answer = http.get("/health", headers={"host": host})
    assert answer.status_code == status
    if status != 200:
        assert "--allowed_hosts" in answer.json()["error"] and "content-security-policy" in answer.headers


def test_a_request_has_one_host(http):
    answer = http.get("/health", headers=[("host", "evil.example.org"), ("host", "localhost")])
    assert answer.status_code == 400 and "more than one header Host" in answer.json()["error"]


def test_any_host_can_be_allowed(make_http):
    assert make_http(allowed_hosts=("*",)).get("/health", headers={"host": "any"}).status_code == 200


def test_one_other_site_can_be_allowed(make_http):
    http = make_http(allow_origin="https://example.org")
    for origin, allowed in (("https://example.org", True), ("https://evil.example.org", False)):
        for answer in (
            http.get("/health", headers={"origin": origin}),
            http.get("/health", headers={"origin": origin, "host": "evil"}),
            http.options(PREDICT, headers={"origin": origin, "access-control-request-method": "POST"}),
        ):
            assert ("access-control-allow-origin" in answer.headers) is allowed


def test_large_bodies_are_refused_by_their_head_and_as_they_come(make_http):
    http = make_http(max_megabytes=1)
    parts = (b" " * (MEGABYTE // 2) for _ in range(3))
    for content in (b" " * (MEGABYTE + 1), parts):
        answer = http.post(PREDICT, content=content)
        assert answer.status_code == 413 and answer.headers["connection"] == "close"
        assert answer.json() == {"error": "the body is larger than 1 MB: start the server with another --max_megabytes"}
    assert http.post(PREDICT, content=SAMPLE + " " * (MEGABYTE - len(SAMPLE))).status_code == 200


def test_compressed_bodies_are_refused(http):
    answer = http.post(PREDICT, content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert answer.status_code == 415


class Exchange:
    """A request that is sent to an application by hand, part by part, and the messages of its answer."""

    def __init__(self, app, path=PREDICT):
        self.parts, self.sent = asyncio.Queue(), []
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path}
        scope |= {"raw_path": path.encode(), "query_string": b"", "headers": [(b"host", b"localhost")]}
        scope |= {"scheme": "http", "server": ("localhost", 80), "client": ("localhost", 9), "root_path": ""}
        self.task = asyncio.create_task(app(scope, self.parts.get, self._send))

    async def _send(self, message):
        self.sent.append(message)

    def put(self, body, more=False):
        self.parts.put_nowait({"type": "http.request", "body": body.encode(), "more_body": more})

    async def answer(self):
        """Returns the status, the headers and the content, once the application has returned."""
        await self.task
        start, *bodies = self.sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], headers, json.loads(b"".join(body["body"] for body in bodies))


def test_slow_bodies_are_refused_while_others_are_answered(integrator):
    async def run():
        app = create_app(integrator, Settings(body_seconds=0.5, requests_at_once=1))
        slow, quick = Exchange(app), Exchange(app)
        slow.put('{"inputs"', more=True)
        quick.put(SAMPLE)
        return await quick.answer(), await slow.answer()

    quick, slow = asyncio.run(run())
    assert quick[0] == 200
    assert slow[0] == 408 and slow[1]["connection"] == "close" and "longer than 0.5 seconds" in slow[2]["error"]


def test_bodies_that_end_early_are_refused(integrator):
    async def run():
        exchange = Exchange(create_app(integrator, Settings()))
        exchange.put('{"inputs"', more=True)
        exchange.parts.put_nowait({"type": "http.disconnect"})
        return await exchange.answer()

    status, _, content = asyncio.run(run())
    assert status == 400 and "before it was whole" in content["error"]


@pytest.fixture
def stuck(integrator, monkeypatch):
    """A function from settings to an application whose model never answers, and its `Service`."""

    def make(**settings):
        app = create_app(integrator, Settings(**settings))
        monkeypatch.setattr(app.state.service, "call", lambda *_: asyncio.sleep(60))
        return app, app.state.service

    return make


def test_the_answer_has_a_deadline(stuck):
    async def run():
        exchange = Exchange(stuck(request_seconds=0.2)[0])
        exchange.put(SAMPLE)
        return await exchange.answer()

    status, _, content = asyncio.run(run())
    assert status == 504 and "longer than 0.2 seconds" in content["error"]


def test_too_many_requests_are_told_to_come_again_and_places_are_given_back(stuck):
    async def run():
        app, service = stuck(requests_at_once=2, request_seconds=0.5)
        exchanges = [Exchange(app) for _ in range(3)]
        for exchange in exchanges:
            exchange.put(SAMPLE)
        answers = [await exchange.answer() for exchange in exchanges]
        later = Exchange(app)
        later.put(SAMPLE)
        return answers, (await later.answer())[0], service.running

    answers, later, running = asyncio.run(run())
    assert [status for status, _, _ in answers] == [504, 504, 503]
    assert answers[-1][1]["retry-after"] == "1" and "answers 2 requests already" in answers[-1][2]["error"]
    assert later == 504 and running == 0


def test_bodies_in_memory_are_bounded(stuck):
    async def run():
        app, _ = stuck(max_megabytes=1, request_seconds=0.5)
        exchanges = [Exchange(app) for _ in range(3)]
        for exchange in exchanges:
            exchange.put(" " * MEGABYTE, more=True)
        return [await exchange.answer() for exchange in exchanges[::-1]]

    statuses = [status for status, _, _ in asyncio.run(run())]
    assert statuses.count(503) == 1


def test_a_server_that_ends_refuses_new_requests(make_http):
    http = make_http()
    assert http.get("/health").status_code == 200
    http.app.state.service.closing = True
    answer = http.get("/health")
    assert answer.status_code == 503 and answer.json() == {"error": "the server ends"}
    assert answer.headers["connection"] == "close" and "retry-after" in answer.headers


def test_errors_of_the_program_are_logged_and_not_told(make_http, monkeypatch, caplog):
    http = make_http()
    monkeypatch.setattr(http.app.state.service, "call", lambda *_: 1 / 0)
    answer = http.post(PREDICT, content=SAMPLE)
    assert answer.status_code == 500 and answer.json() == {"error": "the server failed; its log says why"}
    assert "ZeroDivisionError" in caplog.text
