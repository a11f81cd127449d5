"""A real browser, Debian's Chromium, and folders of the explorer that it gets from a plain web server."""

import contextlib
import functools
import http.server
import shutil
import threading

import numpy as np
import pytest

from ..export.conftest import make_model  # noqa: F401  a fixture

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


@pytest.fixture
def wrong():
    """What goes wrong in `page`: errors, and requests to other hosts. A test that expects something clears it."""
    return []


@pytest.fixture
def page(browser, wrong):
    """A new page. Whatever goes wrong in it fails the test."""
    opened = browser.new_page()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    opened.on("request", lambda request: _is_elsewhere(request.url) and wrong.append(request.url))
    yield opened
    opened.close()
    assert not wrong


def _is_elsewhere(url):
    return url.startswith("http") and not url.startswith(("http://127.0.0.1:", "http://localhost:"))


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
