"""What every file format's module hands over: a file's array with what the file says of it, no voxel read yet."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

UNKNOWN_SCALE = (math.nan,) * 3


class StackError(ValueError):
    """A file that can't be used as it is; the message names it, what was found and what to do."""


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A file's array, before its axes are settled.

    Attributes:
      shape, dtype: of the array as it is stored.
      axes: a letter for each dimension: T, C, Z, Y, X, S (samples of an RGB image), any other one where the file
        doesn't say.
      read: from an int or slice for each dimension to that part of the array; ints drop their dimension.
      channels: names, empty where the file has none.
      scale: (z, y, x) in µm, nan where the file doesn't say.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    axes: str
    read: Callable[[tuple], np.ndarray]
    channels: tuple[str, ...] = ()
    scale: tuple[float, float, float] = UNKNOWN_SCALE


def choose_scene(path: str, names: Sequence[str], scene) -> int:
    """The number of the one scene (position, series) of a file, or of the one given by name or number.

    Raises:
      StackError: there are several and none is given, or there is no such scene.
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
