"""What every file format's module returns: a file's array and its metadata, before any voxel is read."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

UNKNOWN_SCALE = (math.nan,) * 3


class StackError(ValueError):
    """A file that can't be used as it is; the message names the file, what was found and what to do."""


@contextlib.contextmanager
def parser_errors(path: str, problem: str):
    """Turns any error within the block into a `StackError`: a damaged file makes its parser raise errors of any type.

    Args: path, problem: of the message, such as "can't be read as a TIFF".
    """
    try:
        yield
    except StackError:
        raise
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise StackError(f"{path}: {problem}: {message}. Copy it again, or export it as OME-TIFF.") from error


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
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    axes: str
    read: Callable[[tuple], np.ndarray]
    channels: tuple[str, ...] = ()
    scale: tuple[float, float, float] = UNKNOWN_SCALE


def choose_scene(path: str, names: Sequence[str], scene) -> int:
    """Returns the number of a file's only scene (position, series), or of the one given by name or number.

    Raises: StackError: there are several scenes and none is given, or there is no such scene.
    """
    listed = ", ".join(f"{i}: {name}" for i, name in enumerate(names))
    if scene is None:
        if len(names) == 1:
            return 0
        raise StackError(
            f"{path}: holds {len(names)} scenes ({listed}); one is expected. Save each as a file of its own; in "
            "Python, read_stack takes scene=NAME_OR_NUMBER."
        )
    scene = str(scene)
    if scene in names:
        return list(names).index(scene)
    if scene.isdigit() and int(scene) < len(names):
        return int(scene)
    raise StackError(f"{path}: there is no scene {scene!r}; its scenes are {listed}.")
