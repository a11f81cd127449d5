"""Clients that are slow, stop in the middle, or close half of their connection: each must be closed by a deadline."""

import dataclasses
import itertools
import select
import socket
import time
from collections.abc import Callable

from .good import PREDICT
from .wire import HOST

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
POST = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\n".encode()
UPLOAD = b"POST /integrate HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
LENGTH = b"Content-Length: 100000\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
PAUSE = 0.3  # seconds between two pieces


@dataclasses.dataclass(frozen=True)
class Slow:
    """A client. Attributes: name; pieces, what it sends, one after the other; half: whether it then closes its half;
    deadline: by what it is closed: "head", "body" or "none", at once; status, of the answer, None where there is none.
    """

    name: str
    pieces: Callable
    deadline: str
    status: int | None = None
    half: bool = False


def _drip(start, piece):
    return lambda: itertools.chain([start], itertools.repeat(piece))


SLOW = (
    Slow("says nothing", lambda: [], "head"),
    Slow("sends a letter at a time", _drip(b"G", b"E"), "head"),
    Slow("sends a head that never ends", _drip(GET, b"X: a\r\n"), "head"),
    Slow("stops within the head", lambda: [GET], "head"),
    Slow("keeps a connection for nothing", lambda: [GET + b"\r\n"], "head", 200),
    Slow("drips the head of a second request", _drip(GET + b"\r\n" + GET, b"X: a\r\n"), "head", 200),
    Slow("sends no body", lambda: [POST + LENGTH], "body", 408),
    Slow("drips a body", _drip(POST + LENGTH, b" "), "body", 408),
    Slow("stops within the body", lambda: [POST + LENGTH + b'{"inputs": [['], "body", 408),
    Slow("drips chunks", _drip(POST + CHUNKED, b"1\r\n \r\n"), "body", 408),
    Slow("drips the size of a chunk", _drip(POST + CHUNKED + b"1;", b"a"), "body", 408),
    Slow("drips an upload", _drip(UPLOAD + LENGTH + b"--b\r\n", b"a"), "body", 408),
    Slow("stops within an upload", lambda: [UPLOAD + LENGTH + b"--b\r\nContent-Disposition: form-data; "], "body", 408),
    Slow("closes its half at once", lambda: [], "none", half=True),
    Slow("closes its half within the head", lambda: [GET], "none", half=True),
    Slow("closes its half after the head", lambda: [POST + LENGTH], "none", 400, half=True),
    Slow("closes its half within the body", lambda: [POST + LENGTH, b'{"inputs": [['], "none", 400, half=True),
    Slow("closes its half within a chunk", lambda: [POST + CHUNKED + b"5\r\nab"], "none", 400, half=True),
)


def suffer(port, slow, longest):
    """Is a slow client until it is closed. Returns: seconds that it took, at most `longest`, and the answer."""
    begun, received, pieces, next_piece = time.monotonic(), b"", iter(slow.pieces()), 0.0
    with socket.create_connection((HOST, port)) as connection:
        while (passed := time.monotonic() - begun) < longest:
            try:
                if pieces and passed >= next_piece:
                    piece = next(pieces, None)
                    next_piece = passed + PAUSE
                    if piece is not None:
                        connection.sendall(piece)
                    else:
                        pieces = None
                        if slow.half:
                            connection.shutdown(socket.SHUT_WR)
                if select.select([connection], [], [], 0.05)[0]:
                    part = connection.recv(2**16)
                    if not part:
                        return time.monotonic() - begun, received
                    received += part
            except ConnectionError:
                return time.monotonic() - begun, received
    return longest, received
