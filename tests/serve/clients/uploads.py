"""Requests of POST /integrate that are wrong: forms, fields, files. Each must be answered 4xx."""

from .good import BOUNDARY, CONTENT_TYPE, FIELDS, JSON, fields, form
from .wire import request

NAMES = (
    "../../../etc/passwd",
    "/etc/passwd",
    "..\\..\\a.tif",
    "C:\\a.tif",
    "a\0.tif",
    "a\r\nX: 1.tif",
    ".",
    "~/.bashrc",
)
WRONG = {
    "channels": ("membrane", "membrane:9,nucleus:1", "membrane:-1,nucleus:1", "a:b:c", "x:0", "membrane:0,membrane:1"),
    "segmentation_channels": ("cell:2", "cell:2,nucleus:99", "nucleus", ":::", "cell:a,nucleus:b"),
    "pixel_size": ("0", "-1", "nan", "inf", "1e400", "a", "1,2", "1,2,3,4", "1e-30", "0.1,0.1,-0.1", "9" * 5000),
    "axes": ("Q", "XYZ", "CC", "CZYXCZYX", "czyx!", "X" * 1000),
    "scene": ("1", "-1", "none", "99999999999999999999", "../scene"),
    "mask_threshold": ("a", "cell:nan", "0.5:cell", "nucleus:1e400", "cell:2,cell:3"),
    "mask_label": ("0", "-1", "cell:0", "cell:x", "77", "1e400", "nan"),
    "channel_threshold": ("membrane:x", "x:1", "membrane:nan,nucleus", "1e400"),
    "samples": ("-1", "65", "1000000", "1e3", "a", "1.5", "9" * 5000, "0x10", "²"),
    "seed": ("a", "1.5", "9" * 30, "nan", "--1", "1e3"),
    "contrast": ("nothing", "Percentile", "0"),
    "original_frame": ("yes", "1", "True", "null"),
    "format": ("xml", "JSON", "image/png", "../tiff"),
    "picture": ("all", "Composite", "0"),
}


def _post(body, media=CONTENT_TYPE[1], accept="*/*"):
    return request("/integrate", body, [("Content-Type", media), ("Accept", accept)])


def _with(subject, texts, name="a.tif", content=None):
    return _post(form([("stack", name, subject.stack if content is None else content), *fields(texts)]))


def no_form(rng, subject):
    media = rng.choice((JSON, "text/plain", "application/x-www-form-urlencoded", "image/tiff", "multipart/mixed", ""))
    return _post(rng.choice((subject.stack, b"{}", b"stack=a.tif", b"")), media)


def no_boundary(rng, subject):
    body = form([("stack", "a.tif", subject.stack), *fields()])
    media = rng.choice(
        ("", "; boundary=", "; boundary=other", '; boundary="', "; boundary=\xff", "; boundary=" + "a" * 5000)
    )
    return _post(body, "multipart/form-data" + media)


def form_cut(rng, subject):
    body = form([*fields(), ("stack", "a.tif", subject.stack)])
    return _post(body[: rng.randrange(len(body) - len(BOUNDARY) - 10)])


def form_of_noise(rng, subject):
    start = f"--{BOUNDARY}\r\n".encode()
    return _post(rng.choice((b"", start, start * 2000, start + b"\r\n\r\n", b"\r\n" * 500)) + rng.randbytes(300))


def odd_heads_of_parts(rng, subject):
    head = rng.choice(
        (
            b"",
            b"Content-Disposition: form-data",
            b'Content-Disposition: attachment; name="stack"; filename="a.tif"; filename*=x',
            b'Content-Disposition: form-data; name=""; filename="a.tif"',
            b'Content-Disposition: form-data; name="\xff\xfe"; filename="a.tif"',
            b"X-" + b"a" * 20_000 + b": 1",
            b"\r\n".join(b"X-%d: 1" % i for i in range(3000)),
            b"no colon",
            b"\0: \0",
        )
    )
    return _post(f"--{BOUNDARY}\r\n".encode() + head + b"\r\n\r\nx\r\n" + form([]))


def many_fields(rng, subject):
    count = rng.randint(20, 5000)
    parts = [(rng.choice((f"f{i}", "channels", "")), None, b"1") for i in range(count)]
    return _post(form([("stack", "a.tif", subject.stack), *parts]))


def many_files(rng, subject):
    return _post(
        form([(rng.choice(("stack", "segmentation", f"f{i}")), "a.tif", b"x") for i in range(rng.randint(3, 1000))])
    )


def unknown_field(rng, subject):
    name = rng.choice(
        ("", "path", "file", "model", "__class__", "Channels", "stack ", "channels[]", "a" * 5000, "\u202e")
    )
    return _with(subject, FIELDS | {name: "1"})


def given_twice(rng, subject):
    name = rng.choice(sorted(FIELDS))
    return _post(form([("stack", "a.tif", subject.stack), *fields(), (name, None, FIELDS[name].encode())]))


def no_stack(rng, subject):
    parts = rng.choice(([], [("stack", None, b"a.tif")], [("stack", None, b"/etc/passwd")], [("stack", "", b"")]))
    return _post(form([*parts, *fields()]))


def file_as_text(rng, subject):
    name = rng.choice(sorted(WRONG))
    return _post(form([("stack", "a.tif", subject.stack), (name, "a.txt", b"1")]))


def text_as_file(rng, subject):
    path = rng.choice(("/etc/passwd", "../a.tif", "stack.tif", "none", "AUTO"))
    return _with(subject, {"channels": FIELDS["channels"], "segmentation": path})


def no_utf8_text(rng, subject):
    name = rng.choice(sorted(WRONG))
    text = rng.choice((b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\0", b"\r\n\r\n"))
    return _post(form([("stack", "a.tif", subject.stack), *fields({**FIELDS, name: ""})[:1], (name, None, text)]))


def odd_file_name(rng, subject):
    """Names like paths: what is in the file is no image, and no other file is read in its place."""
    return _with(subject, FIELDS, rng.choice(NAMES), rng.randbytes(100))


def wrong_accept(rng, subject):
    accept = rng.choice(("text/html", "image/jpeg", "video/*", "nonsense", "\xff", "image/png2;q=1"))
    return _post(form([("stack", "a.tif", subject.stack), *fields()]), accept=accept)


def wrong_text(rng, subject):
    name = rng.choice(sorted(WRONG))
    return _with(subject, FIELDS | {name: rng.choice(WRONG[name])})
