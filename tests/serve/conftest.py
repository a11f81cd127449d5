"""A served model of tiny networks: its application, and clients of it that need no sockets."""

import numpy as np
import pytest
from starlette.testclient import TestClient

from icell_tf.serve.app import create_app
from icell_tf.serve.settings import Settings

from ..conftest import SPEC

URL = "http://localhost"  # another host is refused


@pytest.fixture(scope="session")
def integrator(make_integrator):
    return make_integrator()


@pytest.fixture(scope="session")
def app(integrator):
    return create_app(integrator, Settings(), version=3)


@pytest.fixture(scope="session")
def http(app):
    """A client of `app`."""
    with TestClient(app, base_url=URL) as client:
        yield client


@pytest.fixture(scope="session")
def make_http(integrator):
    """A function from settings to a client of a server of its own."""

    def make(**settings):
        return TestClient(create_app(integrator, Settings(**settings)), base_url=URL)

    return make


@pytest.fixture(scope="session")
def x_rs():
    """Four cells."""
    return np.random.default_rng(1).random((4, *SPEC.image_shape), np.float32)


@pytest.fixture(scope="session")
def x_r(x_rs):
    return SPEC.reference(x_rs)
