"""What protects a server from requests that are too large, too slow, too many or for another host.

A pure ASGI middleware around all routes: it also answers errors as JSON, and counts.
"""

import asyncio
import ipaddress
import logging
import re
import time

from icell_tf.serve.refusals import Refused
from icell_tf.serve.tensors import json_bytes

CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "content-security-policy": f"{CSP}; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
LOCAL = ("localhost", "127.0.0.1", "[::1]")
CLOSE = {"connection": "close"}
PENDING = 2  # largest bodies that may be in memory at a time


class Limits:
    """ASGI middleware with the limits of `Settings`. Args: the application; `Service`."""

    def __init__(self, app, service):
        self._app, self._service, self.settings = app, service, service.settings
        self._hosts = {host.lower() for host in (*LOCAL, in_url(self.settings.host), *self.settings.allowed_hosts)}
        self.asked, self.pending = 0, 0  # whole requests that are being answered; bytes of all bodies in memory

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(self, scope, receive, send)
        self._service.running += 1
        try:
            await self._answer(exchange)
        finally:
            exchange.release()
            self._service.running -= 1
            self._count(exchange)

    async def _answer(self, exchange):
        try:
            async with asyncio.timeout(self.settings.request_seconds):
                self.check_head(exchange.scope, exchange.headers)
                exchange.check_length()
                await self._app(exchange.scope, exchange.receive, exchange.send)
        except Refused as refused:
            await exchange.refuse(refused)
        except TimeoutError:
            seconds = self.settings.request_seconds
            await exchange.refuse(Refused(504, f"the answer took longer than {seconds:g} seconds", CLOSE))
        except Exception:
            logging.getLogger(__name__).exception("%s %s", exchange.scope["method"], exchange.scope["path"])
            await exchange.refuse(Refused(500, "the server failed; its log says why", CLOSE))

    def check_head(self, scope, headers):
        """Refuses a request by its headers alone."""
        if self._service.closing:
            raise Refused(503, "the server ends", {"retry-after": "10", **CLOSE})
        if [name for name, _ in scope["headers"]].count(b"host") > 1:
            raise Refused(400, "the request has more than one header Host", CLOSE)
        host = headers.get("host", "")
        if "*" not in self._hosts and _without_port(host).lower() not in self._hosts:
            raise Refused(
                421, f"this server does not answer for the host {host!r}: start it with --allowed_hosts", CLOSE
            )
        if headers.get("content-encoding", "identity") != "identity":
            raise Refused(415, "the body is compressed, which this server does not take", CLOSE)

    def _count(self, exchange):
        route = getattr(exchange.scope.get("route"), "path", "none")
        metrics = self._service.metrics
        metrics.requests.labels(route, str(exchange.status)).inc()
        metrics.seconds.labels(route).observe(time.perf_counter() - exchange.started)


class _Exchange:
    """One request and its answer: counts and times the body, and adds headers to the answer."""

    def __init__(self, limits, scope, receive, send):
        self._limits, self.scope, self._receive, self._send = limits, scope, receive, send
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.started, self.status = time.perf_counter(), None
        self._received, self._whole, self._counted = 0, False, False
        self._refusal = None  # once the body was refused, what the route answers is left out

    def check_length(self):
        """Refuses a body by the length that its head names."""
        length = self.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._limits.settings.max_body:
            raise self._too_large()

    async def receive(self):
        """Passes on the next part of the body. Raises: Refused: it is too large, too late, or one of too many."""
        if self._whole:
            return await self._receive()  # which waits until the client hangs up
        left = self.started + self._limits.settings.body_seconds - time.perf_counter()
        try:
            async with asyncio.timeout(max(left, 0)):
                message = await self._receive()
        except TimeoutError:
            seconds = self._limits.settings.body_seconds
            raise self._refused(Refused(408, f"the body took longer than {seconds:g} seconds", CLOSE)) from None
        if message["type"] == "http.disconnect":
            raise self._refused(Refused(400, "the body ended before it was whole", CLOSE))
        count = len(message.get("body", b""))
        self._received += count
        self._limits.pending += count
        if self._received > self._limits.settings.max_body:
            raise self._refused(self._too_large())
        if self._limits.pending > PENDING * self._limits.settings.max_body:
            raise self._refused(Refused(503, "the server holds too many large requests", {"retry-after": "5", **CLOSE}))
        if not message.get("more_body", False):
            self._whole = True
            self._take_place()
        return message

    def _take_place(self):
        """Counts a whole request among those that are answered at once; whoever is slow to send one takes no place."""
        most = self._limits.settings.requests_at_once
        if self._limits.asked >= most:
            raise self._refused(Refused(503, f"the server answers {most} requests already", {"retry-after": "1"}))
        self._limits.asked += 1
        self._counted = True

    def release(self):
        """Gives back what the request has taken."""
        self._limits.pending -= self._received
        self._limits.asked -= self._counted
        # The server closes a connection whose body it has not read only once nobody can read on; and an error that was
        # raised here refers to this exchange by its traceback, as this exchange does to the error.
        self._receive = self._send = self._refusal = None

    async def send(self, message):
        """Passes on a part of the answer. What was refused while the body came is refused, whatever the route says."""
        if self._refusal:
            await self.refuse(self._refusal)
        else:
            await self._pass_on(message)

    async def _pass_on(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = list(message.get("headers", []))
            names = {name.lower() for name, _ in given}
            added = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in names]
            message = {**message, "headers": given + added}
        await self._send(message)

    async def refuse(self, refused):
        """Answers with an error, unless an answer has begun."""
        if self.status is not None:
            return
        body = json_bytes({"error": refused.sentence})
        headers = {"content-type": "application/json", "content-length": str(len(body)), **refused.headers}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._pass_on({"type": "http.response.start", "status": refused.status, "headers": encoded})
        await self._pass_on({"type": "http.response.body", "body": body})

    def _refused(self, refused):
        self._refusal = refused
        return refused

    def _too_large(self):
        most = self._limits.settings.max_megabytes
        return Refused(413, f"the body is larger than {most} MB: start the server with another --max_megabytes", CLOSE)


def in_url(host):
    """Returns an address as URLs have it: IPv6 in brackets."""
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host


def _without_port(host):
    """Returns the name in a Host header; "" if it has something else beside a name and a port."""
    found = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(:\d*)?", host)
    return found[1] if found else ""
