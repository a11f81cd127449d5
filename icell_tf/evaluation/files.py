"""Files that are either whole or not there."""

import os
from contextlib import contextmanager


@contextmanager
def whole(path):
    """Yields a path to write to; the file appears under its own name only when all of it is there."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
