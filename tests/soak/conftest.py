"""A model that ships, served by a process of its own, and what clients ask it."""

import pytest

MODEL = "simulated_64"
HEADER_SECONDS, BODY_SECONDS = 4, 3
FLAGS = (f"--header_seconds={HEADER_SECONDS}", f"--body_seconds={BODY_SECONDS}")


@pytest.fixture(scope="session")
def served():
    """The `Integrator` that is served."""
    from icell_tf.inference.loading import load

    return load(MODEL)


@pytest.fixture(scope="session")
def subject(served):
    from icell_tf.serve.functions import functions_of

    from ..serve.clients.hostile import Subject

    return Subject(served, functions_of(served))


@pytest.fixture(scope="session")
def good(served, tmp_path_factory):
    """Requests of every function and uploads, with the numbers of their answers."""
    from icell_tf.serve.functions import functions_of

    from ..serve.clients.good import predictions, uploads

    return predictions(functions_of(served), served) + uploads(served, tmp_path_factory.mktemp("stacks"))


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """A function that starts another server."""
    from ..serve.process import Server

    return lambda: Server(tmp_path_factory.mktemp("server"), MODEL, *FLAGS)


@pytest.fixture(scope="session")
def server(start):
    """The one that all tests ask but those that end theirs."""
    with start() as running:
        yield running
