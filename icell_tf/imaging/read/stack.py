"""A stack: named channels of voxels with their size, read from the file when they are needed."""

import dataclasses

import numpy as np

from icell_tf.imaging.read.source import Source, StackError


@dataclasses.dataclass(frozen=True, eq=False)
class Stack:
    """A stack of one field or cell. Its voxels stay in the file until `channel` or `data` reads them.

    Attributes:
      source: the file's array.
      axes: a letter for each of its dimensions.
      channels: a name for each channel; empty if it has none.
      scale: (z, y, x), µm per voxel; z is nan if it is not known (a projected picture doesn't need it).
      path: the file, for errors.
      guesses: what was guessed, or is said otherwise by the file, for the user to check: a sentence each.
    """

    source: Source
    axes: str
    channels: tuple[str, ...]
    scale: tuple[float, float, float]
    path: str = ""
    guesses: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(C, Z, Y, X)."""
        return czyx_shape(self.source.shape, self.axes)

    @property
    def dtype(self) -> np.dtype:
        """The type of `data`: the file's, in this machine's byte order; float32 for float16, which SciPy refuses."""
        dtype = self.source.dtype.newbyteorder("=")
        return np.dtype(np.float32) if dtype == np.float16 else dtype

    @property
    def data(self) -> np.ndarray:
        """All channels, (C, Z, Y, X), in the file's own intensities; read again at each call."""
        return self._read(slice(None), slice(None))

    def channel(self, index_or_name: int | str) -> np.ndarray:
        """Reads a channel: an int is its index from 0, a str its name, also where it consists of digits.

        Returns:
          (Z, Y, X) in the file's own intensities; read-only, because it may be the file itself, mapped into memory.

        Raises: StackError: there is no such channel, or more than one, or the file is damaged.
        """
        number = self.channel_number(index_or_name)
        c, s = divmod(number, dict(zip(self.axes, self.source.shape, strict=True)).get("S", 1))
        return self._read(c, s)[0]

    def channel_number(self, index_or_name: int | str) -> int:
        """Returns the index of a channel, given by its index or its name. Raises: StackError: as `channel`."""
        path = self.path or "The stack"
        if not isinstance(index_or_name, str):
            if 0 <= index_or_name < len(self.channels):
                return int(index_or_name)
            raise StackError(f"{path}: there is no channel {index_or_name}; its channels are {self.listed}.")
        found = [i for i, name in enumerate(self.channels) if name == index_or_name != ""]
        if len(found) > 1:
            raise StackError(
                f"{path}: several channels are called {index_or_name!r} ({self.listed}). Give their numbers instead."
            )
        if not found:
            raise StackError(f"{path}: there is no channel called {index_or_name!r}; its channels are {self.listed}.")
        return found[0]

    @property
    def listed(self) -> str:
        """The channels, for messages: 0: membrane, 1: dna, 2 (no name)."""
        return ", ".join(f"{i}: {name}" if name else f"{i} (no name)" for i, name in enumerate(self.channels))

    def _read(self, c, s):
        """Reads channels and samples, (C, Z, Y, X)."""
        data, letters = read_part(self.source, self.axes, C=c, S=s)
        data = data.astype(self.dtype, copy=False)
        order = [letter for letter in "CSZYX" if letter in letters]
        data = np.transpose(data, [letters.index(letter) for letter in order])
        present = iter(data.shape)
        shape = [next(present) if letter in order else 1 for letter in "CSZYX"]
        return data.reshape(shape[0] * shape[1], *shape[2:])


def czyx_shape(shape, axes) -> tuple[int, int, int, int]:
    """Returns (C, Z, Y, X) of an array with these axes; the samples of an RGB image are channels."""
    sizes = {letter: 1 for letter in "CSZYX"} | dict(zip(axes, shape, strict=True))
    return sizes["C"] * sizes["S"], sizes["Z"], sizes["Y"], sizes["X"]


def read_part(source: Source, axes: str, **index) -> tuple[np.ndarray, str]:
    """Reads a part of an array: the given ints or slices of C, S and Z, all of Y and X, and 0 on any other axis.

    Returns: the array, and the letters of its dimensions.
    """
    chosen = [index.get(letter, slice(None)) if letter in "CSZYX" else 0 for letter in axes]
    letters = "".join(letter for letter, i in zip(axes, chosen, strict=True) if isinstance(i, slice))
    return source.read(tuple(chosen)), letters
