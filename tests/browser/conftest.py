"""A real browser, Debian's Chromium, and folders of the explorer that it gets from a plain web server."""

import asyncio
import contextlib
import functools
import http.server
import shutil
import socket
import threading
import time

import numpy as np
import pytest

from ..export.conftest import make_model  # noqa: F401  a fixture
from .explorers import Explorer, watch

PROGRAMS = ("chromium-headless-shell", "chromium")
BLANK = """<!doctype html><html lang="en"><meta charset="utf-8"><title>blank</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' 'wasm-unsafe-eval';
connect-src 'self'; worker-src 'self'"></html>"""


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser():
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program, "there is no Chromium: apt install chromium-headless-shell"
    with sync_playwright() as playwright:
        # CI is root, for whom Chromium has no sandbox.
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def serve():
    """A function from a folder to the URL at which `python -m http.server` would give it, with a / at its end."""
    with contextlib.ExitStack() as running:

        def start(folder):
            handler = functools.partial(Quiet, directory=str(folder))
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            running.callback(server.server_close)
            running.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_address[1]}/"

        yield start


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def small_cells(make_model):  # noqa: F811
    """Five cells of `make_model`'s spec, with all channels, as `Cells`: two examples and three that were given."""
    from icell_tf.inference.inputs import InputCell
    from icell_tf.serve.site import Cells

    model, rng = make_model(), np.random.default_rng(0)
    images = rng.integers(0, 256, (5, *model.spec.image_shape), np.uint8)
    cells = [InputCell(f"cell {i}", "made up", image, model.structures[i % 3]) for i, image in enumerate(images)]
    return Cells(cells[:2], cells[2:])


@pytest.fixture(scope="session")
def small_site(make_model, small_cells, tmp_path_factory):  # noqa: F811
    """The folder of the explorer of `make_model`'s model, in which ONNX graphs answer, with a page without content."""
    from icell_tf.serve.site import write_site

    folder = write_site(make_model(), "small", tmp_path_factory.mktemp("sites") / "site", small_cells)
    (folder / "blank.html").write_text(BLANK)
    return folder


@pytest.fixture(scope="session")
def modules_url(serve, tmp_path_factory):
    """Where the page's files are served, without a model, and with a page without content."""
    from icell_tf.serve.site import page_files

    folder = tmp_path_factory.mktemp("modules")
    for path in page_files().values():
        shutil.copy(path, folder)
    (folder / "blank.html").write_text(BLANK)
    return serve(folder)


@pytest.fixture(scope="session")
def small_url(small_site, serve):
    """Where `small_site` is served."""
    return serve(small_site)


@pytest.fixture(scope="session")
def answer():
    """A function from an `Integrator`, its name and `Cells` to the URL of a server of theirs, with a / at its end."""
    with contextlib.ExitStack() as running:
        yield lambda *about: running.enter_context(served(*about))


@contextlib.contextmanager
def served(integrator, name, cells):
    from granian.server.embed import Server

    from icell_tf.serve.app import create_app
    from icell_tf.serve.settings import Settings

    app = create_app(integrator, Settings(name=name), cells=cells)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(app, address="127.0.0.1", port=port, interface="asgi", websockets=False, log_enabled=False)
    threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True).start()
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/"
    server.stop()


@pytest.fixture(scope="session", params=["onnx", "rest"])
def small(request):
    """Where the explorer of `make_model`'s model is served, by each back end."""
    if request.param == "onnx":
        return request.getfixturevalue("small_url")
    model, cells = request.getfixturevalue("make_model")(), request.getfixturevalue("small_cells")
    return request.getfixturevalue("answer")(model, "small", cells)


@pytest.fixture
def explorer(page, small):
    """The page of `small`, which is not open yet."""
    return Explorer(page, small)


@pytest.fixture(scope="session")
def shipped():
    """The model that ships, and its examples as `Cells`."""
    import icell_tf
    from icell_tf.runs.shipped import resolve
    from icell_tf.serve.site import find_cells

    model = icell_tf.load("simulated_64")
    return model, find_cells(resolve("simulated_64"), (), model)


@pytest.fixture(scope="session")
def shipped_onnx(shipped, serve, tmp_path_factory):
    """Where the explorer of the model that ships is served as files; it runs in the page."""
    from icell_tf.serve.site import write_site

    model, cells = shipped
    return serve(write_site(model, "simulated_64", tmp_path_factory.mktemp("shipped") / "site", cells))


@pytest.fixture(scope="session")
def shipped_rest(shipped, answer):
    """Where the explorer of the model that ships is served with the model."""
    model, cells = shipped
    return answer(model, "simulated_64", cells)


@pytest.fixture
def wrong():
    """What goes wrong in `page`: errors, and requests to other hosts. A test that expects something clears it."""
    return []


@pytest.fixture
def page(browser, wrong):
    """A new page. Whatever goes wrong in it fails the test."""
    opened = watch(browser.new_page(), wrong)
    yield opened
    opened.close()
    assert not wrong


@pytest.fixture
def blank(page, modules_url):
    """The page without content, beside the explorer's modules."""
    page.goto(f"{modules_url}blank.html")
    return page


@pytest.fixture
def small_page(page, small_url):
    """The page without content in `small_site`."""
    page.goto(f"{small_url}blank.html")
    return page
