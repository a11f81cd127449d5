"""Folders of exports, which appear complete or not at all."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from icell_tf.messages import system_error


@contextlib.contextmanager
def complete_folder(target):
    """Yields a hidden folder beside `target` to write to, and renames it to `target` once it is complete.

    After an error, nothing is left. Only a kill leaves the hidden folder, .export-...

    Raises: OSError: it can't be written, as on a full disk, or exists by now; it names `target`.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".export-", dir=target.parent))
        try:
            yield temporary
            temporary.chmod(0o755)  # mkdtemp makes it private, and a server may run as another user
            os.rename(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except Exception as error:
        if found := system_error(error):  # also behind an error of TensorFlow's
            raise OSError(found.errno, found.strerror, str(target)) from error
        raise
