"""The application: routes, and what protects them."""

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import icell_tf
from icell_tf.serve import metrics, site, tf_serving, uploads
from icell_tf.serve.limits import Limits
from icell_tf.serve.refusals import Refused
from icell_tf.serve.service import Service, Settings
from icell_tf.serve.tensors import json_bytes

UPLOAD = "/integrate"  # the route that takes stacks


def create_app(integrator, settings=None, version=1, cells=None):
    """Returns the ASGI application that serves an `Integrator`.

    Args: `Integrator`; `Settings`; version, of the model, in URLs; cells: `site.Cells` that its page offers.

    Its `Service` is `app.state.service`. The routes are described at /openapi.json; there is no page of them, because
    it would load scripts from another host.
    """
    service = Service(integrator, settings or Settings(), version)
    app = FastAPI(title="icell_tf", version=icell_tf.__version__, docs_url=None, redoc_url=None)
    app.state.service = service
    app.include_router(tf_serving.router(service))
    app.include_router(uploads.router(service))
    _add_state(app, service)
    app.include_router(site.router(service, cells))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(Limits, service=service)
    if service.settings.allow_origin:
        origins, headers = [service.settings.allow_origin], ["content-type", "accept"]
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=headers)
    return app


def _add_state(app, service):
    @app.get("/health")
    async def health():
        """Says that the server answers, for which model, and what it can."""
        about = {"status": "ok", "model": service.settings.name, "version": service.version, "binary": True}
        about |= {"upload": UPLOAD in app.openapi()["paths"], "cells": service.cells}
        return _json(about | {"icell_tf": icell_tf.__version__})

    @app.get("/metrics", response_class=Response)
    async def counts():
        """Returns the counts, for Prometheus."""
        return Response(service.metrics.text(), media_type=metrics.CONTENT_TYPE)


def _json(content, status=200, headers=None):
    return Response(json_bytes(content), status, headers, "application/json")


async def _refused(request: Request, refused: Refused):
    return _json({"error": refused.sentence}, refused.status, refused.headers)


async def _http_error(request: Request, error: HTTPException):
    return _json({"error": f"{error.detail}: {request.method} {request.url.path}"}, error.status_code, error.headers)
