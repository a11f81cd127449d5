"""From a field of view to single cells: matches label images, and sets cells that can't be used aside with the reason.

A label image has 0 for background and another number for each cell or nucleus, in the plane or in 3D, as segmentation
tools write it. A cell and its nucleus may have different numbers: a nucleus belongs to the cell that holds most of it.
"""

import collections
import dataclasses
import math

import numpy as np
from scipy import ndimage

from icell_tf.imaging.components import MAX_STRAY, largest_component
from icell_tf.imaging.frame.masks import LEAST_WITHIN
from icell_tf.imaging.frame.pose import centre_of_mass
from icell_tf.imaging.manifest.cells import LoadedCell

BORDER, SMALL, PIECES = "cut by the border", "too small", "in pieces"
NO_NUCLEUS, NUCLEI, LARGE = "no nucleus", "two or more nuclei", "too large"
OUTSIDE = "outside every cell"
REASONS = (BORDER, SMALL, PIECES, NO_NUCLEUS, NUCLEI, LARGE, OUTSIDE)

MARGIN = 10.0  # µm of the field around a cell
_TABLE_SIZE = 1 << 24  # labels below this are counted in a table, others by sorting


@dataclasses.dataclass(frozen=True)
class Limits:
    """Which cells are too small or too large.

    Attributes:
      min_diameter: µm; a cell whose projection is smaller than a disc of this diameter is debris, and so is a nucleus
        smaller than a disc of half this diameter.
      max_extent: µm, the side of the frame that cells have to fit in: a cell is too large if a point of it lies farther
        than half of this from its nucleus's centre. By default no cell is too large.
    """

    min_diameter: float = 5.0
    max_extent: float = math.inf

    def __post_init__(self):
        if not (0 <= self.min_diameter < self.max_extent):
            raise ValueError(
                f"min_diameter is {self.min_diameter:g} µm and max_extent {self.max_extent:g} µm; expected "
                "0 <= min_diameter < max_extent."
            )


@dataclasses.dataclass(frozen=True)
class FieldCell:
    """A cell that can be used.

    Attributes:
      label, nucleus: its number in the cells' label image, and its nucleus's in the nuclei's.
      window: its rows and columns.
      cut_in_z: whether it reaches the first or last plane of 3D labels, so that a part of it may be missing.
    """

    label: int
    nucleus: int
    window: tuple[slice, slice]
    cut_in_z: bool = False


@dataclasses.dataclass(frozen=True)
class SetAside:
    """A label that can't be used: kind is "cell" or "nucleus", nuclei are those within the cell."""

    kind: str
    label: int
    reason: str
    detail: str = ""
    nuclei: tuple[int, ...] = ()


def divide_field(cell_labels, nucleus_labels, scale, limits=None) -> tuple[list[FieldCell], list[SetAside]]:
    """Matches nuclei to cells, and separates the cells that can be used from those that can't.

    A nucleus belongs to the cell that holds most of it, if that is at least half of it. Only the border in y and x
    counts: a stack seldom holds a layer of cells from bottom to top, and a projection suffers little from it.

    Args:
      cell_labels, nucleus_labels: (1 or Z, Y, X) each, as `label_image` returns them. A single plane holds for all
        planes; nuclei in a single plane are compared with the projection of 3D cells.
      scale: (z, y, x), µm per voxel.
      limits: `Limits`.

    Returns: the cells that can be used, and what is set aside, both in the order of the labels. Every label of the
      cells is in one of the lists; every label of the nuclei belongs to one of these cells, or is set aside itself.
    """
    limits = limits or Limits()
    cells, nuclei = _Labels(cell_labels), _Labels(nucleus_labels)
    owners, shares = _match(cells, nuclei)
    set_aside, members = [], {i: [] for i in range(1, len(cells.numbers) + 1)}
    for i, number in enumerate(nuclei.numbers, 1):
        diameter = _diameter(nuclei.mask(i), scale)
        if diameter < limits.min_diameter / 2:
            set_aside.append(SetAside("nucleus", number, SMALL, f"{diameter:.1f} µm across"))
        elif shares[i] < LEAST_WITHIN:
            where = f"{shares[i]:.0%} of it in cell {cells.numbers[owners[i] - 1]}" if owners[i] else ""
            set_aside.append(SetAside("nucleus", number, OUTSIDE, where))
        else:
            members[owners[i]].append(i)
    kept = []
    for i, number in enumerate(cells.numbers, 1):
        inside = tuple(nuclei.numbers[n - 1] for n in members[i])
        reason, detail = _rejection(i, cells, members[i], nuclei, scale, limits)
        if reason:
            set_aside.append(SetAside("cell", number, reason, detail, inside))
        else:
            kept.append(FieldCell(number, inside[0], cells.windows[i - 1][1:], cells.cut_in_z(i)))
    return kept, set_aside


def cut_cell(channels, cell_labels, nucleus_labels, cell: FieldCell, scale, margin: float = MARGIN) -> LoadedCell:
    """Cuts one cell out of its field.

    Args:
      channels: arrays (Z, Y, X) of the whole field.
      cell_labels, nucleus_labels: as `divide_field` took them.
      cell: one of the cells that it returned.
      scale: (z, y, x), µm per voxel.
      margin: µm of the field kept around the cell, in which the background is found. In a dense layer it has to include
        the neighbours' nuclei, because most structures are brightest between nuclei.

    Returns: the cut-out. Its masks are bool and have the labels' planes, one or all. They leave out the part of the
      nucleus outside the cell, and stray components of the cell.
    """
    rows, columns = (
        slice(max(0, part.start - math.ceil(margin / size)), part.stop + math.ceil(margin / size))
        for part, size in zip(cell.window, scale[1:], strict=True)
    )
    cell_mask = largest_component(cell_labels[:, rows, columns] == cell.label, corners=True)[0]
    nucleus_mask = (nucleus_labels[:, rows, columns] == cell.nucleus) & cell_mask
    cell_mask = np.broadcast_to(cell_mask, nucleus_mask.shape)
    return LoadedCell([c[:, rows, columns] for c in channels], cell_mask, nucleus_mask, tuple(scale))


class _Labels:
    """A label image with consecutive numbers: index i, from 1, stands for numbers[i - 1]."""

    def __init__(self, labels):
        numbers = _numbers(labels)
        if len(numbers) and numbers[-1] < _TABLE_SIZE:
            table = np.zeros(int(numbers[-1]) + 1, np.int32)
            table[numbers] = np.arange(1, len(numbers) + 1)
            self.index = table[labels]
        else:
            self.index = np.where(labels == 0, 0, np.searchsorted(numbers, labels) + 1).astype(np.int32)
        self.numbers = tuple(map(int, numbers))
        self.windows = ndimage.find_objects(self.index)

    def mask(self, i):
        """Returns the mask of label i, (Z, Y, X) within its window."""
        return self.index[self.windows[i - 1]] == i

    def touches_border(self, i):
        """Whether it reaches the first or last row or column."""
        parts = zip(self.windows[i - 1][1:], self.index.shape[1:], strict=True)
        return any(part.start == 0 or part.stop == size for part, size in parts)

    def cut_in_z(self, i):
        """Whether it reaches the first or last plane of several."""
        part, size = self.windows[i - 1][0], self.index.shape[0]
        return size > 1 and (part.start == 0 or part.stop == size)


def _numbers(labels):
    """Returns the labels that occur, ascending, without 0."""
    if (highest := int(labels.max())) < _TABLE_SIZE:
        counts = sum(np.bincount(plane.ravel(), minlength=highest + 1) for plane in labels)
        return np.flatnonzero(counts[1:]) + 1
    numbers = np.unique(labels)
    return numbers[numbers != 0]


def _match(cells, nuclei):
    """Returns for each nucleus the cell that holds most of it, or 0, and the share in it; entry 0 is not used."""
    count, stride = len(nuclei.numbers) + 1, len(cells.numbers) + 1
    above = cells.index.max(axis=0, keepdims=True) if len(nuclei.index) == 1 else cells.index
    voxels = collections.Counter()
    for nucleus, cell in zip(nuclei.index, np.broadcast_to(above, nuclei.index.shape), strict=True):
        inside = nucleus > 0
        pairs = np.unique(nucleus[inside].astype(np.int64) * stride + cell[inside], return_counts=True)
        voxels.update(dict(zip(*map(np.ndarray.tolist, pairs), strict=True)))
    owners, shares, sizes = np.zeros(count, np.int64), np.zeros(count), np.zeros(count)
    for pair, n in sorted(voxels.items()):
        nucleus, cell = divmod(pair, stride)
        sizes[nucleus] += n
        if cell and n > shares[nucleus]:
            owners[nucleus], shares[nucleus] = cell, n
    shares[1:] /= sizes[1:]
    return owners, shares


def _rejection(i, cells, members, nuclei, scale, limits):
    """Returns why cell i can't be used, with a detail, or two empty texts."""
    mask = cells.mask(i)
    if cells.touches_border(i):
        return BORDER, ""
    diameter = _diameter(mask, scale)
    if diameter < limits.min_diameter:
        return SMALL, f"{diameter:.1f} µm across"
    mask, share, count = largest_component(mask, corners=True)
    if share < 1 - MAX_STRAY:
        return PIECES, f"{count} pieces, the largest {share:.0%} of it"
    if not members:
        return NO_NUCLEUS, ""
    if len(members) > 1:
        return NUCLEI, f"{len(members)}"
    planes = cells.windows[i - 1][0] if min(len(cells.index), len(nuclei.index)) > 1 else slice(None)
    nucleus = nuclei.index[planes, *cells.windows[i - 1][1:]] == members[0]
    nucleus = (nucleus & mask).any(axis=0)
    if not nucleus.any():
        return NO_NUCLEUS, "its nucleus lies in a stray piece"
    reach = _reach(mask.any(axis=0), nucleus, scale[1:])
    if reach > limits.max_extent / 2:
        return LARGE, f"reaches {reach:.1f} µm from its nucleus's centre"
    return "", ""


def _diameter(mask, scale):
    """Returns the diameter in µm of the disc that is as large as the projection of a mask (Z, Y, X)."""
    return math.sqrt(4 / math.pi * np.count_nonzero(mask.any(axis=0)) * scale[1] * scale[2])


def _reach(outline, nucleus, scale):
    """Returns the distance in µm from the nucleus's centre to the cell's farthest point; both are (Y, X)."""
    offsets = np.argwhere(outline) - centre_of_mass(nucleus)
    return float(np.hypot(*(offsets * scale).T).max())
