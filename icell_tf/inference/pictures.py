"""Predictions -> pictures: PNGs, and of volumes a film through z. Volumes are shown from above and from two sides."""

import numpy as np

from icell_tf import structures
from icell_tf.files import atomic_write
from icell_tf.viz import figures, film, volumes
from icell_tf.viz.panels import enlarge, montage

LOOKS = {"maximum projections": volumes.projections, "slices through the middle": volumes.slices}  # of volumes
COLUMNS = 8  # cells in a row
VOLUME_PIXELS = 384  # shorter side of a volume's large picture


def write_structures(path, predicted, integrator, settings, look=volumes.projections):
    """Writes the picture of a cell with each structure, typical and drawn.

    Args: path; a `Prediction`; integrator: gives spec and structures; `Settings`; look: of LOOKS.
    """
    spec, image = integrator.spec, predicted.cell.image / np.float32(255)
    drawn = {f"draw {i + 1}": draw for i, draw in enumerate(predicted.draws)}
    window = window_of(spec, image)
    images = {"typical": predicted.typical, **drawn, **predicted.statistics}
    images = {label: arranged(spec, each, look, window) for label, each in images.items()}
    cell, names = arranged(spec, image, look, window), integrator.structures
    _write_png(path, figures.structures_in_cell(cell, images, names, settings.contrast, **_layout(spec, window)))


def write_slices(path, predicted, integrator, settings):
    """Writes what `write_structures` writes, of planes through the middle of a volume."""
    write_structures(path, predicted, integrator, settings, volumes.slices)


def write_composite(path, predicted, integrator, settings):
    """Writes all structures of a cell in one picture, of a volume by its projections and by its middle planes.

    Args: as of `write_structures`.
    """
    spec, names = integrator.spec, integrator.structures
    x_r, colors = _outlines(predicted, spec), structures.colors(names)
    if "Z" not in spec.axes:
        shown = (volumes.arrange({spec.axes: each}, spec.pixel_sizes) for each in (x_r, predicted.typical))
        _write_png(path, figures.composite(*shown, colors, names, settings.contrast, pixel_size=spec.pixel_width))
        return
    window, panels = window_of(spec, x_r), []
    for look in LOOKS.values():
        pair = (arranged(spec, each, look, window) for each in (x_r, predicted.typical))
        panels.append(figures.mix(*pair, colors, settings.contrast))
    _write_png(path, _in_colors(panels, list(LOOKS), colors, names, **_layout(spec, window)))


def write_film(path, predicted, integrator, settings):
    """Writes a GIF through the planes of a volume, with all structures. Args: as of `write_structures`."""
    spec, names = integrator.spec, integrator.structures
    x_r, colors = _outlines(predicted, spec), structures.colors(names)
    window, frames = window_of(spec, x_r), []
    stretched = (figures.stretch(each, settings.contrast) for each in (x_r, predicted.typical))  # all planes alike
    planes = (_planes(spec, each, window) for each in stretched)
    for position, outlines, found in zip(_positions(spec, window), *planes, strict=True):
        panel = figures.mix(outlines, found, colors, "none")
        frames.append(_in_colors([panel], [position], colors, names, pixel_size=spec.pixel_width))
    _write_gif(path, frames)


def write_samples(path, x_rs, name, spec):
    """Writes the picture of new cells with a structure.

    Args: path; x_rs (B, ..., C) in [0, 1]; the structure's name; the `CellSpec`.
    """
    if "Z" not in spec.axes:
        shown = volumes.arrange({spec.axes: x_rs}, spec.pixel_sizes)
        _write_png(path, figures.cell_grid(shown, COLUMNS, [name], "percentile", spec.pixel_width))
        return
    window, rows = window_of(spec, x_rs.max(axis=0)), []
    for start in range(0, len(x_rs), COLUMNS):
        for look in LOOKS.values():
            shown = arranged(spec, x_rs[start : start + COLUMNS], look, window)
            rows.append([figures.overlay(image, contrast="percentile") for image in shown])
    labels = list(LOOKS) * (len(rows) // len(LOOKS))
    _write_png(path, montage(rows, [name], labels, **_layout(spec, window)))


def write_samples_film(path, x_rs, name, spec):
    """Writes a GIF through the planes of new cells that are volumes. Args: as of `write_samples`."""
    window = window_of(spec, x_rs.max(axis=0))
    cells = np.stack([figures.stretch(cell, "percentile") for cell in x_rs])
    pairs = zip(_positions(spec, window), _planes(spec, cells, window), strict=True)
    bar = {"pixel_size": spec.pixel_width}
    _write_gif(path, [figures.cell_grid(planes, COLUMNS, [f"{name}, {position}"], **bar) for position, planes in pairs])


def window_of(spec, image):
    """Returns the part of the frame that pictures of a cell show, as of `volumes.around`. Args: image (..., R or C)."""
    return volumes.around(volumes.projections(spec.reference(image), spec.axes))


def arranged(spec, images, look, window):
    """Returns images (..., C) as pictures show them: planes, or the views of volumes beside each other."""
    return volumes.arrange(volumes.cut(look(images, spec.axes), window), spec.pixel_sizes)


def _planes(spec, volume, window):
    """The planes of a volume along z, in the scale of x along both axes."""
    return volumes.arrange({"YX": volumes.through(volume, spec.axes, window)}, spec.pixel_sizes)


def _positions(spec, window):
    """What the planes of a film are called: their distance from the middle of the frame, where the nucleus is."""
    count, size = dict(zip(spec.axes, spec.shape, strict=True))["Z"], spec.pixel_sizes["Z"]
    return [f"z = {(number - (count - 1) / 2) * size:+.1f} µm" for number in range(count)[window["Z"]]]


def _outlines(predicted, spec):
    return spec.reference(predicted.cell.image / np.float32(255))


def _layout(spec, window):
    """The scale bar and the size of panels, as `montage` takes them."""
    return {"pixel_size": spec.pixel_width, **volumes.layout(window, spec.pixel_sizes)}


def _in_colors(panels, titles, colors, names, pixel_size, **layout):
    """Pictures of a volume in a row, enlarged, and the legend. Args: pixel_size: of the pictures before that."""
    large = [enlarge(panel, VOLUME_PIXELS) for panel in panels]
    pixel_size *= len(panels[0]) / len(large[0])
    return figures.with_legend(montage([large], titles, pixel_size=pixel_size, **layout), figures.legend(colors, names))


def _write_gif(path, frames):
    with atomic_write(path) as partial:
        film.write_gif(frames, partial)


def _write_png(path, picture):
    with atomic_write(path) as partial:
        figures.to_png(picture, partial)
