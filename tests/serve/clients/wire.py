"""HTTP by hand: requests as bytes, which no library would send, and what comes back."""

import dataclasses
import json
import select
import socket
import time

HOST = "127.0.0.1"
SECONDS = 60  # that an answer may take


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back. Attributes: status, 0 if nothing did; headers, in lower case; body; seconds that it took."""

    status: int
    headers: dict
    body: bytes
    seconds: float

    @property
    def error(self):
        """The server's sentence; None: there is none."""
        if self.headers.get("content-type") != "application/json":
            return None
        content = json.loads(self.body)
        return content.get("error") if isinstance(content, dict) else None


def request(path, body=b"", headers=(), method="POST", host="localhost", length=None):
    """Returns a whole request. Args: headers: (name, value) pairs; length: as the head has it; None is the true one."""
    length = len(body) if length is None else length
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {length}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def exchange(port, data, seconds=SECONDS):
    """Sends bytes, and reads while it does, because a server may answer early. Returns: the last `Answer` that came."""
    begun, received = time.monotonic(), b""
    with socket.create_connection((HOST, port)) as connection:
        connection.setblocking(False)
        left = memoryview(data)
        while (remaining := begun + seconds - time.monotonic()) > 0:
            readable, writable, _ = select.select([connection], [connection] if left else [], [], remaining)
            if writable:
                try:
                    left = left[connection.send(left) :]
                except ConnectionError:  # closed before it has read all; what it has said is still to be read
                    left = left[:0]
            if readable:
                try:
                    received += (part := connection.recv(2**16))
                except ConnectionError:
                    break
                if not part:
                    break
    return parse(received, time.monotonic() - begun)


def parse(received, seconds=0.0):
    """Returns the `Answer` in the bytes that a server has sent."""
    if not received.startswith(b"HTTP/1."):
        return Answer(0, {}, received, seconds)
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split()[1])
    if status == 100 and body:
        return parse(body, seconds)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(status, headers, body, seconds)
