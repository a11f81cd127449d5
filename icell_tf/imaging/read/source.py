"""What every file format's module returns: a file's array and its metadata, before any voxel is read."""

import contextlib
import dataclasses
import errno
import math
import os
from collections.abc import Callable, Sequence

import numpy as np

UNKNOWN_SCALE = (math.nan,) * 3
CODECS = "Save it uncompressed, or install what it needs: pip install 'icell_tf[codecs]'."
_SYSTEM = {  # what to do about an error of the operating system
    errno.EACCES: "Change its permissions (chmod u+r), or copy it.",
    errno.EPERM: "Change its permissions (chmod u+r), or copy it.",
    errno.ENOENT: "It was there before: don't move or delete files while they are read.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n), then try again.",
}


class StackError(ValueError):
    """A file that can't be used as it is; the message names the file, what was found and what to do."""


@contextlib.contextmanager
def parser_errors(path: str, problem: str):
    """Turns any error within the block into a `StackError`: a damaged file makes its parser raise errors of any type.

    The message says what to do about the cause: a missing package, the memory, the disk or the network, or the file.

    Args: path, problem: of the message, such as "can't be read as a TIFF".
    """
    try:
        yield
    except StackError:
        raise
    except Exception as error:
        message, advice = _cause(error)
        raise StackError(f"{path}: {problem}: {message}. {advice}") from error


def _cause(error):
    """Returns an error's cause and what to do about it, a sentence each."""
    text = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, MemoryError):
        return "the memory isn't large enough for it", "Close other programs, cut the image into parts, or crop it."
    if type(error).__name__ == "UnknownCodecError":  # of Zarr, and of its package numcodecs
        return text, "Save it uncompressed, or compressed with blosc, zstd or gzip."
    if "imagecodecs" in text:
        return text, CODECS
    if isinstance(error, ImportError):
        return text, "Install that package, or export the image as OME-TIFF."
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno), _SYSTEM.get(error.errno, "See to the disk or the network, then try again.")
    return f"{type(error).__name__}: {text}", "Copy it again, or export it as OME-TIFF."


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A file's array, before its axes are known for certain.

    Attributes:
      shape, dtype: of the array as it is stored.
      axes: a letter for each dimension: T, C, Z, Y, X, S (samples of an RGB image), or any other if the file doesn't
        say.
      read: takes an int or slice for each dimension, returns that part of the array; ints drop their dimension.
      channels: names; empty if the file has none.
      scale: (z, y, x) in µm; nan if the file doesn't say.
      note: how several files were put together, for the user to check; the same text for all that are put together so.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    axes: str
    read: Callable[[tuple], np.ndarray]
    channels: tuple[str, ...] = ()
    scale: tuple[float, float, float] = UNKNOWN_SCALE
    note: str = ""


def choose_scene(path: str, names: Sequence[str], scene) -> int:
    """Returns the number of a file's only scene (position, series), or of the one given by name or number.

    Raises: StackError: there are several scenes and none is given, there is no such scene, or more than one.
    """
    listed = ", ".join(f"{i}: {name}" for i, name in enumerate(names))
    if scene is None:
        if len(names) == 1:
            return 0
        raise StackError(
            f"{path}: holds {len(names)} scenes ({listed}); one is expected. Choose it by number or name, with "
            "--scene or in the column scene of a fields.csv, or save each as a file of its own."
        )
    scene = str(scene)
    number = int(scene) if scene.isdecimal() else None
    by_name = [i for i, name in enumerate(names) if name == scene.removeprefix("name=")]
    by_name += [i for i, name in enumerate(names) if name.isdecimal() and int(name) == number]  # 01 is 1, too
    by_number = [] if number is None or number >= len(names) else [number]
    found = set(by_name + by_number)
    if len(found) > 1:
        raise StackError(
            f"{path}: the scene {scene!r} may be any of {', '.join(map(str, sorted(found)))}; its scenes are {listed}. "
            "Give a number that is no name, or a name as name=NAME."
        )
    if not found:
        raise StackError(f"{path}: there is no scene {scene!r}; its scenes are {listed}.")
    return found.pop()
