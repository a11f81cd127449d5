"""Whole requests whose head is wrong: methods, paths, hosts, lengths, floods. Each must be answered 4xx.

A kind of malformed request is a function of a `random.Random` and a `Subject` (see hostile.py) to the bytes of one.
"""

import string

from .good import JSON, PREDICT
from .wire import request

HOSTS = (
    "",
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.",
    "localhost:80:80@evil.example",
    "[::2]",
    "[::1",
    "10.0.0.1",
    "xn--localhost",
    "a" * 5000,
    "\xff\xfe",
    "localhost/../x",
    "user@localhost",
)
METHODS = ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND", "BREW", "get", "post", "A" * 200)
PATHS = (
    "/v1/models/integrator:classify",
    "/v1/models/integrator:regress",
    "/v1/models/integrator:predicts",
    "/v1/models/integrator/versions/2:predict",
    "/v1/models/integrator/versions/-1:predict",
    "/v1/models/integrator/versions/99999999999999999999:predict",
    "/v1/models/integrator/labels/stable:predict",
    "/v1/models/other:predict",
    "/v1/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd:predict",
    "/v1/models/:predict",
    "/v1/models",
    "/v1/../../etc/passwd",
    "/v1/models/%ff%fe:predict",
    "/v1/%00",
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "/health/../../etc/passwd",
    "/%ed%a0%80",
    "/..%5c..%5cwindows",
    "/integrate/stack.tif",
    "/metrics/x",
    "/docs",
)


def wrong_host(rng, subject):
    return request(PREDICT, subject.good_json(rng), (("Content-Type", JSON),), host=rng.choice(HOSTS))


def two_hosts(rng, subject):
    headers = [("Host", rng.choice(("evil.example", "localhost", "127.0.0.1")))]
    return request("/health", headers=headers, method="GET", host=rng.choice(("evil.example", "localhost")))


def no_host(rng, subject):
    return f"GET {rng.choice(('/health', '/metrics', PREDICT))} HTTP/{rng.choice(('1.0', '1.1'))}\r\n\r\n".encode()


def wrong_method(rng, subject):
    return request(rng.choice(("/health", "/metrics")), method=rng.choice(METHODS))


def get_of_what_is_posted(rng, subject):
    return request(PREDICT, method=rng.choice(("GET", "HEAD", "PUT", "DELETE", "OPTIONS")))


def wrong_path(rng, subject):
    return request(rng.choice(PATHS), subject.good_json(rng))


def random_path(rng, subject):
    characters = string.ascii_letters + string.digits + "/.%;:@&=+$,-_~!*'()"
    path = "".join(rng.choice(characters) for _ in range(rng.randint(1, 200))).lstrip("/")
    return request(f"/none/{path}", method=rng.choice(("GET", "POST")))


def long_path(rng, subject):
    return request(f"/{'a' * rng.randint(70_000, 300_000)}", method="GET")


def bytes_that_no_path_has(rng, subject):
    byte = bytes([rng.choice([*range(0x20), 0x7F, *range(0x80, 0x100)])])
    return b"GET /he" + byte + b"lth HTTP/1.1\r\nHost: localhost\r\n\r\n"


def wrong_version(rng, subject):
    version = rng.choice(("HTTP/3.0", "HTTP/1.2", "HTTP/11", "HTP/1.1", "http/1.1", "HTTP/1.1 x", ""))
    return f"GET /health {version}\r\nHost: localhost\r\n\r\n".encode()


def no_http(rng, subject):
    start = rng.choice((b"\x16\x03\x01\x02\x00\x01\x00", b"SSH-2.0-x", b"\x00\x00", b"<html>", b"{}", b"EHLO x"))
    return start + rng.randbytes(rng.randint(1, 100)).replace(b"\n", b"") + b"\r\n\r\n"


def many_headers(rng, subject):
    lines = "".join(f"X-{i}: {i}\r\n" for i in range(rng.randint(150, 5000)))
    return f"GET /health HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode()


def large_header(rng, subject):
    return request("/health", headers=[("X-A", "a" * rng.randint(500_000, 3_000_000))], method="GET")


def broken_header(rng, subject):
    line = rng.choice((b"no colon", b": no name", b"a b: c", b"X: a\x00b", b"X: a\x01\x02", b"X\x80: 1", b"(): 1"))
    return b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n\r\n"


def folded_header(rng, subject):
    return b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n" + rng.choice((b" ", b"\t")) + b"b\r\n\r\n"


def wrong_length(rng, subject):
    length = rng.choice(("-1", "abc", "1e3", "0x10", "+5", "1 2", "", "1" * 30, "9" * 5000, "5, 6", "²"))
    return request(PREDICT, subject.good_json(rng)[:20], length=length)


def two_lengths(rng, subject):
    return request(PREDICT, b"{}", [("Content-Length", str(rng.randint(3, 100)))])


def length_beyond_the_limit(rng, subject):
    return request(rng.choice((PREDICT, "/integrate")), length=rng.randint(2**32, 2**60))


def length_too_short(rng, subject):
    body = subject.good_json(rng)
    return request(PREDICT, body, length=rng.randint(1, len(body) - 1))


def length_and_chunks(rng, subject):
    """Two lengths, of which the chunks count: smuggled requests begin so. The body is no request of ours anyway."""
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    lengths = ["Transfer-Encoding: chunked\r\n", f"Content-Length: {rng.randint(1, 50)}\r\n"]
    rng.shuffle(lengths)
    return f"{head}{''.join(lengths)}\r\n2\r\n{{}}\r\n0\r\n\r\n".encode()


def broken_chunks(rng, subject):
    chunk = rng.choice(
        (b"ZZ\r\n{}", b"-1\r\n{}", b"ffffffffffffffffff\r\n{}", b"2\r\n{}xx", b"2{}\r\n", b"\r\n", b"2;\x00\r\n")
    )
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + chunk + b"\r\n0\r\n\r\n"


def unknown_encoding_of_the_transfer(rng, subject):
    encoding = rng.choice(("gzip", "chunked, gzip", "identity", "xchunked", ""))
    return request(PREDICT, b"2\r\n{}\r\n0\r\n\r\n", [("Transfer-Encoding", encoding)])


def compressed(rng, subject):
    headers = [("Content-Encoding", rng.choice(("gzip", "deflate", "br", "zstd", "x, y"))), ("Content-Type", JSON)]
    return request(PREDICT, subject.good_json(rng), headers)
