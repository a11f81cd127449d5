"""The authors' 2D collection (ic2D.tar, Johnson et al. 2017): a folder for each structure, an RGB PNG for each cell.

Red is the membrane, green the structure, blue the nucleus, at 0.108 µm/px. The archive isn't unpacked: each cell knows
the place of its picture in it. There are no mask files, but the authors masked the pictures to the cell and subtracted
the background, so that all is 0 outside the cell.
"""

import collections
import dataclasses
import io
import pathlib
import re
import tarfile

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import filters

from icell_tf.imaging.components import largest_component
from icell_tf.imaging.manifest import spelling
from icell_tf.imaging.manifest.cells import BadCell, LoadedCell, NotSelected
from icell_tf.structures import KNOWN, canonical_name

PIXEL_SIZE = 0.108  # µm
_CHANNELS = (0, 2, 1)  # red, blue, green: membrane, nucleus, structure
# AICS-16_42_3: cell line, field and cell; or any name with a number before the cell's number, as plate2_f07_cell3.
_FIELD = re.compile(r"(AICS-\d+_\d+)_\d+(?:\D.*)?|(.*\d.*?)[-_ ]+cell[-_ ]?\d+", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class PictureCell:
    """A cell of the collection: one picture, in a file of its own or in an archive.

    Attributes:
      cell_id: structure/name of the picture.
      structure, fov_id: our name; the field in the picture's name, or else the cell's id.
      path: the picture's file, or the archive's.
      name: the picture within the archive; "" for a file of its own.
      offset, size: of its bytes in the archive.
    """

    cell_id: str
    structure: str
    fov_id: str
    path: str
    name: str = ""
    offset: int = 0
    size: int = 0

    @property
    def source(self) -> str:
        """The file that errors name."""
        return f"{self.path}: {self.name}" if self.name else self.path

    def load(self) -> LoadedCell:
        """Reads the picture and finds cell and nucleus in it. Raises: ValueError: with the reason."""
        picture = _read_picture(self._bytes())
        cell_mask = find_cell(picture)
        nucleus_mask = find_nucleus(picture[..., 2], cell_mask)
        # The authors subtracted the background already. Zeros around the cell would mean that it was masked, and
        # preprocessing would subtract the cell's most frequent intensity; ones are a background like any other.
        channels = [picture[None, ..., channel].astype(np.uint16) + np.uint16(1) for channel in _CHANNELS]
        return LoadedCell(channels, cell_mask[None], nucleus_mask[None], (float("nan"), PIXEL_SIZE, PIXEL_SIZE))

    def _bytes(self):
        with open(self.path, "rb") as file:
            if not self.name:
                return file.read()
            file.seek(self.offset)
            return file.read(self.size)


def list_cells(
    manual_dir, structures=None, similar: str = spelling.SUSPECT
) -> tuple[tuple[PictureCell, ...], list[BadCell]]:
    """Finds the pictures in a folder, at any depth, or in the one .tar in it.

    Args:
      manual_dir: the folder that holds the structures' folders, or ic2D.tar; if it holds both, the folders count.
      structures: the selected structures, by any of their names. None: all.
      similar: as of `spelling.misspelt`.

    Returns: the cells, ordered by id, and a `BadCell` for each picture that can't be used; `NotSelected` if its
      structure is a known one that isn't selected.

    Raises: ValueError: there is no picture, or none of a selected structure; or the archive is damaged or compressed,
      or there are several.
    """
    folder = pathlib.Path(manual_dir)
    found = [(path.relative_to(folder), PictureCell("", "", "", str(path))) for path in _pictures(folder)]
    problems = []
    if not found:
        found, problems = _pictures_of_archive(_only_archive(folder))
    named, nameless = _name(found)
    labels = collections.Counter(label for label, _ in named)
    missing = {canonical_name(name) for name in structures or ()} - set(map(canonical_name, labels))
    if missing:
        raise ValueError(
            f"{folder}: there is no picture of {', '.join(sorted(missing))}, which the config's structures name; found "
            f"the folders {', '.join(sorted(labels))}."
        )
    wrong = spelling.misspelt(labels, structures or None, similar)
    ids = collections.Counter(cell.cell_id for _, cell in named)
    good, problems = [], problems + nameless
    for label, cell in named:
        reasons = [wrong[label]] if label in wrong else []
        if ids[cell.cell_id] > 1:
            reasons.append(f"{ids[cell.cell_id]} pictures of this name lie in folders of this structure")
        if reasons:
            kind = NotSelected if structures and label in wrong and _is_known(label) else BadCell
            problems.append(kind(cell.cell_id, cell.source, "; ".join(reasons)))
        else:
            good.append(cell)
    return tuple(sorted(good, key=lambda cell: cell.cell_id)), problems


def _name(found):
    """Returns [(folder, cell)], the cells with ids from the pictures' names and folders, and problems."""
    named, problems = [], []
    for relative, picture in found:
        label, name = _label(relative)
        if not f"{label}{name}".isprintable():  # TFDS keeps structures one a line
            problems.append(BadCell(ascii(name), ascii(picture.source), "its name, or its folder's, is not printable"))
        elif label is None:
            problems.append(BadCell(name, picture.source, "it lies in no folder that has its structure's name"))
        else:
            named.append((label, _identify(picture, canonical_name(label), name)))
    return named, problems


def _is_picture(path):
    # Hidden files such as ._x.png are no pictures.
    hidden = any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() == ".png" and not hidden


def _pictures(folder):
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder. Put ic2D.tar, or its unpacked folders, there.")
    return sorted(path for path in folder.rglob("*") if _is_picture(path.relative_to(folder)) and path.is_file())


def _only_archive(folder):
    archives = sorted(path for path in folder.iterdir() if ".tar" in path.name.lower())
    if len(archives) != 1:
        named = f": {', '.join(path.name for path in archives)}" if archives else ""
        raise ValueError(
            f"{folder}: found no PNG and {len(archives)} archives (.tar){named}. Put ic2D.tar there, or a folder "
            "of PNGs for each structure, called by its name: Beta actin, ZO1, ..."
        )
    return archives[0]


def _pictures_of_archive(path):
    """Returns (path within the archive, cell without ids) for each picture, and problems; unpacks nothing."""
    found, problems, size = [], [], path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                relative = pathlib.PurePosixPath(member.name)
                if not _is_picture(relative) or member.isdir():
                    continue
                picture = PictureCell("", "", "", str(path), member.name, member.offset_data, member.size)
                if not member.isreg() or member.issparse():
                    problems.append(BadCell(relative.stem, picture.source, "it is a link or a special file"))
                elif member.offset_data + member.size > size:
                    problems.append(BadCell(relative.stem, picture.source, "the archive ends within it"))
                else:
                    found.append((relative, picture))
    except (tarfile.TarError, EOFError) as error:
        if not found:
            raise ValueError(
                f"{path}: can't be read as an uncompressed tar archive: {error}. Copy it again."
            ) from error
        problems.append(BadCell("(unknown)", str(path), f"the archive is cut short or damaged: {error}. Copy it again"))
    if not found and not problems:
        raise ValueError(f"{path}: there is no PNG in it.")
    return found, problems


def _is_known(folder):
    return canonical_name(folder) in KNOWN


def _label(relative):
    """Returns the structure's folder, and the picture's name below it; (None, name) if it lies in no folder.

    The folder is the nearest one with a known structure's name or, if there is none, the picture's own.
    """
    folders = [part for part in relative.parts[:-1] if part not in ("/", ".", "..")]
    if not folders:
        return None, relative.stem
    known = [i for i, part in enumerate(folders) if _is_known(part)]
    at = known[-1] if known else len(folders) - 1
    return folders[at].strip(), "/".join([*folders[at + 1 :], relative.stem])


def _identify(picture, structure, name):
    cell_id = f"{structure}/{name}"
    field = _FIELD.fullmatch(name)
    fov_id = f"{structure}/{field[1] or field[2]}" if field else cell_id
    return dataclasses.replace(picture, cell_id=cell_id, structure=structure, fov_id=fov_id)


def _read_picture(data):
    """Decodes a PNG. Returns: (Y, X, 3) uint8."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            mode = image.mode
            picture = np.asarray(image)
    except Exception as error:  # the decoder may raise any error on a damaged file
        raise ValueError("can't be read as a PNG: it is damaged or in another format. Copy it again.") from error
    if mode not in ("RGB", "RGBA"):
        raise ValueError(f"expected an RGB picture (red membrane, green structure, blue nucleus), found mode {mode}")
    return picture[..., :3]


def find_cell(picture) -> np.ndarray:
    """Finds the cell in a picture (Y, X, 3): the largest region, filled, that isn't black. Returns: (Y, X) bool.

    That is the cell, because all channels were masked to it. If most of the border isn't black, the picture was not
    masked, and the cell is the largest region where the membrane (red) is above Otsu's threshold.
    """
    red, inside = picture[..., 0], picture.any(axis=-1)
    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    if border.mean() > 0.5:
        return _largest(red > filters.threshold_otsu(red), "cell", "red is the same everywhere in the picture")
    return _largest(inside, "cell", "the picture is black")


def find_nucleus(blue, cell_mask) -> np.ndarray:
    """Finds the nucleus: the largest region, filled, of the blue channel (Y, X) above Otsu's threshold in the cell."""
    bright = (blue > filters.threshold_otsu(blue[cell_mask])) & cell_mask
    return _largest(bright, "nucleus", "blue is the same everywhere in the cell") & cell_mask


def _largest(region, what, problem):
    region = ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(region, 2), iterations=2))[2:-2, 2:-2]
    component, _, count = largest_component(region)
    if not count:
        raise ValueError(f"the {what} can't be found: {problem}")
    return component
