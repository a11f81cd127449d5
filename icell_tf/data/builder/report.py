"""The report of a build: counts, bad cells, pixel sizes, intensities, and a contact sheet of cells."""

import array
import collections
import csv
import hashlib
import io
import tempfile

import numpy as np

from icell_tf.imaging import prepare
from icell_tf.imaging.manifest import spelling
from icell_tf.imaging.manifest.cells import grouped
from icell_tf.imaging.manifest.splits import SPLITS
from icell_tf.imaging.read.channels import CHANNEL_ROLES
from icell_tf.messages import counted, show
from icell_tf.viz import figures, volumes

REPORT, SET_ASIDE, CONTACT_SHEET = "report.txt", "set_aside.csv", "contact_sheet.png"
CELLS_PICTURED = 6  # of each structure on the contact sheet
REASONS_IN_REPORT = 6  # why cells are set aside; set_aside.csv lists all of them
REASONS_IN_MESSAGE = 1000  # of an error


class BadCells(ValueError):
    """Cells that can't be used. The message lists each reason with a cell, larger frames, and what to do.

    Where it does not name all cells, it names a file with the CellId, file and reason of each.

    Args: bad_cells: `BadCell`s. remedy: a sentence. larger_frames: as `frames.larger_frames` returns them.
    """

    def __init__(self, bad_cells, remedy, larger_frames=()):
        super().__init__(bad_cells)
        self.bad_cells, self._remedy, self._larger_frames = bad_cells, remedy, larger_frames

    def __str__(self):
        count, reasons = len(self.bad_cells), grouped(self.bad_cells)[:REASONS_IN_MESSAGE]
        text = "\n  ".join([f"{counted(count, 'cell')} can't be used, so nothing was written:", *reasons]) + "\n"
        if count > len(reasons):
            with tempfile.NamedTemporaryFile(
                "w", prefix="bad_cells_", suffix=".csv", newline="", encoding="utf-8", delete=False
            ) as file:
                file.write(to_csv(self.bad_cells))
            text += f"{file.name} lists all of them.\n"
        return text + "".join(f"{line}\n" for line in self._larger_frames) + self._remedy


class Tally:
    """Statistics of the good cells, in a few numbers a cell. Args: axes: "YX", or "ZYX" of volumes."""

    def __init__(self, axes="YX"):
        self._axes = axes
        self.scales = collections.Counter()
        self.guesses = collections.Counter()
        self.ambiguous = 0
        self._ranges = [(array.array("d"), array.array("d")) for _ in CHANNEL_ROLES]

    def add(self, findings):
        """Adds one cell's `Findings`."""
        self.scales[tuple(float(f"{size:.4g}") for size in findings.scale[-len(self._axes) :])] += 1
        self.guesses.update(set(findings.guesses))
        self.ambiguous += findings.ambiguous_pose
        for (backgrounds, highest), (low, high) in zip(self._ranges, findings.ranges, strict=True):
            backgrounds.append(low)
            highest.append(high)

    def lines(self):
        """Pixel sizes, guesses, intensities and poses, as lines of text."""
        texts = ((" x ".join(f"{size:g}" for size in sizes), count) for sizes, count in self.scales.most_common())
        found = ", ".join(f"{text} ({counted(count, 'cell')})" for text, count in texts)
        header = ("intensity of", "background: lowest", "median", "highest", "maximum: lowest", "median", "highest")
        rows = [
            (name, *(f"{f(values):.6g}" for values in ranges for f in (np.min, np.median, np.max)))
            for name, ranges in zip(CHANNEL_ROLES, self._ranges, strict=True)
        ]
        pose = f"{counted(self.ambiguous, 'cell')} too round or too symmetric for a certain pose (ambiguous_pose)."
        guesses = [f"  {guess} ({counted(count, 'cell')})" for guess, count in self.guesses.most_common()]
        if guesses:
            guesses = ["Please check what was guessed, and where files say otherwise than the manifest:", *guesses, ""]
        axes = " x ".join(self._axes.lower())
        return [f"Pixel sizes found, µm, {axes}: {found}", "", *guesses, *_table([header, *rows]), "", pose]


def write_report(name, folder, examination, spec):
    """Prints the report of a build and writes it beside the data, with the contact sheet and the list of bad cells.

    Args: name: of the data set. folder: of the data, as TFDS' path. examination: the build's `Examination`. spec: the
      `CellSpec` of the cells.
    """
    cells, bad_cells = examination.cells, examination.bad_cells
    chosen = _choose_pictured(cells, sorted(i for indices in examination.divided.values() for i in indices))
    pictured = {structure: chosen[structure] for structure in examination.structures}
    views = {
        structure: [_views(record, spec) for record in examination.passes.records(indices)]
        for structure, indices in pictured.items()
    }
    text = _report_text(name, examination, {s: [cells[i].cell_id for i in indices] for s, indices in pictured.items()})
    (folder / REPORT).write_text(text + "\n")
    (folder / SET_ASIDE).write_text(to_csv(bad_cells))
    with (folder / CONTACT_SHEET).open("wb") as file:
        figures.to_png(contact_sheet(views, spec), file)
    show(f"\n{text}\n")


def _report_text(name, examination, pictured):
    """Args: pictured: {structure: CellIds on the contact sheet}."""
    cells, bad_cells = examination.cells, examination.bad_cells
    counts = {s: collections.Counter(cells[i].structure for i in found) for s, found in examination.divided.items()}
    splits = [split for split in SPLITS if counts[split]]
    rows = [(structure, *(counts[split][structure] for split in splits)) for structure in pictured]
    rows = [(*row, sum(row[1:])) for row in rows]
    totals = ("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))
    absent = {name: [s for s in SPLITS if not counts[s][name]] for name in pictured}
    lacking = [
        f"{name} has no cell in {' or '.join(missing)}: a cell in each split needs three fields of view."
        for name, missing in absent.items()
        if missing
    ]
    alone = sum(cell.fov_id == cell.cell_id for cell in cells if not isinstance(cell, prepare.SimulatedId))
    if alone:
        lacking.append(
            f"{counted(alone, 'cell')} without a field of view (FOVId), each taken as a field of its own: cells of one "
            "field may lie in different splits."
        )
    similar = spelling.resembling({row[0]: row[-1] for row in rows})
    reasons = [f"  {line}" for line in grouped(bad_cells)]
    if (more := len(reasons) - REASONS_IN_REPORT) > 0:
        reasons[REASONS_IN_REPORT:] = [f"  ... and for {counted(more, 'other reason')}"]
    blocks = [
        [f"{name}: {counted(totals[-1], 'cell')}."],
        [*_table([("structure", *splits, "all"), *rows, totals]), *lacking, *similar],
        *([truth] if (truth := _known_structures(cells, examination.divided)) else []),
        examination.tally.lines(),
        [f"{counted(len(bad_cells), 'cell')} set aside ({SET_ASIDE}){':' if reasons else '.'}", *reasons],
        *([examination.larger_frames] if examination.larger_frames else []),
        [f"{CONTACT_SHEET} shows, from left to right:", *(f"  {s}: {', '.join(ids)}" for s, ids in pictured.items())],
    ]
    return "\n\n".join("\n".join(block) for block in blocks)


def _known_structures(cells, divided):
    """Says of how many cells each structure is known, and how fields are divided; nothing without truth.csv."""
    chosen = [cells[index] for indices in divided.values() for index in indices]
    known = collections.Counter(
        name for cell in chosen for name, channel in getattr(cell, "truth", {}).items() if channel is not None
    )
    if not known:
        return []
    fields = {split: len({cells[index].fov_id for index in indices}) for split, indices in divided.items()}
    listed = ", ".join(f"{structure} of {counted(count, 'cell')}" for structure, count in known.items())
    return [
        f"Known beside the structure shown (truth.csv): {listed}.",
        "Fields of view, divided for all structures together: "
        f"{', '.join(f'{count} in {split}' for split, count in fields.items() if count)}.",
    ]


def _table(rows):
    """Aligns rows as lines of text: the first column left, the others right."""
    rows = [[f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [[value.rjust(width) for value, width in zip(row, widths, strict=True)] for row in rows]
    return ["  ".join([row[0].ljust(widths[0]), *line[1:]]) for row, line in zip(rows, aligned, strict=True)]


def to_csv(bad_cells):
    """Returns bad cells as CSV: CellId, file, reason."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("CellId", "file", "reason"))
    writer.writerows((bad.cell_id, bad.source, bad.reason) for bad in bad_cells)
    return text.getvalue()


def _choose_pictured(cells, indices):
    """Chooses cells of every structure for the contact sheet by a hash of their ids: {structure: [indices]}."""
    chosen = collections.defaultdict(list)
    for index in sorted(indices, key=lambda i: hashlib.sha256(cells[i].cell_id.encode()).digest()):
        if len(chosen[cells[index].structure]) < CELLS_PICTURED:
            chosen[cells[index].structure].append(index)
    return chosen


def _views(record, spec):
    return volumes.projections(prepare.decoded(record["image"]), spec.axes)


def contact_sheet(rows, spec):
    """Draws cells, a row for each structure: membrane magenta, nucleus cyan, structure yellow.

    Args: rows: {structure: views of cells, uint8, as of `volumes.projections`}. spec: the cells' `CellSpec`.
    Returns: RGB, uint8 (height, width, 3).
    """
    cells = [views for row in rows.values() for views in row]
    window = volumes.around({view: np.max([views[view] for views in cells], axis=0) for view in cells[0]})
    panels = [[_panel(volumes.cut(views, window), spec) for views in row] for row in rows.values()]
    return figures.montage(panels, row_labels=list(rows))


def _panel(views, spec):
    image = volumes.arrange({view: image / 255 for view, image in views.items()}, spec.pixel_sizes)
    return figures.overlay(image, contrast="percentile")
