"""NumPy's .npy and .npz: an array of numbers, without axes, names of channels or pixel size."""

import io
import zipfile

import numpy as np

from icell_tf.imaging.read.source import Source, StackError, choose_scene, parser_errors

NPY, NPZ = b"\x93NUMPY", b"PK\x03\x04"  # how the files start
_PROBLEM = "can't be read as NumPy's arrays"
_MAX_HEADER = 2**16  # bytes, more than NumPy takes
_ENDING = ".npy"  # of each array in a .npz


def open_npy(path: str, scene=None) -> Source:
    """Maps the array into memory. Raises: StackError: the file is damaged, or holds Python objects."""
    choose_scene(path, [path], scene)
    with parser_errors(path, _PROBLEM):
        with open(path, "rb") as file:
            _read_header(path, file)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    return _source(array.shape, array.dtype, lambda index: np.asarray(array[index]))


def open_npz(path: str, scene=None) -> Source:
    """Reads the header of the file's only array, or of the one chosen as a scene, by its name or number.

    Raises: StackError: the file is damaged, has no array, several arrays and none is chosen, or Python objects.
    """
    with parser_errors(path, _PROBLEM), zipfile.ZipFile(path) as file:
        names = [name.removesuffix(_ENDING) for name in file.namelist() if name.endswith(_ENDING)]
        if not names:
            raise StackError(f"{path}: the ZIP has no array of NumPy's in it. If it holds an image, unpack it first.")
        name = names[choose_scene(path, names, scene)]
        with file.open(name + _ENDING) as array:
            shape, dtype = _read_header(path, array)

    def read(index):
        with parser_errors(path, "its voxels can't be read"), np.load(path, allow_pickle=False) as arrays:
            return arrays[name][index]

    return _source(shape, dtype, read)


def _read_header(path, file):
    """Returns an array's shape and type. Raises: StackError: it holds Python objects."""
    file = io.BytesIO(file.read(_MAX_HEADER))  # a damaged one may say that it has 4 GB
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(file)
    if dtype.hasobject:
        raise StackError(f"{path}: its array holds Python objects, which are never read. Save an array of numbers.")
    return shape, dtype


def _source(shape, dtype, read):
    """A plane has only one sensible order of axes; those of other arrays stay unknown."""
    return Source(tuple(shape), dtype, "YX" if len(shape) == 2 else "Q" * len(shape), read)
