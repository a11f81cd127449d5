"""A folder of cells with several known structures each: manifest.csv shows one of a cell, truth.csv all."""

import csv

import numpy as np
import tifffile

NAMES = ("actin", "tubulin")
CHANNELS = ("cell_seg", "dna_seg", "dna", *NAMES)
COLUMNS = ("CellId", "structure_name", "crop_raw", "crop_seg", "name_dict", "FOVId", "scale_micron")
CONFIG = {"name": "multi", "image_size": 32, "pixel_size": 1.6, "truth": True}


def row(cell, structure, field):
    """A row of either table, {column: text}: the channel of one structure has its role."""
    raw = ["membrane", *(("structure" if name == structure else name) for name in CHANNELS[1:])]
    names = {"crop_raw": raw, "crop_seg": [*CHANNELS]}
    values = f"{cell}-{structure}", structure, f"{cell}.tif", f"{cell}.tif", str(names), field, "[1.0, 1.0, 1.0]"
    return dict(zip(COLUMNS, values, strict=True))


def write_table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def write_folder(folder, fields=6, each=2):
    """Writes the cells of some fields of view, and both tables. Returns: {table: its rows}.

    Cells of a field show the structures in turn. Actin lies to the nucleus's right, tubulin below, each with noise.
    """
    folder.mkdir()
    tables = {"manifest": [], "truth": []}
    for number in range(fields * each):
        cell, field = f"cell_{number}", f"field {number // each}"
        tifffile.imwrite(folder / f"{cell}.tif", _cell(number), ome=True, metadata={"axes": "CYX"})
        tables["manifest"].append(row(cell, NAMES[number % 2], field))
        tables["truth"] += [row(cell, name, field) for name in NAMES]
    for name, rows in tables.items():
        write_table(folder / f"{name}.csv", rows)
    return tables


def _cell(number):
    """Channels (5, 40, 48) uint16."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:40, :48]
    up, left, long = *rng.uniform(-3, 3, 2), rng.uniform(14, 18)
    cell = ((y - 20) / 10) ** 2 + ((x - 24) / long) ** 2 < 1
    nucleus = ((y - 19 + up) / 4) ** 2 + ((x - 26 + left) / 5) ** 2 < 1
    actin, tubulin = (
        100 + 300 * cell * np.exp(-(((y - 19 + up - down) / 5) ** 2) - ((x - 26 + left - right) / 5) ** 2)
        for down, right in ((0, 6), (5, 0))
    )
    noise = rng.integers(0, 10, (2, 40, 48)) + 40 * cell * rng.random((2, 40, 48))
    signals = [100 + 200 * nucleus + noise[0], actin + noise[0], tubulin + noise[1]]
    return np.stack([255 * cell, 255 * nucleus, *signals]).astype(np.uint16)
