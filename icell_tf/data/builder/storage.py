"""The folder that a build writes to: one build at a time, no leftovers, and errors in a sentence."""

import contextlib
import errno
import pathlib
import shutil
import tempfile

from icell_tf import files, messages

_SET_ASIDE = "replaced."  # and the version: a data set while another one takes its place
_REMEDIES = {
    errno.ENOSPC: "Free space there",
    errno.EDQUOT: "Free space there",
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "Make it writable"),
}


@contextlib.contextmanager
def building(folder):
    """Makes the folder of a data set's versions, and locks it; mends what a killed build left in it, see `restore`.

    The system releases the lock when the process ends, however it ends. Some network file systems have no locks.

    Raises: BuildError: the folder can't be made or written to, in a sentence, also at any time within the block; or
      another process builds there.
    """
    folder = pathlib.Path(folder)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    with explaining(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock, alone = _locked(folder)
            with lock:
                if alone:
                    _mend(folder)
                yield
        finally:
            for path in made:  # those that are still empty
                with contextlib.suppress(OSError):
                    path.rmdir()


def restore(folder):
    """Puts a data set back that a build which was killed had set aside, without the new one in its place.

    Args: folder: of a data set's versions. Raises: BuildError: as of `building`.
    """
    if any(pathlib.Path(folder).glob(f"{_SET_ASIDE}*")):
        with building(folder):
            pass


def _mend(folder):
    """Puts back, or removes if a new one has its place, what `replacing` had set aside; removes what isn't complete."""
    for old in folder.glob(f"{_SET_ASIDE}*"):
        version = folder / old.name.removeprefix(_SET_ASIDE)
        if version.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(version)
            messages.show(f"The data set in {version}, which an interrupted build had set aside, is back in its place.")
    for left in folder.glob("incomplete.*"):
        shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def replacing(folder):
    """Lets a data set be built beside the one that it replaces once it is complete. Needs room for both.

    Args: folder: of the data set that lies there: DATA_DIR/NAME/CONFIG/VERSION.
    Yields: a data_dir on the same file system, in which the block builds NAME/CONFIG/VERSION.
    Raises: BuildError: as of `building`; and as of the block. After any error the old data set is as it was. After a
      kill between the two renames at the very end, `restore` and the next build put it back.
    """
    folder = pathlib.Path(folder)
    try:
        with building(folder.parent):
            # `building` removes incomplete.*, should this process be killed, and puts back what is set aside.
            set_aside = folder.with_name(f"{_SET_ASIDE}{folder.name}")
            beside = pathlib.Path(tempfile.mkdtemp(prefix="incomplete.", dir=folder.parent))
            try:
                yield beside
                folder.rename(set_aside)
                beside.joinpath(*folder.parts[-3:]).rename(folder)
            finally:
                if not folder.exists():
                    set_aside.rename(folder)
                for left in (set_aside, beside):
                    shutil.rmtree(left, ignore_errors=True)
    except BuildError as error:
        raise BuildError(f"{error} The data set in {folder} is as it was.") from error


def _locked(folder):
    """Enters `files.locked`; returns the `ExitStack` that leaves it, and what it yields. Raises: BuildError."""
    stack = contextlib.ExitStack()
    try:
        return stack, stack.enter_context(files.locked(folder))
    except BlockingIOError as error:
        raise BuildError(f"Another process builds in {folder}: let it end, or give this one another name.") from error


class BuildError(ValueError):
    """A data set that can't be written. The message is a sentence."""


@contextlib.contextmanager
def explaining(folder):
    """Turns errors of writing into a sentence. Raises: BuildError."""
    try:
        yield
    except ValueError:  # of the cells, of what is there already, or said before
        raise
    except Exception as error:
        found = messages.system_error(error)
        if found is None and not isinstance(error, OSError):
            raise  # no error of writing
        remedy, why = _REMEDIES.get(found and found.errno, "Look at the disk"), found.strerror if found else error
        raise BuildError(
            f"The data set can't be written in {folder} ({why}), and nothing is left of it. {remedy}, or "
            "give another --data_dir; then run the same command again."
        ) from error
