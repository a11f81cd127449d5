"""Walks through latent space -> files: what varies along its dimensions, and what lies between two cells."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icell_tf.files import atomic_write, prepare_output, safe_names
from icell_tf.inference.inputs import check_prepared, find_structures
from icell_tf.inference.latent_space import PATHS, along
from icell_tf.viz import figures, film, volumes
from icell_tf.viz.panels import montage

CODES = ("z_r", "z_s")
FILM_STEPS = 25
FILM = ".gif"
LOOKS = {".png": volumes.projections, "_slices.png": volumes.slices}  # of planes the first alone
DEFAULT_OUTPUT = "traversed"


@dataclass(frozen=True)
class Start:
    """The start of a walk: a cell of the data set, or the mean of the prior, which has no structure.

    Attributes:
      z_r, z_s: (Z,) codes.
      structure: index of the structure that the cell shows and z_s belongs to; None if the model does not know it.
      image: (..., C) in [0, 1], or None.
      name: for labels and files.
    """

    z_r: np.ndarray
    z_s: np.ndarray
    structure: int | None = None
    image: np.ndarray | None = None
    name: str = "mean"

    def z_s_of(self, structure):
        """Returns z_s of a structure in this cell: as observed, or 0, the likeliest, if another one was observed."""
        return self.z_s if structure == self.structure else np.zeros_like(self.z_s)


def mean_cell(integrator):
    """Returns the `Start` at 0, the mean of the prior."""
    return Start(*np.zeros((2, integrator.latent_dim), np.float32))


def find_cell(integrator, prepared, cell_id, flag):
    """Returns the `Start` at a cell's codes.

    Args: an `Integrator`; `PreparedCells`; the cell's id, in any split; the flag that gave it, for the error message.
    Raises: ValueError: the data set has no such cell, or its cells have another frame or preparation than the model's.
    """
    check_prepared(prepared.spec, integrator.spec, f"--dataset: {prepared.folder}")
    for split in prepared.splits:
        for row in np.flatnonzero(prepared.labels(split)["cell_id"] == cell_id.encode())[:1]:
            record = prepared.read(split, [row], ("image", "structure"))
            x_rs = record["image"].astype(np.float32) / 255
            z_r = integrator.encode_reference(integrator.spec.reference(x_rs))["z_r"][0]
            z_s = integrator.encode(x_rs)["z_s"][0]
            name = prepared.spec.structures[record["structure"][0]]
            known = integrator.structures.index(name) if name in integrator.structures else None
            return Start(z_r, z_s, known, x_rs[0], cell_id)
    raise ValueError(
        f"{flag}: {prepared.folder} has no cell {cell_id!r}; the column id of codes.csv, which `icell evaluate` "
        "writes, lists its cells"
    )


@dataclass(frozen=True)
class Row:
    """A row of a picture: one walk.

    Attributes:
      label: a text.
      structure: index of the structure shown.
      codes: a function from (n,) shares of the way, 0 to 1, to z_r and z_s, (n, Z) each.
    """

    label: str
    structure: int
    codes: Callable


def traverse(integrator, start, code, dimensions, names, reach=3.0, steps=7, output=DEFAULT_OUTPUT, overwrite=False):
    """Writes what varies along dimensions of a code, as PNG grids, and as GIFs in finer steps, there and back.

    Volumes are shown by their maximum along each axis; another PNG, _slices.png, has their planes through the middle.

    One dimension: one grid, with a row for each structure. Two: for each structure a grid of the plane through both,
    the second upwards. More: for each structure a grid with a row for each dimension. A dimension that is shown runs
    from -reach to reach, whatever its value at the start. All others keep their values of the start.

    Args:
      integrator, start: an `Integrator` and a `Start`.
      code: z_r or z_s.
      dimensions: their numbers, counted from 1, as in codes.csv.
      names: structures, in any spelling.
      reach: standard deviations of the prior to either side of 0.
      steps: columns of a grid, 2 or more.
      output: folder, created if it does not exist.

    Returns: paths of the files.
    Raises: ValueError: a dimension or a structure that the model doesn't have; FileExistsError: nothing was written.
    """
    if not math.isfinite(reach):
        raise ValueError(f"--range is {reach}, but has to be a number of standard deviations, such as 3")
    dimensions = _numbers(dimensions, integrator.latent_dim)
    shown = find_structures(integrator, names)
    stem = "_".join([start.name, code, *(str(dimension + 1) for dimension in dimensions)])

    def row(label, structure, dimension, at=None):
        codes = {"z_r": start.z_r, "z_s": start.z_s_of(structure)}
        center = codes[code].copy()
        if at is not None:
            center[dimensions[1]] = at

        def walk(shares):
            values = along(center, dimension, reach * (2 * shares - 1))
            return tuple(values if name == code else np.tile(codes[name], (len(shares), 1)) for name in CODES)

        return Row(label, structure, walk)

    grids = {}
    if len(dimensions) == 1:
        grids[stem] = [row(integrator.structures[k], k, dimensions[0]) for k in shown]
    for k in shown if len(dimensions) > 1 else ():
        if len(dimensions) == 2:
            values = np.linspace(reach, -reach, steps)
            rows = [row(f"{code}_{dimensions[1] + 1} = {v:+.1f}", k, dimensions[0], v) for v in values]
        else:
            rows = [row(f"{code}_{dimension + 1}", k, dimension) for dimension in dimensions]
        grids[f"{stem}_{integrator.structures[k]}"] = rows
    labels = [f"{value:+.1f} σ" if value else "0" for value in np.linspace(-reach, reach, steps)]
    observed = {0: start} if start.image is not None else {}
    return _write(integrator, grids, labels, observed, output, overwrite)


def interpolate(integrator, ends, codes, names, path="slerp", steps=7, output=DEFAULT_OUTPUT, overwrite=False):
    """Writes what lies between two cells, as a PNG with a row for each structure, and as a GIF in finer steps.

    z_s belongs to one structure: a structure that was observed in neither cell has z_s = 0 along the whole way.

    Args:
      names, steps, output: see `traverse`.
      ends: the first and the last cell, `Start`s.
      codes: those that change: z_r, z_s or both. The other keeps its value of the first cell.
      path: a key of `latent_space.PATHS`.

    Returns, Raises: see `traverse`.
    """
    first, last = ends

    def row(structure):
        pairs = {"z_r": (first.z_r, last.z_r), "z_s": (first.z_s_of(structure), last.z_s_of(structure))}

        def walk(shares):
            ones = np.ones((len(shares), 1), np.float32)
            return tuple(PATHS[path](a, b, shares) if name in codes else a * ones for name, (a, b) in pairs.items())

        return Row(integrator.structures[structure], structure, walk)

    stem = f"{first.name}_to_{last.name}" + ("" if set(codes) == set(CODES) else f"_{codes[0]}")
    labels = [f"{share:.0%}" for share in np.linspace(0, 1, steps)]
    grids = {stem: [row(k) for k in find_structures(integrator, names)]}
    return _write(integrator, grids, labels, {0: first, -1: last}, output, overwrite)


def decode_rows(integrator, rows, steps, looks):
    """Returns the views of the cells of a grid, one dict a look: {view: (R, steps, ..., C) in [0, 1]}.

    Args: integrator; `Row`s; columns; looks: functions to views, such as `volumes.projections`.
    """
    y_onehot, shares = np.eye(len(integrator.structures), dtype=np.float32), np.linspace(0, 1, steps)
    found = [[] for _ in looks]
    for row in rows:
        cells = integrator.decode(y_onehot[row.structure], *row.codes(shares))["x_rs_hat"]
        for views, look in zip(found, looks, strict=True):
            views.append(look(cells, integrator.spec.axes))
    return [{view: np.stack([row[view] for row in views]) for view in views[0]} for views in found]


def _write(integrator, grids, labels, observed, output, overwrite):
    """Args: grids: {name: `Row`s}; labels: of the columns; observed: {0 or -1: the `Start` shown at this end}."""
    output, spec = Path(output), integrator.spec
    looks = LOOKS if "Z" in spec.axes else {".png": LOOKS[".png"]}
    files = [output / name for name in safe_names(grids)]
    paths = [file.with_name(file.name + ending) for file in files for ending in (*looks, FILM)]
    prepare_output(output, paths, overwrite)
    labels = ["observed"] * (0 in observed) + labels + ["observed"] * (-1 in observed)
    for rows, file in zip(grids.values(), files, strict=True):
        decoded = decode_rows(integrator, rows, len(labels) - len(observed), looks.values())
        window = _window(spec, decoded[0], observed.values())
        layout = {"pixel_size": spec.pixel_width, **volumes.layout(window, spec.pixel_sizes)}
        together, texts = len({row.structure for row in rows}) == 1, [row.label for row in rows]
        for (ending, look), views in zip(looks.items(), decoded, strict=True):
            panels = [list(row) for row in film.panels(_arranged(spec, views, window), together)]
            for place, end in observed.items():
                for line, row in zip(panels, rows, strict=True):
                    line.insert(0 if place == 0 else len(line), _observed(spec, end, row.structure, look, window))
            with atomic_write(file.with_name(file.name + ending)) as partial:
                figures.to_png(montage(panels, labels, texts, **layout), partial)
        (views,) = decode_rows(integrator, rows, FILM_STEPS, [volumes.projections])
        with atomic_write(file.with_name(file.name + FILM)) as partial:
            grid = film.panels(_arranged(spec, views, window), together)
            film.write_grid(grid, texts, partial, **layout)
    return paths


def _window(spec, views, ends):
    """The part of the frame that all cells of a grid, and those at its ends, need. Args: the grid's projections."""
    parts = [{view: image.max(axis=0).max(axis=0) for view, image in views.items()}]
    parts += [volumes.projections(end.image, spec.axes) for end in ends]
    return volumes.around({view: np.max([part[view] for part in parts], axis=0) for view in views})


def _arranged(spec, views, window):
    return volumes.arrange(volumes.cut(views, window), spec.pixel_sizes)


def _observed(spec, end, structure, look, window):
    """The observed cell, of which only the reference channels are known where another structure is shown."""
    image = end.image if structure == end.structure else spec.reference(end.image)
    return figures.overlay(_arranged(spec, look(image, spec.axes), window), contrast="percentile")


def _numbers(dimensions, count):
    """Reads dimensions, numbered from 1, as indices."""
    texts = [str(dimension).strip() for dimension in dimensions]
    numbers = [int(text) if text.isdecimal() else 0 for text in texts]
    if not numbers or not all(1 <= number <= count for number in numbers) or len(set(numbers)) < len(numbers):
        given = ",".join(texts)
        raise ValueError(f"--dimensions is {given!r}, but must be different numbers from 1 to {count}, such as 1,2")
    return [number - 1 for number in numbers]
