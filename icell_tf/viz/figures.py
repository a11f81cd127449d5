"""Pictures of cells: pure functions from arrays to RGB arrays.

Images come as floats in [0, 1], channels last; every picture is uint8 (rows, columns, 3). Colours are those of the
paper's Figures 2 and 3: membrane magenta, nucleus cyan, structure yellow.
"""

import numpy as np
from PIL import Image, ImageDraw
from skimage import segmentation

from icell_tf.viz.panels import BACKGROUND, FONT_SIZE, INK, enlarge, font, montage, text_width, with_scale_bar

MEMBRANE = (0.6, 0.0, 0.6)  # not full, so that a structure can be seen on membranes and nuclei that are masks
NUCLEUS = (0.0, 0.6, 0.6)
STRUCTURE = (1.0, 1.0, 0.0)
WHITE = (1.0, 1.0, 1.0)
CHANNEL_COLORS = (MEMBRANE, NUCLEUS, STRUCTURE)
CONTRASTS = ("none", "max", "percentile")

COMPOSITE_PIXELS = 512
DOMINANCE = 4  # power of a structure's intensity by which its colour is weighted
GREYS = (1.0, 0.6)  # of membrane and nucleus under many structures
EDGE = 0.1  # of the highest intensity of membrane and nucleus, above which pictures take a pixel for the cell


def stretch(image, contrast="none"):
    """Scales each channel of one image for display.

    Args:
      image: (H, W, C) floats in [0, 1], or a volume.
      contrast: "none" clips only, "max" divides each channel by its largest value, "percentile" by its 99.9th
        percentile, so that a few bright pixels do not darken the rest. A channel that is zero stays zero.

    Returns: float32 in [0, 1], of the same shape.
    """
    image = np.asarray(image, np.float32)
    pixels = tuple(range(image.ndim - 1))
    if contrast not in CONTRASTS:
        raise ValueError(f"contrast is {contrast!r}, but must be one of {', '.join(CONTRASTS)}")
    if contrast != "none":
        top = image.max(axis=pixels)
        if contrast == "percentile":
            percentile = np.percentile(image, 99.9, axis=pixels)
            top = np.where(percentile > 0, percentile, top)  # a structure of a few pixels has a percentile of zero
        image = image / np.where(top > 0, top, 1)
    return np.clip(image, 0, 1)


def overlay(image, colors=CHANNEL_COLORS, contrast="none"):
    """Blends the channels of one image, each in its colour, by screening: 1 - prod(1 - channel * colour).

    Args:
      image: (H, W, C) floats in [0, 1]: by default membrane, nucleus and, if there is a third, structure.
      colors: at least C RGB colours in [0, 1].
      contrast: see `stretch`.

    Returns: (H, W, 3) uint8.

    Example:
      >>> import numpy as np
      >>> from icell_tf.viz import figures
      >>> figures.overlay(np.ones((1, 1, 2))).tolist()  # membrane and nucleus
      [[[153, 153, 214]]]
    """
    image = stretch(image, contrast)
    if image.shape[-1] > len(colors):
        raise ValueError(f"the image has {image.shape[-1]} channels, but there are only {len(colors)} colours")
    dark = np.ones(image.shape[:2] + (3,), np.float32)
    for channel, color in zip(np.moveaxis(image, -1, 0), colors, strict=False):
        dark *= 1 - channel[..., None] * np.asarray(color, np.float32)
    return np.rint(255 * (1 - dark)).astype(np.uint8)


def around_cell(x_r, margin=0.1):
    """Finds the square around the cell, to crop pictures to: a cell may fill little of its frame.

    Args:
      x_r: (H, W, 2) membrane and nucleus in [0, 1].
      margin: left free on each side, as a fraction of the cell's extent.

    Returns: Slices of rows and columns, of equal length unless a side of the frame is shorter; the whole frame where it
      is empty.
    """
    seen = np.max(x_r[..., :2], axis=-1)
    indices = np.nonzero(seen > EDGE * seen.max())
    if not indices[0].size:
        return slice(None), slice(None)
    low, high = np.min(indices, axis=1), np.max(indices, axis=1) + 1
    sides = np.minimum(int(np.ceil((1 + 2 * margin) * (high - low).max())), seen.shape)
    starts = np.clip((low + high - sides) // 2, 0, seen.shape - sides)
    return tuple(slice(start, start + side) for start, side in zip(starts.tolist(), sides.tolist(), strict=True))


def composite(x_r, structures, colors, names, contrast="percentile", reference_strength=0.35, pixel_size=None):
    """Shows one cell, cut out of its frame, with every structure in its own colour, and a legend beside it.

    Args:
      x_r, structures, colors, contrast, reference_strength: as of `mix`.
      names: K texts for the legend.
      pixel_size: µm a pixel along the images' rows, for a scale bar; None for no bar.

    Returns: uint8 (height, width, 3).
    """
    small = mix(x_r, structures, colors, contrast, reference_strength, around_cell(x_r))
    cell = enlarge(small, COMPOSITE_PIXELS)
    if pixel_size is not None:
        cell = with_scale_bar(cell, pixel_size * small.shape[1] / cell.shape[1])
    return with_legend(cell, legend(colors, names, reference_strength))


def mix(x_r, structures, colors, contrast="percentile", reference_strength=0.35, where=...):
    """Shows one cell with every structure in its own colour.

    Ten colours added up would be white nearly everywhere. So a pixel has the colours' mean, weighted by the structures'
    intensities to the power of `DOMINANCE`, which is nearly the strongest's, and the strongest's intensity.

    Args:
      x_r: (H, W, 2) membrane and nucleus in [0, 1], drawn in greys under the structures; of masks the outlines.
      structures: (H, W, K) in [0, 1].
      colors: (K, 3) RGB in [0, 1].
      contrast: see `stretch`; each structure is scaled on its own.
      reference_strength: brightness of membrane and nucleus, in [0, 1].
      where: the part that is shown, slices of rows and columns; all of it if left out.

    Returns: uint8 (h, w, 3), a pixel a pixel.
    """
    if len(colors) != structures.shape[-1]:
        raise ValueError(f"{structures.shape[-1]} structures, but {len(colors)} colours")
    strength = stretch(structures, contrast)[where]
    weights = strength**DOMINANCE
    weights /= np.maximum(weights.sum(axis=-1, keepdims=True), 1e-12)
    foreground = weights @ np.asarray(colors, np.float32) * strength.max(axis=-1, keepdims=True)
    shown = np.dstack([_outlined_mask(channel) for channel in np.moveaxis(stretch(x_r, contrast), -1, 0)])
    grey = reference_strength * shown[where] @ np.array(GREYS, np.float32)[:, None]
    rgb = 1 - (1 - foreground) * (1 - np.clip(grey, 0, 1))
    return np.rint(255 * np.clip(rgb, 0, 1)).astype(np.uint8)


def legend(colors, names, reference_strength=0.35):
    """Returns the entries of a legend for `with_legend`: the structures, then membrane and nucleus in their greys."""
    greys = {name: (reference_strength * grey,) * 3 for name, grey in zip(("membrane", "nucleus"), GREYS, strict=True)}
    return [*zip(names, colors, strict=True), *greys.items()]


def _outlined_mask(channel):
    """A channel that is a filled mask as its outline, because its grey would hide colours; any other as it is.

    In a mask most pixels have the largest value, in an image few.
    """
    inside = channel > 0.5 * channel.max()
    if 2 * np.count_nonzero(channel == channel.max()) < np.count_nonzero(inside):
        return channel
    return segmentation.find_boundaries(inside, mode="inner").astype(np.float32)


def observed_over_reconstructed(observed, reconstructed, labels=None, contrast="none"):
    """Two rows, as in Figure 2: observed cells, (B, H, W, 2 or 3), above their reconstructions, under B labels."""
    rows = [[overlay(image, contrast=contrast) for image in images] for images in (observed, reconstructed)]
    return montage(rows, labels, ("observed", "reconstructed"))


def cell_grid(images, columns=8, labels=None, contrast="none", pixel_size=None):
    """Cells, (B, H, W, 2 or 3) in [0, 1], in rows of `columns`; `labels` are the first row's column labels.

    Args: pixel_size: µm a pixel along the images' rows, for a scale bar in the first; None for no bar.
    """
    panels = [overlay(image, contrast=contrast) for image in images]
    return montage([panels[i : i + columns] for i in range(0, len(panels), columns)], labels, pixel_size=pixel_size)


def integration_grid(observed, predicted, names, row_labels=None):
    """One row a cell, as in Figure 3: the observed cell, then the cell with each of the K predicted structures.

    Panels are cropped to the square that holds all cells. A predicted structure is dimmer than an observed one where
    it may lie in many places. So each panel is scaled on its own, and brightness can't be compared across panels.

    Args: observed (B, H, W, 2 or 3); predicted (B, H, W, K); K column labels; B row labels, or None.
    """
    observed, predicted = np.asarray(observed), np.asarray(predicted)
    where = (slice(None), *around_cell(observed.max(axis=0)))
    rows = [
        [overlay(cell, contrast="percentile"), *_with_each_structure(cell, structures, "percentile")]
        for cell, structures in zip(observed[where], predicted[where], strict=True)
    ]
    return montage(rows, ["observed", *names], row_labels)


def structures_in_cell(cell, predictions, names, contrast="percentile", **layout):
    """One cell: a row for each prediction, and below the first one its structures alone in grey.

    The observed cell, and its structure alone, stand left of these two rows. Each panel is scaled on its own, see
    `stretch`.

    Args: cell (H, W, 2 or 3); predictions {row label: (H, W, K)}; K column labels; contrast; layout: pixel_size of
      the scale bar and more, as of `montage`.
    """
    rows = [[None, *_with_each_structure(cell, structures, contrast)] for structures in predictions.values()]
    rows[0][0] = overlay(cell, contrast=contrast)
    (first, typical), *others = predictions.items()
    observed = overlay(cell[..., 2:], (WHITE,), contrast) if cell.shape[-1] == 3 else None
    rows.insert(1, [observed, *_each_alone(typical, contrast)])
    labels = [first, f"{first}, alone", *(label for label, _ in others)]
    return montage(rows, ["observed cell", *names], labels, **layout)


def structure_grid(structures, names):
    """One row a cell, one column a structure: channels (B, H, W, K) alone, in grey, each scaled on its own."""
    return montage([_each_alone(cell, "percentile") for cell in np.asarray(structures)], names)


def to_png(rgb, path):
    """Writes uint8 (height, width, 3) as a PNG file."""
    Image.fromarray(rgb).save(path, format="PNG")


def _each_alone(structures, contrast):
    return [overlay(structures[..., k : k + 1], (WHITE,), contrast) for k in range(structures.shape[-1])]


def _with_each_structure(cell, structures, contrast):
    """K overlays: membrane and nucleus of the cell, each with one of the structures (H, W, K)."""
    images = (np.dstack([cell[..., :2], structures[..., k]]) for k in range(structures.shape[-1]))
    return [overlay(image, contrast=contrast) for image in images]


def with_legend(picture, entries, size=FONT_SIZE):
    """Puts a legend beside a picture, on black.

    Args: picture: uint8 (height, width, 3). entries: pairs of a name and an RGB colour in [0, 1]. size: of the letters,
      in pixels.
    Returns: uint8, wider, and as high as the legend at least.
    """
    line = size + 10
    width = text_width([name for name, _ in entries], size) + line + 12
    height, columns, _ = picture.shape
    canvas = Image.new("RGB", (columns + width, max(height, 8 + line * len(entries))), INK)
    canvas.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(canvas)
    for i, (name, color) in enumerate(entries):
        x, y = columns + 6, 8 + line * i
        draw.rectangle((x, y, x + size, y + size), tuple(int(round(255 * min(c, 1))) for c in color))
        draw.text((x + line, y + size // 2), str(name), BACKGROUND, font(size), anchor="lm")
    return np.asarray(canvas)
