"""The codes of every cell, as a table and in TensorBoard's projector."""

import csv
import math
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.plugins import projector

from icell_tf.files import atomic_write
from icell_tf.viz import figures

CODES_FILE = "codes.csv"
CODES = ("z_r", "z_s")
LARGEST_SPRITE = 8192  # pixels along a side that browsers draw
THUMBNAIL = 64  # pixels along a side, at most
UNCUT = 0.9  # the share of cells that thumbnails show to their edges
EXACT = ".9g"  # enough digits to read the same float32 back


def write_codes(cells_by_split, structures, folder, log_dir=None):
    """Writes codes.csv, a row a cell, and the same for TensorBoard's projector.

    Columns of codes.csv: id, structure, split, z_r_1, z_r_2 and so on, z_s_1 and so on; codes of the cell as prepared.

    Args:
      cells_by_split: {split: `CodedCells`}.
      structures: K names, in the order of y.
      folder: where codes.csv goes.
      log_dir: a folder in which TensorBoard finds a run, where the projector's files go; None for none.

    Returns: paths of the files.
    """
    folder, path = Path(folder), Path(folder) / CODES_FILE
    codes = {name: np.concatenate([getattr(cells, name) for cells in cells_by_split.values()]) for name in CODES}
    labels = [
        [cell_id, structures[k], split, structures[p.argmax()]]
        for split, cells in cells_by_split.items()
        for cell_id, k, p in zip(cells.cell_ids, cells.y, cells.probabilities, strict=True)
    ]
    head = ["id", "structure", "split"] + [f"{name}_{i + 1}" for name in CODES for i in range(codes[name].shape[-1])]
    rows = np.concatenate([codes[name] for name in CODES], axis=1)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for label, row in zip(labels, rows, strict=True):
            writer.writerow([*label[:3], *(format(value, EXACT) for value in row)])
    return [path, *(_write_projector(codes, labels, list(cells_by_split.values()), Path(log_dir)) if log_dir else ())]


def sprite(splits):
    """Returns the thumbnails of all cells in one picture, row by row, as the projector cuts it up again.

    A thumbnail shows the middle of the frame, as much as most cells fill, of volumes their maximum along z. It is
    smaller than `THUMBNAIL` if there are too many cells for that size. The cells are read twice.

    Args: splits: list of `CodedCells`.
    Returns: uint8 (n * t, n * t, 3), black where there are no more cells, and t, a thumbnail's pixels along a side.
    """
    count = sum(len(cells) for cells in splits)
    middle = _middle(splits)
    across = math.ceil(math.sqrt(count))
    side = min(THUMBNAIL, LARGEST_SPRITE // across, middle.stop - middle.start)
    canvas = np.zeros((across * side, across * side, 3), np.uint8)
    for i, plane in enumerate(_square_planes(splits)):
        channels = [Image.fromarray(channel) for channel in np.moveaxis(plane[middle, middle], -1, 0)]
        small = np.dstack([channel.resize((side, side), Image.Resampling.BOX) for channel in channels])
        row, column = (side * place for place in divmod(i, across))
        thumbnail = figures.overlay(small / np.float32(255), contrast="percentile")
        canvas[row : row + side, column : column + side] = thumbnail
    return canvas, side


def _square_planes(splits):
    """Yields each cell as a plane with as many rows as columns, with black beside those of a frame that has not."""
    for cells in splits:
        longest = max(cells.spec.plane_shape)
        beside = [((longest - side) // 2,) * 2 for side in cells.spec.plane_shape]
        planes = (cells.spec.plane(cells.images(rows)) for rows in cells.batches())
        yield from (np.pad(plane, (*beside, (0, 0))) for plane in chain.from_iterable(planes))


def _middle(splits):
    """The rows, and the columns, of the square in the frame's middle that most cells fit into."""
    center, reach = max(splits[0].spec.plane_shape) // 2, []
    for plane in _square_planes(splits):
        edges = [(part.start or 0, part.stop or 2 * center) for part in figures.around_cell(plane, margin=0)]
        reach.append(np.abs(np.subtract(edges, center)).max())
    half = int(np.ceil(np.quantile(reach, UNCUT)))
    return slice(center - half, center + half)


def _write_projector(codes, labels, splits, folder):
    """Writes tables of the codes and of labels, the cells' thumbnails in one picture, and the projector's settings."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata, picture = folder / "cells.tsv", folder / "cells.png"
    _write_tsv(metadata, [["id", "structure", "split", "predicted"], *labels])
    thumbnails, side = sprite(splits)
    Image.fromarray(thumbnails).save(picture)
    config, paths = projector.ProjectorConfig(), [metadata, picture]
    for name, values in codes.items():
        path = folder / f"{name}.tsv"
        _write_tsv(path, [[format(value, EXACT) for value in row] for row in values])
        embedding = config.embeddings.add(tensor_name=name, tensor_path=path.name, metadata_path=metadata.name)
        embedding.sprite.image_path = picture.name
        embedding.sprite.single_image_dim.extend([side, side])
        paths.append(path)
    projector.visualize_embeddings(str(folder), config)
    return paths


def _write_tsv(path, rows):
    """Writes rows; tabs and ends of lines within texts become spaces, because the projector knows no quotes."""
    lines = ("\t".join(" ".join(str(cell).split()) for cell in row) for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
