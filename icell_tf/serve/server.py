"""The process that serves: sockets, signals, and the order of start and end."""

import asyncio
import atexit
import errno
import os
import signal
import socket
import sys

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from icell_tf.messages import show
from icell_tf.serve.apart import run_apart
from icell_tf.serve.app import create_app
from icell_tf.serve.limits import in_url

CONNECTIONS = 1024  # that are open at once; the others wait


def serve(load, settings, version=1, find_cells=lambda integrator: None):
    """Serves an `Integrator` until SIGTERM or SIGINT; then requests in flight are answered, and new ones refused.

    It ends the process, with status 0.

    Args:
      load: returns the `Integrator`.
      settings: `Settings`.
      version: of the model, in URLs.
      find_cells: returns the cells of the page, `site.Cells`, for the `Integrator`.

    Raises: ValueError: it can't listen there, as where another program does; nothing was loaded.
    """
    _check_address(settings)
    integrator = load()
    app = create_app(integrator, settings, version, find_cells(integrator))
    app.state.service.warm_up()
    run_apart(len, ())  # so that the first stack need not wait for what reads images to load
    asyncio.run(_serve(app, settings))
    # The end of the interpreter would wait until clients close the connections that they keep. What it does at its end,
    # such as removing temporary folders, is done here.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(0)


async def _serve(app, settings):
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=CONNECTIONS,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=int(1000 * settings.header_seconds)),
        log_enabled=False,
    )
    service, ending = app.state.service, asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    serving, told = asyncio.create_task(server.serve()), asyncio.create_task(_tell_when_ready(service))
    await asyncio.wait([serving, asyncio.create_task(ending.wait())], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    service.closing = True
    while service.running and not serving.done():
        await asyncio.sleep(0.05)
    server.stop()
    await serving


async def _tell_when_ready(service):
    """Says where the server is as soon as it can be reached. Granian's own hook comes before its socket listens."""
    settings = service.settings
    while not await _reached(settings):
        await asyncio.sleep(0.01)
    url = f"http://{in_url(settings.host)}:{settings.port}"
    show(f"Serving {settings.name}, version {service.version}, at {url}. Ctrl+C ends it.")


async def _reached(settings):
    """Whether the server's port takes connections; where the host stands for every address, on this machine's own."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    try:
        _, writer = await asyncio.open_connection(host, settings.port)
    except OSError:
        return False
    writer.close()
    return True


def _check_address(settings):
    """Refuses an address that can't be listened at before the model is loaded."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            advice = "; give another --port" if error.errno == errno.EADDRINUSE else ""
            where = f"{in_url(settings.host)}:{settings.port}"
            raise ValueError(f"can't listen at {where}: {error.strerror or error}{advice}") from error
