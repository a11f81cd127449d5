"""Files that are written whole or not at all, their names, and folders for output."""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import unicodedata
from pathlib import Path

from icell_tf.messages import system_error

_MAX_LENGTH = 100  # of a name that `safe_names` makes


@contextlib.contextmanager
def atomic_write(path):
    """Yields a path to write to, partial.NAME beside `path`, and renames it to `path` once it is complete and on disk.

    After an error, `path` is as it was before. Only a kill leaves the partial file, which the next writer replaces.
    """
    path = Path(path)
    partial = path.with_name("partial." + path.name)  # keeps the ending: Keras insists on .weights.h5
    try:
        with naming(path):
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
            yield partial
            sync(partial)
            partial.replace(path)
            sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # a folder that can't be written: the first error says it
            partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_folder(path):
    """As `atomic_write`, of a folder, which is empty when it is yielded. What exists at `path` is replaced."""
    path = Path(path)
    partial, old = (path.with_name(prefix + path.name) for prefix in ("partial.", "replaced."))
    try:
        with naming(path):
            _remove(partial)
            partial.mkdir()
            yield partial
            for file in partial.rglob("*"):
                sync(file)
            if os.path.lexists(path):
                _remove(old)
                path.rename(old)
            partial.rename(path)
            sync(path.parent)
    finally:
        if os.path.lexists(old) and not os.path.lexists(path):
            old.rename(path)
        for each in (partial, old):
            _remove(each)


def _remove(path):
    """Removes a folder, a file or a link, if it is there and can be removed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path):
    """Gives errors of the system within that name no file, as of a full disk, the name of this file or folder."""
    try:
        yield
    except OSError as error:
        if not error.errno and (found := system_error(error)):  # NumPy's, which has only words
            raise OSError(found.errno, found.strerror, os.fspath(path)) from error
        if error.errno and not error.filename:
            error.filename = os.fspath(path)
        raise


@contextlib.contextmanager
def locked(folder):
    """Locks a folder against other processes. The system releases the lock when the process ends, however it ends.

    Yields: whether it could: some network file systems have no locks.
    Raises: BlockingIOError: another process holds the lock. OSError: the folder can't be opened.
    """
    directory = os.open(folder, os.O_RDONLY)
    try:
        alone = True
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            alone = False
        yield alone
    finally:
        os.close(directory)


def sync(path):
    """Writes a file's content, or a folder's names, to the disk, where they survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stem(path) -> str:
    """Returns a file's name without its endings: a.ome.tif -> a."""
    name, ending = os.path.splitext(os.path.basename(os.path.normpath(path)))
    return os.path.splitext(name)[0] if ending and name.lower().endswith(".ome") else name


def on_disk(path) -> str:
    """Returns a path as its folders list it: é may be one character or two (NFC, NFD), as systems write it differently.

    A path that exists is returned as it is, and so is one that doesn't in any spelling.
    """
    path = os.fspath(path)
    if not path or path.isascii() or os.path.lexists(path):
        return path
    folder, name = os.path.split(path)
    if not name or folder == path:
        return path
    folder = on_disk(folder)
    try:
        found = [other for other in os.listdir(folder or os.curdir) if nfc(other) == nfc(name)]
    except OSError:
        found = []
    return os.path.join(folder, found[0] if len(found) == 1 else name)


def nfc(name) -> str:
    """Returns a name in NFC, which is the same for all spellings that look the same."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def safe_names(names) -> list[str]:
    """Makes names safe in file names, and numbers them to be unique on file systems that ignore case, too."""
    used, result = set(), []
    for name in names:
        name = base = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:_MAX_LENGTH].strip("._") or "cell"
        number = 1
        while name.lower() in used:
            number += 1
            name = f"{base}-{number}"
        used.add(name.lower())
        result.append(name)
    return result


def prepare_output(output, paths, overwrite):
    """Makes a folder for the files `paths`.

    Raises: FileExistsError: one of them exists, and overwrite is off. NotADirectoryError: there is a file in the
      folder's place, or in that of a folder that it lies in.
    """
    refuse_existing(paths, overwrite)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(f"--output: {output} can't be a folder: a file lies there; give another") from None


def refuse_existing(paths, overwrite):
    """Raises: FileExistsError: one of the files exists, and overwrite is off."""
    existing = [path for path in paths if path.exists()]
    if existing and not overwrite:
        raise FileExistsError(
            f"{existing[0]} exists{f', and {len(existing) - 1} more' if existing[1:] else ''}: "
            "give another --output, or --overwrite to replace them"
        )
