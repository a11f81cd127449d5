"""Files that are either whole or not there."""

import contextlib
import os
from pathlib import Path


@contextlib.contextmanager
def whole(path):
    """Yields a path to write to, partial.NAME beside `path`, which takes its place once complete and on the disk.

    After an error, `path` is as it was before; only a kill leaves the partial file, which the next writer replaces.
    """
    path = Path(path)
    partial = path.with_name("partial." + path.name)  # the same ending: Keras, for one, insists on .weights.h5
    try:
        yield partial
        sync(partial)
        partial.replace(path)
        sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # a folder that can't be written: the first error says so
            partial.unlink(missing_ok=True)
        raise


def sync(path):
    """Returns once a file's content, or a folder's names, would survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
