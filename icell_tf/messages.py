"""Messages for the user: printed on any terminal; and what is behind the errors of other packages, in a sentence."""

import contextlib
import errno
import os
import re
import subprocess
import sys
import zipfile

# What to do, by the system's error; the others need no advice.
ADVICE = {
    errno.ENOSPC: "free space there, or give another folder, and run the same command again",
    errno.EDQUOT: "free space there, or give another folder, and run the same command again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), or give another folder",
    errno.EACCES: "change its permissions, or give another path",
    errno.EPERM: "change its permissions, or give another path",
    errno.EROFS: "give another folder",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.EIO: "its disk failed: look at the disk, then run the same command again",
    errno.ESTALE: "its network file system was lost: run the same command again",
}
# Whose words are looked for in other packages' messages; words such as "Invalid argument" are also those of programs.
_TOLD = (*ADVICE, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
# What TensorFlow's C++ libraries write about themselves while they are loaded, whatever TF_CPP_MIN_LOG_LEVEL says.
_START_LINES = r"^(I[0-9]{4} |WARNING: All log messages before absl::InitializeLog)"
# The README of the data set, which lies in the package: who reads a message may have no checkout.
DATA_SET_README = os.path.join(os.path.dirname(__file__), "data", "builder", "README.md")
NO_HOME = "Could not determine home directory."  # pathlib's RuntimeError
DAMAGED = "a file is damaged: copy or make it again"


def show(text):
    """Prints a line at once. Characters that the terminal or the log can't encode are written as \\u03b1."""
    try:
        print(text, flush=True)
    except UnicodeEncodeError as error:
        print(str(text).encode(error.encoding, "backslashreplace").decode(error.encoding), flush=True)


def counted(count, noun):
    """Returns 1 cell, 2 cells, 1,000 cells."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


@contextlib.contextmanager
def quiet_start():
    """Within, TensorFlow is imported without the lines of information that its libraries write to the standard error.

    All other lines appear: another process, grep, picks them out, so that also those come through with which a library
    ends this process, as where the processor lacks instructions. Without grep all lines do.
    """
    if "tensorflow" in sys.modules or sys.stderr is None:
        yield
        return
    try:
        others = subprocess.Popen(["grep", "-vE", _START_LINES], stdin=subprocess.PIPE, stdout=2)
    except OSError:
        yield
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    os.dup2(others.stdin.fileno(), 2)
    others.stdin.close()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process started within may hold the pipe
            others.wait(5)


@contextlib.contextmanager
def sentences(command=None):
    """Ends the process with a sentence, not a traceback, after an error that the user can correct; see `explain`.

    It also makes all that is printed printable. Args: command: only where this one was started, as `tfds`.
    """
    if command and os.path.basename(sys.argv[0]) != command:
        yield
        return
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a stream that replaces them may not have it
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    except Exception as error:
        sentence = explain(error)
        if sentence is None:  # an error of the program
            raise
        if command:  # its progress bar has not ended the line
            print(file=sys.stderr)
        sys.exit(f"Error: {sentence}")


@contextlib.contextmanager
def enough_memory(what, advice):
    """Says what needs more memory than there is, and what to do about it. Raises: ValueError, for a MemoryError."""
    try:
        yield
    except MemoryError as error:
        raise ValueError(f"{what} needs more memory than there is ({_first_line(error)}): {advice}") from error


def system_error(error):
    """Finds the system's error behind that of another package, such as TensorFlow's or HDF5's.

    Returns: an `OSError` with errno, strerror and, where it is told, filename; None if there is none.
    """
    if isinstance(error, OSError | RuntimeError) or _is_of_tensorflow(error):
        text = str(error)
        if found := re.search(r"\berrno = (\d+)", text):  # HDF5's, which may be an OSError with these words as strerror
            path = re.search(r"name = '(.*?)'", text)
            return _system_error(int(found[1]), path and path[1])
        if isinstance(error, OSError) and error.errno:
            return error
        if re.fullmatch(r"\d+ requested and \d+ written", text):  # NumPy's, and so tifffile's, of a full disk
            return _system_error(errno.ENOSPC, None)
        for number in _TOLD:
            if found := re.search(rf"(?:([^\n{{}}]+); )?{re.escape(os.strerror(number))}", text):
                return _system_error(number, found[1])  # "FILE; No space left on device", as TensorFlow has it
    return system_error(error.__cause__) if error.__cause__ else None


def _system_error(number, path):
    return OSError(number, os.strerror(number), path and path.strip())


def _is_of_tensorflow(error):
    return type(error).__module__.startswith("tensorflow.")


def explain(error):
    """Says in a sentence what the user can correct.

    Returns: the sentence; None if the error is none that a user can correct, but one of the program.
    """
    if isinstance(error, ValueError | ImportError):  # ImportError: a format whose package is not installed
        return str(error)
    if found := system_error(error):
        where = f"{found.filename}: {found.strerror}" if found.filename else _first_line(error)
        return "; ".join(filter(None, (where, ADVICE.get(found.errno))))
    if isinstance(error, OSError):
        return str(error)
    if isinstance(error, zipfile.BadZipFile) or _is_of_tensorflow(error) and type(error).__name__ == "DataLossError":
        return f"{DAMAGED} ({_first_line(error)})"
    if str(error) == NO_HOME:
        return "a path begins with ~, but that home directory is not known: write the whole path, or set HOME"
    return None


def reason(error):
    """Returns what an error says in one line; the system's words where an error of the system is behind it."""
    found = system_error(error)
    return found.strerror if found else _first_line(error)


def _first_line(error):
    return (str(error) or type(error).__name__).partition("\n")[0]
