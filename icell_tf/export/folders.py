"""Folders and files of exports, which appear complete or not at all, and are never overwritten."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from icell_tf.messages import system_error


def never_overwrite(target, remedy="give another --output, or remove it"):
    """Raises: FileExistsError: the file or folder exists."""
    if Path(target).exists():
        raise FileExistsError(f"{target} exists and is not overwritten: {remedy}")


@contextlib.contextmanager
def complete_folder(target):
    """Yields a hidden folder beside `target` to write to, and renames it to `target` once it is complete.

    Raises: FileExistsError: it exists by now, as another export wrote it. OSError: as of `work_folder`.
    """
    with work_folder(target) as temporary:
        yield temporary
        temporary.chmod(0o755)  # mkdtemp makes it private, and a server may run as another user
        never_overwrite(target)
        os.rename(temporary, target)


@contextlib.contextmanager
def work_folder(target):
    """Yields a hidden folder beside `target`, of this export alone, which is gone at the end.

    Only a kill leaves it, .export-...

    Raises: OSError: it can't be written, as on a full disk; it names `target`.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".export-", dir=target.parent))
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except Exception as error:
        if found := system_error(error):  # also behind an error of TensorFlow's
            raise OSError(found.errno, found.strerror, str(target)) from error
        raise
