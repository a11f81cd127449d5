"""Files that are either whole or not there."""

import contextlib
import os
import re
from pathlib import Path


@contextlib.contextmanager
def atomic_write(path):
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


LONGEST_NAME = 100


def stem(path) -> str:
    """A file's name without its endings: a.ome.tif -> a."""
    name, ending = os.path.splitext(os.path.basename(os.path.normpath(path)))
    return os.path.splitext(name)[0] if ending and name.lower().endswith(".ome") else name


def safe_names(names) -> list[str]:
    """Makes names safe in file names, and unique even where upper and lower case are one, by numbering them."""
    taken, result = set(), []
    for name in names:
        name = base = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:LONGEST_NAME].strip("._") or "cell"
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.lower())
        result.append(name)
    return result


def prepare_output(output, paths, overwrite):
    """Makes a folder for files. Raises: FileExistsError: one of them exists, and overwrite is off."""
    existing = [path for path in paths if path.exists()]
    if existing and not overwrite:
        raise FileExistsError(
            f"{existing[0]} exists{f', and {len(existing) - 1} more' if existing[1:] else ''}: "
            "give another --output, or --overwrite to replace them"
        )
    output.mkdir(parents=True, exist_ok=True)
