"""Messages that any terminal takes, and sentences in place of other packages' errors."""

import errno
import io
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest
import tensorflow as tf

from icell_tf import messages


def terminal(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "α µm"), ("latin-1", "\\u03b1 µm"), ("ascii", "\\u03b1 \\xb5m")]
)
def test_any_terminal_takes_a_line(monkeypatch, encoding, shown):
    monkeypatch.setattr("sys.stdout", terminal(encoding))
    messages.show("α µm")
    with messages.sentences():
        print("α µm", flush=True)
    messages.sys.stdout.seek(0)
    assert messages.sys.stdout.read() == 2 * f"{shown}\n"


FULL = "No space left on device"


def chained(error, cause):
    error.__cause__ = cause
    return error


def of_no_home():
    with pytest.raises(RuntimeError) as raised:
        pathlib.Path("~no.such.user/x").expanduser()
    return raised.value


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.ENOSPC, FULL, "a b/x.png"),
            "a b/x.png: No space left on device; free space there.*same command",
        ),
        (
            tf.errors.ResourceExhaustedError(None, None, "/a b/[1]/variables.tempstate12; " + FULL),
            r"/a b/\[1\]/variables.tempstate12: No space left.*; free space",
        ),
        (
            tf.errors.OutOfRangeError(None, None, "{{function_node f}} /x/data.tempstate1; File too large [Op:SaveV2]"),
            "^/x/data.tempstate1: File too large; raise the limit.*ulimit -f",
        ),
        (
            tf.errors.PermissionDeniedError(None, None, "/x; Permission denied"),
            "/x: Permission denied; change its perm",
        ),
        (
            tf.errors.FailedPreconditionError(None, None, "/x; Read-only file system"),
            "/x: Read-only file system; give another folder",
        ),
        (tf.errors.NotFoundError(None, None, "/x; No such file or directory"), "^/x: No such file or directory$"),
        (
            OSError(f"Can't write data (file write failed: filename = 'a.h5', errno = 28, error message = '{FULL}')"),
            "^a.h5: No space left on device; free space",
        ),
        (
            OSError(28, "Can't write (filename = 'a.h5',\n errno = 28, error message = ...)"),
            "^a.h5: No space left on device;",
        ),
        (
            RuntimeError("Can't decrement id ref count (file write failed: filename = 'a.h5', errno = 5, error)"),
            "^a.h5: Input/output error; its disk failed",
        ),
        (OSError("100000 requested and 8176 written"), "requested and 8176 written; free space there"),  # NumPy's
        (chained(RuntimeError("PermissionError: reraised"), PermissionError(errno.EACCES, "", "/d")), "^/d: "),
        (tf.errors.DataLossError(None, None, "corrupted record at 0"), "damaged: copy.*corrupted record"),
        (zipfile.BadZipFile("File is not a zip file"), "damaged: copy.*not a zip file"),
        (FileNotFoundError("there is no folder x"), "^there is no folder x$"),
        (ImportError("pip install x"), "^pip install x$"),
        (of_no_home(), "^a path begins with ~, but that home directory is not known: write the whole path"),
    ],
)
def test_what_a_user_can_correct_is_said_in_a_sentence(error, sentence):
    with pytest.raises(AssertionError, match=sentence):
        raise AssertionError(messages.explain(error))


@pytest.mark.parametrize(
    "error",
    [
        KeyError("Permission denied"),
        TypeError("x"),
        RuntimeError("x"),
        AttributeError("x"),
        tf.errors.InvalidArgumentError(None, None, "Matrix size-incompatible: Invalid argument"),
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
    ],
)
def test_an_error_of_the_program_is_not_explained_away(error):
    assert messages.explain(error) is None


def test_sentences_in_place_of_tracebacks_only_where_the_command_was_started(monkeypatch):
    error = OSError(errno.EROFS, os.strerror(errno.EROFS), "a")
    monkeypatch.setattr("sys.argv", ["/usr/bin/tfds", "build"])
    with pytest.raises(SystemExit, match="^Error: a: Read-only file system; "), messages.sentences("tfds"):
        raise error
    with pytest.raises(KeyError), messages.sentences("tfds"):
        raise KeyError
    monkeypatch.setattr("sys.argv", ["pytest"])
    with pytest.raises(OSError), messages.sentences("tfds"):
        raise error


def test_a_reason_is_the_systems():
    assert messages.reason(OSError("failed (errno = 28, ...)")) == os.strerror(28) == FULL
    assert messages.reason(KeyError("a")) == "'a'"


START = """
import os, sys
from icell_tf.messages import quiet_start

os.environ["PATH"] = sys.argv[2]
with quiet_start():
    print("from Python", file=sys.stderr)
    os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
    os.write(2, b"I0000 00:00:1796046472.563398 3674 port.cc:153] oneDNN custom operations are on.\\n")
    os.write(2, b"E0000 00:00:1796046472.563398 3674 cuda.cc:1] the driver is too old\\n")
    if sys.argv[1] == "abort":
        os.abort()
print("later", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("end", "path", "lines"),
    [
        ("exit", None, ["from Python", "E0000", "later"]),
        ("abort", None, ["from Python", "E0000"]),
        ("exit", "", ["from Python", "WARNING:", "I0000", "E0000", "later"]),  # there is no grep
    ],
)
def test_of_what_tensorflow_says_at_its_start_only_information_is_left_out(end, path, lines):
    command = [sys.executable, "-c", START, end, os.environ["PATH"] if path is None else path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode == 0) == (end == "exit")
    found = [line for line in done.stderr.splitlines() if "Fatal Python error" not in line]
    assert len(found) == len(lines) and all(map(str.startswith, found, lines))
